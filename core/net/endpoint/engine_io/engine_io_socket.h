// A WebSocket at an Engine.IO endpoint that is no session's transport yet: it begins a session of its own, or it wants to
// take over from a session's polling. That session may have its home on another loop: then what comes in goes there, one
// message at a time, and waits for what becomes of it, so that nothing is on the way when the session moves here.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "net/deliver/link.h"
#include "net/endpoint/engine_io/engine_io_birth.h"

namespace chat::net {

class EngineIoLocal;
class WebSocketLink;

// Names a socket, on whichever loop. It may be stale.
struct SocketHandle {
  std::size_t loop = 0;
  std::uint64_t connection = 0;  // Connection::id()

  bool operator==(const SocketHandle&) const = default;
};

class EngineIoSocket final : public LinkUser {
 public:
  using Backlog = std::vector<std::pair<bool, std::string>>;  // binary, bytes

  // sid empty: for a session of its own.
  EngineIoSocket(EngineIoLocal& sessions, EngineIoBirth birth, std::string sid);
  ~EngineIoSocket() override;

  // Before the handshake is through.
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
  // The last message has been dealt with, and the session is still on polling.
  void go_on();
  WebSocketLink& link() { return *link_; }
  // What has come since the message that made the upgrade.
  Backlog take_backlog() { return std::exchange(backlog_, {}); }

 private:
  void forward();

  EngineIoLocal& sessions_;
  EngineIoBirth birth_;
  const std::string sid_;
  WebSocketLink* link_ = nullptr;
  bool busy_ = false;  // the session has not said what becomes of the last message
  Backlog backlog_;
  std::size_t backlog_bytes_ = 0;
};

}  // namespace chat::net
