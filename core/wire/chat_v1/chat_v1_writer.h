// Writes the JSON text of the server's messages in chat.v1 (docs/protocol.md). Frequent messages (message, ack, pong) and
// payloads are appended directly; cJSON builds the other replies, whose strings contain no NUL.
#pragma once

#include <cstdint>
#include <string>

#include "model/command.h"
#include "model/message.h"

namespace chat::wire {

struct ChatV1Form {
  bool binary = false;                  // attachments are given by their lengths; their bytes follow the JSON text
  std::uint64_t max_message_bytes = 0;  // of a message of the client; the welcome of a binary client gives it
};

// Appends the JSON text of a message.
void append_chat_v1(std::string& out, const Message& message, const ChatV1Form& form = {});

// Appends the JSON text of a reply. Returns false when there is nothing to send, for example an ack without a ref.
bool append_chat_v1(std::string& out, const Reply& reply, const ChatV1Form& form = {});

}  // namespace chat::wire
