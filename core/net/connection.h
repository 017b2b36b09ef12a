// One accepted socket: it begins as HTTP and may become a WebSocket. libwebsockets' callbacks come here; nothing but
// this file pair, request_capture, websocket_link, lws_context and lws_callbacks calls libwebsockets.
#pragma once

#include <libwebsockets.h>

#include <cstdint>
#include <memory>
#include <string>

#include "net/http.h"
#include "net/server_options.h"
#include "net/timer_wheel.h"

namespace chat::net {

class Loop;
class Peer;
class WebSocketLink;

class Connection : public TimerEntry {
 public:
  Connection(Loop& loop, std::string peer_address);
  ~Connection() override;

  void set_wsi(lws* wsi) { wsi_ = wsi; }
  lws* wsi() const { return wsi_; }
  WebSocketLink* websocket() { return websocket_.get(); }
  // Idle HTTP, nothing half done: may be closed at once when the server drains.
  bool idle_http() const { return !websocket_ && !answering_; }

  // libwebsockets' callbacks; non-zero closes the connection --------------------------------------------------------

  int on_filter_http();
  int on_confirm_upgrade(char* upgrade_header);
  int on_confirm_extension();
  int on_filter_websocket();
  int on_add_headers();
  int on_http();
  int on_http_body();
  int on_http_body_complete();
  int on_http_writable();
  int on_established();
  int on_websocket_writable();
  int on_receive(std::string_view bytes);
  int on_pong();
  int on_peer_close(std::string_view body);
  // The socket is gone or going: what hangs on it ends. Any number of times.
  void on_closed();
  // The last callback.
  void on_destroyed();
  void note_activity();

  bool doomed() const { return doomed_; }
  void set_doomed() { doomed_ = true; }
  // Asks libwebsockets to close; outside callbacks only.
  void kill();
  // libwebsockets holds output that the socket does not take: see on_stall_check().
  void watch_stall();

 protected:
  void on_deadline(std::int64_t now_ms) override;

 private:
  friend class WebSocketLink;

  HttpResponse route(const HttpRequest& request);
  int respond(const HttpRequest& request, HttpResponse response);
  int pump();
  int finish_response();
  // Answers an upgrade with an error and hangs up.
  int refuse_upgrade(HttpResponse response);
  int upgrade(const HttpRequest& request);
  const Endpoint* find_endpoint(std::string_view path) const;
  std::string_view effective_host(const HttpRequest& request) const;
  bool behind_trusted_proxy() const;
  bool secure(const HttpRequest& request) const;

  Loop& loop_;
  const std::string peer_address_;
  lws* wsi_ = nullptr;
  bool doomed_ = false;
  bool closed_ = false;

  struct StallTimer : TimerEntry {
    explicit StallTimer(Connection& c) : connection(c) {}
    void on_deadline(std::int64_t) override { connection.on_stall_check(); }
    Connection& connection;
  } stall_timer_{*this};
  void on_stall_check();
  bool unread_input_ = false;  // as the last check saw it
  std::uint32_t inputs_ = 0;   // callbacks that brought input
  std::uint32_t inputs_checked_ = 0;

  // The HTTP response that is being written.
  bool answering_ = false;
  bool body_complete_ = false;
  bool close_after_ = false;
  std::string output_;
  std::size_t output_written_ = 0;
  int file_ = -1;
  std::uint64_t file_left_ = 0;

  std::string subprotocol_;  // the answer of a WebSocket handshake
  bool deflate_allowed_ = false;
  bool deflate_ = false;
  bool opened_ = false;  // the verdict was there at the handshake
  std::unique_ptr<WebSocketLink> websocket_;
};

}  // namespace chat::net
