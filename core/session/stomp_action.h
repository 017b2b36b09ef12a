// What a STOMP session asks of the code that holds its connection, in this order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/command.h"
#include "model/refusal.h"
#include "model/types.h"
#include "wire/stomp/stomp_destination.h"
#include "wire/stomp/stomp_frame.h"

namespace chat::session {

enum class StompAckMode : std::uint8_t { automatic, client, client_individual };

namespace stomp {

// Identifies a request to StompSession::done() and refused(). Never reused within a session.
using Ref = std::uint64_t;

// Identifies a subscription. Never reused within a session.
using Subscription = std::uint64_t;

// Bytes for the client.
struct Send {
  std::string bytes;
};

// A client wants to connect: StompSession::accept() or reject() answers.
struct Connect {
  wire::StompVersion version = wire::StompVersion::v1_2;
  std::string host;  // empty: the client did not name any
  std::optional<std::string> login;
  std::optional<std::string> passcode;
  Pairs headers;  // all of the frame
};

struct Subscribe {
  Ref ref = 0;
  Subscription subscription = 0;
  wire::StompDestination destination;  // a room with a valid name, or a queue of the user
  std::optional<Position> since;       // the client wants what came after this
  StompAckMode ack = StompAckMode::automatic;
  bool changes = false;  // it receives edits, redactions and reactions too
  std::string head;  // of each of its MESSAGE frames; empty unless `ack` is automatic: see StompSession::message_head()
};

struct Unsubscribe {
  Subscription subscription = 0;
};

// A message for a room or for the application.
struct Publish {
  Ref ref = 0;
  wire::StompDestination destination;
  std::optional<std::string> content_type;
  std::optional<std::string> message_id;
  Pairs headers;  // the client's own, each name once
  std::string body;
  bool committed = false;  // it was in a transaction
};

// A message that is refused before it reaches the layer above, which answers by StompSession::refused().
struct Refuse {
  Ref ref = 0;
  Status status;
};

// What became of messages of a subscription, in the order they were sent.
struct Acknowledged {
  Subscription subscription = 0;
  std::vector<std::string> message_ids;
  bool negative = false;  // NACK
};

// The client ends its connection, when what it sent before has been dealt with: StompSession::done() says so.
struct Disconnect {
  Ref ref = 0;
};

// The connection is closed after what was sent. The last action.
struct Close {
  std::string reason = {};              // empty: the client has disconnected
  std::optional<Refusal> refusal = {};  // the limit or rule that the client broke
};

}  // namespace stomp

using StompAction = std::variant<stomp::Send, stomp::Connect, stomp::Subscribe, stomp::Unsubscribe, stomp::Publish,
                                 stomp::Refuse, stomp::Acknowledged, stomp::Disconnect, stomp::Close>;
using StompActions = std::vector<StompAction>;

}  // namespace chat::session
