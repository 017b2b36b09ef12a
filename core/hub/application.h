// What the hub and the loops ask of the program that embeds them. The C API implements it over the callbacks of chat.h; the
// defaults here are a server without callbacks. Runs on loop threads, with no lock held.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hub/client.h"
#include "hub/decision.h"
#include "model/message.h"

namespace chat {

struct ConnectRequest {
  ClientId client = 0;
  std::string path;  // decoded, without the query
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
  std::string auth;  // Socket.IO: the JSON object of CONNECT; empty without
  std::string socket_id;
  ClientId recovered_from = 0;  // the client that this one continues, if it is accepted; 0: none
};

enum class Action : std::uint8_t { join = 1, publish = 2, history = 3, members = 4, rooms = 5, rename = 6 };

struct AuthorizeRequest {
  ClientPtr client;
  Action action;
  std::string_view room;    // empty for rooms and rename
  std::string_view value;   // rename: the wanted name; publish: the event name
  DecisionId decision = 0;  // by which a deferred verdict comes: Hub::decide()
};

struct MessageRequest {
  ClientPtr client;
  MessageDraft& draft;  // may be changed
  std::uint64_t ack_id = 0;
  DecisionId decision = 0;
};

// The end of a message that its receiver was asked to acknowledge.
struct AckOutcome {
  std::uint64_t ack_id = 0;
  Error error = Error::ok;  // timed_out; no_such_client: it went before it answered; too_many: never sent
  std::string args;         // a JSON array; empty unless ok
  std::vector<std::string> attachments;
};

class Application {
 public:
  virtual ~Application() = default;

  virtual Decision on_connect(const ConnectRequest&) { return {}; }
  // recovered_from: the client that this one continues after its connection was lost; 0: none.
  virtual void on_open(const ClientPtr&, std::string_view room, ClientId recovered_from) {
    (void)room, (void)recovered_from;
  }
  virtual void on_disconnect(const ClientPtr&, int close_code, std::string_view reason) {
    (void)close_code, (void)reason;
  }
  // It went, or its time was over, before the verdict that on_connect had deferred: in place of on_disconnect.
  virtual void on_abandon(const ClientPtr&, int close_code, std::string_view reason) { (void)close_code, (void)reason; }
  // nullopt: the default policy. It allows everything but the lists of members and rooms, and a new name to a client without a
  // user id only.
  virtual std::optional<Decision> on_authorize(const AuthorizeRequest&) { return std::nullopt; }
  virtual void on_join(const ClientPtr&, std::string_view room) { (void)room; }
  virtual void on_leave(const ClientPtr&, std::string_view room, std::string_view reason) { (void)room, (void)reason; }
  virtual Decision on_message(MessageRequest&) { return {}; }
  // A numbered message of a room has its place. In the room's order, on one thread at a time for each room.
  virtual void on_published(const Message&) {}
  virtual void on_ack(const ClientPtr&, const AckOutcome&) {}
  // On a thread of the server, before and after everything else.
  virtual void on_thread_start() {}
  virtual void on_thread_stop() {}
  virtual void log(LogLevel level, std::string_view text) { (void)level, (void)text; }
};

}  // namespace chat
