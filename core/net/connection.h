// One accepted socket: it begins as HTTP and may become a WebSocket. libwebsockets' callbacks come here; nothing but
// this file pair, request_capture, websocket_link, lws_context and lws_callbacks calls libwebsockets.
#pragma once

#include <libwebsockets.h>

#include <cstdint>
#include <memory>
#include <string>

#include "net/exchange.h"
#include "net/frame.h"
#include "net/http.h"
#include "net/http_body.h"
#include "net/response_output.h"
#include "net/timer_wheel.h"
#include "net/websocket_opening.h"

namespace chat::net {

struct Hold;
class LinkUser;
class Loop;
class WebSocketLink;

class Connection : public TimerEntry {
 public:
  Connection(Loop& loop, std::uint64_t id, std::string peer_address);
  ~Connection() override;

  // Never used again on its loop.
  std::uint64_t id() const { return id_; }
  Loop& loop() { return loop_; }
  const std::string& peer_address() const { return peer_address_; }
  void set_wsi(lws* wsi) { wsi_ = wsi; }
  lws* wsi() const { return wsi_; }
  WebSocketLink* websocket() { return websocket_.get(); }
  // While its handshake is under way.
  WebSocketLink& make_websocket(std::unique_ptr<LinkUser> user, const Framing& framing, std::int64_t max_message_bytes);
  // Idle HTTP, nothing half done: may be closed at once when the server drains.
  bool idle_http() const { return !websocket_ && http_ == Http::idle; }

  // Answers the held request of this number; nothing when it is no longer held. essential: its exchange is told when the
  // connection ends before the answer is written whole.
  void answer(std::uint64_t request_number, HttpResponse response, bool essential);
  // The response is written, and libwebsockets has tried what it had read behind the request.
  void next_request();

  // libwebsockets' callbacks; non-zero closes the connection --------------------------------------------------------

  int on_filter_http();
  int on_confirm_upgrade(char* upgrade_header);
  int on_confirm_extension();
  int on_filter_websocket();
  int on_add_headers();
  int on_http();
  int on_http_body(std::string_view bytes);
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
  enum class Http : std::uint8_t {
    idle,
    receiving,  // the body of a held request
    waiting,    // for the answer to it
    writing,    // the response
    answered,   // it is written, see next_request()
  };

  void hold(const HttpRequest& request, Hold hold);
  // announced_bytes: 0 when that was not done.
  void begin_body(BodyPlan::Kind kind, std::uint64_t announced_bytes, std::uint64_t max_bytes);
  void respond_after_body(HttpResponse response);
  void receive_body(std::string_view bytes);
  void body_complete();
  int respond(HttpResponse response);
  int pump();
  int finish_response();
  // Answers an upgrade with an error and hangs up.
  int refuse_upgrade(HttpResponse response);

  Loop& loop_;
  const std::uint64_t id_;
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

  // The request that is being served.
  Http http_ = Http::idle;
  std::uint64_t request_number_ = 0;
  bool keep_alive_ = true;              // as the client wishes
  bool without_body_ = false;           // of the response: HEAD
  bool close_after_ = false;            // the response
  bool input_complete_ = false;         // libwebsockets has said so
  std::shared_ptr<Exchange> exchange_;  // shared with its own running functions, in which it may be done with
  bool essential_ = false;
  struct Intake {
    bool chunked = false;
    std::uint64_t announced_bytes = 0;
    std::uint64_t max_bytes = 0;
    ChunkedDecoder decoder;
    std::string body;
    std::optional<HttpResponse> response;  // decided before the body is there, of which nothing is kept
  };
  std::unique_ptr<Intake> intake_;
  ResponseOutput output_;

  WebSocketOpening opening_;
  bool deflate_ = false;
  std::unique_ptr<WebSocketLink> websocket_;
};

}  // namespace chat::net
