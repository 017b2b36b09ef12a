// Binary frames of chat.v1 (docs/protocol.md, "Binary frames"), for clients that chose the subprotocol chat.v1.binary: the
// length of the JSON text, the JSON text, and the bytes of its attachments, whose lengths the JSON text gives. Messages
// and replies without attachments are text frames as in chat.v1.
#pragma once

#include <optional>
#include <string_view>

#include "model/command.h"
#include "model/message.h"
#include "wire/codec.h"

namespace chat::wire {

inline constexpr std::size_t kChatV1LengthBytes = 4;  // the length of the JSON text, in network byte order

// The parts of a binary frame, as views of it.
struct ChatV1Parts {
  std::string_view json;
  std::string_view attachments;  // all of them, one after the other
};

// nullopt when the frame is shorter than its head says. Checks nothing else.
std::optional<ChatV1Parts> split_chat_v1_binary(std::string_view frame);

// nullopt when there are no attachments, so a text frame is sent.
std::optional<Packet> encode_chat_v1_binary(const Message& message);
std::optional<Packet> encode_chat_v1_binary(const Reply& reply);

}  // namespace chat::wire
