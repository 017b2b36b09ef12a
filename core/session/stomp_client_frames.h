// What the headers of a STOMP client's frames mean, as values. A Status that is not ok() has the sentence for the ERROR frame.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/command.h"
#include "model/types.h"
#include "session/stomp_action.h"
#include "wire/stomp/stomp_destination.h"
#include "wire/stomp/stomp_frame.h"

namespace chat::session {

std::optional<std::string> header_of(const wire::StompFrame& frame, std::string_view name);

struct StompConnectFrame {
  wire::StompVersion version = wire::StompVersion::v1_0;
  std::string host;
  std::optional<std::string> login;
  std::optional<std::string> passcode;
};
// Clients of version 1.0 pad headers, which the parser cannot know before.
StompConnectFrame read_connect(const wire::StompFrame& frame, wire::StompVersion version);

struct StompSubscribeFrame {
  std::optional<std::string> id;  // version 1.0 allows none
  std::string destination_text;
  wire::StompDestination destination;  // a room with a valid name, or a queue of the user
  StompAckMode ack = StompAckMode::automatic;
  std::optional<Position> since;
  bool changes = false;  // the header `changes: true`
};
Result<StompSubscribeFrame> read_subscribe(const wire::StompFrame& frame, wire::StompVersion version,
                                           const wire::StompPrefixes& prefixes);

// Where a SEND frame may go: a room or an event, both with valid names. Otherwise the message is refused.
Result<wire::StompDestination> read_send_destination(std::string_view text, const wire::StompPrefixes& prefixes);

// The headers of a SEND frame that are the sender's own, each name once.
Pairs own_headers(Pairs headers);

}  // namespace chat::session
