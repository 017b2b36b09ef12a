// The application's side of the server: the hub and the loops call it. The C API implements it with the callbacks of
// chat.h; the defaults here behave like a server without callbacks. log() may run on any thread; the other functions run
// on loop threads. No lock is held during a call.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hub/client.h"
#include "hub/decision.h"
#include "model/message.h"
#include "model/moderation.h"

namespace chat {

// A client that asks to connect.
struct ConnectRequest {
  ClientId client = 0;
  std::string path;  // percent-decoded, without the query
  Pairs query;
  Pairs headers;  // names in lower case
  Pairs cookies;
  std::string origin;
  std::string address;
  bool secure = false;
  std::string room;
  std::string token;
  std::string user_name;
  std::string password;
  Protocol protocol = Protocol::plain;
  Transport transport = Transport::websocket;
  std::string auth;  // Socket.IO: the JSON object of the CONNECT packet; empty when it has none
  std::string socket_id;
  ClientId recovered_from = 0;  // the client that this one continues if it is accepted; 0: none
};

enum class Action : std::uint8_t {
  join = 1,
  publish = 2,
  history = 3,
  members = 4,
  rooms = 5,
  rename = 6,
  edit = 7,
  redact = 8,
  react = 9,
  moderate = 10,
  report = 11,
  state = 12,
};

// A client's request to perform an action.
struct AuthorizeRequest {
  ClientPtr client;
  Action action;
  std::string_view room;  // empty for rooms, rename and state
  // rename: the requested name; publish: the event name; edit, redact, react, report: the message's seq; state: the JSON value,
  // empty: none; moderate: action_name()
  std::string_view value;
  DecisionId decision = 0;  // identifies a deferred verdict in Hub::decide()
};

struct MessageRequest {
  // A message that on_message decides about.
  ClientPtr client;
  MessageDraft& draft;       // on_message may change it
  std::uint64_t ack_id = 0;  // 0: the client wants no acknowledgement
  DecisionId decision = 0;
};

// The outcome of a message that its receiver was asked to acknowledge.
struct AckOutcome {
  std::uint64_t ack_id = 0;
  Error error = Error::ok;  // timed_out; no_such_client: the client left before it answered; too_many: not sent
  std::string args;         // a JSON array; empty unless error is ok
  std::vector<std::string> attachments;
};

class Application {
 public:
  virtual ~Application() = default;

  // Whether it has something to say about requests (on_authorize()) and messages (on_message()); constant. Without that,
  // these are not called, and the default policy applies.
  virtual bool decides_requests() const { return true; }
  virtual bool decides_messages() const { return true; }

  // Returns the verdict on a connection: pass, refuse or defer.
  virtual Decision on_connect(const ConnectRequest&) { return {}; }
  // recovered_from: the client that this one continues after a lost connection; 0: none.
  virtual void on_open(const ClientPtr&, std::string_view room, ClientId recovered_from) {
    (void)room, (void)recovered_from;
  }
  // close_code: RFC 6455 section 7.4. Not called for a client that was not accepted; see on_abandon().
  virtual void on_disconnect(const ClientPtr&, int close_code, std::string_view reason) {
    (void)close_code, (void)reason;
  }
  // Called instead of on_disconnect when the client leaves, or times out, before the deferred verdict on its
  // connection.
  virtual void on_abandon(const ClientPtr&, int close_code, std::string_view reason) { (void)close_code, (void)reason; }
  // nullopt selects the default policy: everything is allowed except listing rooms and members, and only guests can
  // rename themselves. Asked about edit, redact and moderate only for clients that may do it by themselves.
  virtual std::optional<Decision> on_authorize(const AuthorizeRequest&) { return std::nullopt; }
  // Called after the fact, like on_leave().
  virtual void on_join(const ClientPtr&, std::string_view room) { (void)room; }
  virtual void on_leave(const ClientPtr&, std::string_view room, std::string_view reason) { (void)room, (void)reason; }
  // Returns the verdict on a message or an edit: pass, refuse, consume or defer.
  virtual Decision on_message(MessageRequest&) { return {}; }
  // Reports a numbered message, edit, redaction or reaction that now has its position in its room. Calls for one room
  // follow the room's order and do not overlap.
  virtual void on_published(const Message&) {}
  // Reports a change of who is in a room: message.presence has all of it, at any level. In the room's order.
  virtual void on_presence(const Message&) {}
  // Reports what was moderated, by a client or by the application. Calls for one room do not overlap.
  virtual void on_audit(const AuditRecord&) {}
  // A member has reported a message. Calls for one room do not overlap.
  virtual void on_report(const Report&) {}
  // Runs once per AckWish.
  virtual void on_ack(const ClientPtr&, const AckOutcome&) {}
  // Run on each thread of the server, before and after all other calls on it.
  virtual void on_thread_start() {}
  virtual void on_thread_stop() {}
  // Reports a log line.
  virtual void log(LogLevel level, std::string_view text) { (void)level, (void)text; }
};

}  // namespace chat
