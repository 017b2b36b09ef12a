// A WebSocket at an Engine.IO endpoint that is not a session's transport yet. Either it begins a session, or it is a
// candidate: it wants to take over from a session's polling. A candidate hands its messages to the session one at a time and
// waits until the session has handled each, because the session may live on another loop and nothing may be under way when it
// moves here.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "net/deliver/link.h"
#include "net/endpoint/engine_io/engine_io_birth.h"
#include "net/session/session_table.h"

namespace chat::net {

class EngineIoLocal;
class WebSocketLink;

// Names a socket on any loop. The socket may have closed since.
struct SocketHandle {
  std::size_t loop = 0;
  std::uint64_t connection = 0;  // Connection::id()

  bool operator==(const SocketHandle&) const = default;
};

class EngineIoSocket final : public LinkUser {
 public:
  using Backlog = std::vector<std::pair<bool, std::string>>;  // binary, bytes

  // session: the session of which it is a candidate. 0: it begins a session.
  EngineIoSocket(EngineIoLocal& local, EngineIoBirth birth, SessionNumber session);
  ~EngineIoSocket() override;

  // Before the handshake is complete.
  void set_link(WebSocketLink& link) { link_ = &link; }
  SocketHandle handle() const;

  std::string_view address() const override { return birth_.address; }
  void on_established() override;
  void on_message(bool binary, std::string_view bytes) override;
  void on_link_closed(std::uint16_t code, std::string_view reason) override;
  FramePtr encode_gap(const GapReply&) override { return {}; }

  // From the session, on this loop.
  void send(std::string_view text);
  void close();
  // The session has handled the last message, and is still on polling.
  void go_on();
  WebSocketLink& link() { return *link_; }
  // The messages after the one that completed the upgrade.
  Backlog take_backlog() { return std::exchange(backlog_, {}); }

 private:
  void forward();
  // Runs action(EngineIoSession&) on the session's home, in a later turn: the session may take the socket over in there, which
  // replaces the link's user.
  template <class Action>
  void at_home(Action action);

  EngineIoLocal& local_;
  EngineIoBirth birth_;
  const SessionNumber session_;
  WebSocketLink* link_ = nullptr;
  bool busy_ = false;  // the session has not handled the last message yet
  Backlog backlog_;
  std::size_t backlog_bytes_ = 0;
};

}  // namespace chat::net
