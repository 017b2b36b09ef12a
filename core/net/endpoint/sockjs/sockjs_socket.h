// A SockJS session over a WebSocket: stands between the WebSocket and the user that the endpoint's protocol has made. Unpacks
// what the client sends, and sends heartbeats. The link's carrier packs what the user sends. Ends with the link.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "net/base/timer_wheel.h"
#include "net/deliver/link.h"
#include "net/endpoint/endpoint_context.h"
#include "net/endpoint/link_maker.h"
#include "session/sockjs_websocket.h"

namespace chat::net {

class WebSocketLink;

class SockJsSocket final : public LinkUser, private TimerEntry {
 public:
  // options: must outlive the socket.
  SockJsSocket(EndpointContext& loop, const session::SockJsOptions& options, std::unique_ptr<LinkUser> user,
               std::int64_t max_message_bytes);
  ~SockJsSocket() override;

  // Call this first, once. The open frame is sent after the handshake.
  void set_link(WebSocketLink& link);

  std::string_view address() const override { return user_->address(); }
  void on_established() override;
  void on_message(bool binary, std::string_view bytes) override;
  void on_progress() override { user_->on_progress(); }
  void on_resume() override { go_on_later(); }
  void on_link_closed(std::uint16_t code, std::string_view reason) override;
  std::size_t held_input_bytes() const override { return machine_.waiting_bytes(); }
  FramePtr encode_gap(const GapReply& gap) override { return user_->encode_gap(gap); }

 private:
  void perform(session::SockJsActions& actions);
  void deliver(std::string_view text);
  // Delivers the messages of the last array. Nothing more is read meanwhile.
  void go_on();
  void go_on_later();
  void schedule();
  void on_deadline(std::int64_t now_ms) override;

  EndpointContext& loop_;
  const std::unique_ptr<LinkUser> user_;
  const std::int64_t max_message_bytes_;
  session::SockJsWebSocket machine_;
  WebSocketLink* link_ = nullptr;
  bool turn_asked_ = false;  // go_on() follows
};

// Makes such a socket and its WebSocket.
class SockJsSocketMaker final : public LinkMaker {
 public:
  SockJsSocketMaker(EndpointContext& loop, Connection& connection, const session::SockJsOptions& options)
      : loop_(loop), connection_(connection), options_(options) {}

  Link& make_link(std::unique_ptr<LinkUser> user, std::int64_t max_message_bytes) override;

 private:
  EndpointContext& loop_;
  Connection& connection_;
  const session::SockJsOptions& options_;
};

}  // namespace chat::net
