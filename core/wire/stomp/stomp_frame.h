// STOMP's vocabulary: versions, commands, frames, and how frames are written. https://stomp.github.io/stomp-specification-1.2.html
// (1.1 and 1.0 beside it). Reading them is in stomp_parser.h.
//
// Headers are escaped from version 1.1 on. Version 1.0, and CONNECT and CONNECTED of every version, have no escapes: what would
// end a header line early is written as a space there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/types.h"

namespace chat::wire {

enum class StompVersion : std::uint8_t { v1_0, v1_1, v1_2 };

std::string_view name_of(StompVersion version);

enum class StompCommand : std::uint8_t {
  // A client's.
  connect,
  stomp,
  send,
  subscribe,
  unsubscribe,
  ack,
  nack,
  begin,
  commit,
  abort,
  disconnect,
  // A server's.
  connected,
  message,
  receipt,
  error,
};

std::string_view name_of(StompCommand command);
std::optional<StompCommand> find_stomp_command(std::string_view name);
// SEND, MESSAGE and ERROR. From version 1.1 on no other frame may have a body.
bool may_have_body(StompCommand command);

struct StompFrame {
  StompCommand command = StompCommand::send;
  Pairs headers;  // in their order, repeated ones too
  std::string body;

  // The value of the first header of this name: only that counts. nullptr: there is none.
  const std::string* header(std::string_view name) const;
};

// Appends one header line.
void append_stomp_header(std::string& out, StompVersion version, StompCommand command, std::string_view name,
                         std::string_view value);

// A whole frame, with a content-length header when there is a body. The frame's own content-length headers are left out.
std::string encode_stomp(const StompFrame& frame, StompVersion version);

// A MESSAGE frame in two parts, of which the second is the same for all subscriptions of one version and is encoded once.
// Together they are the frame.
//
// subscription: the id of the subscription; nullptr: it has none, which version 1.0 allows. ack: what an ACK frame of version
// 1.2 refers to; empty: the subscription needs no acknowledgements.
std::string stomp_message_head(StompVersion version, const std::string* subscription, std::string_view ack = {});
// headers: with destination and message-id, without content-length.
std::string stomp_message_tail(StompVersion version, const Pairs& headers, std::string_view body);

// A heart-beat in either direction.
inline constexpr std::string_view kStompHeartBeat = "\n";

}  // namespace chat::wire
