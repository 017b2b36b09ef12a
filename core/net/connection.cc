// See connection.h.
#include "net/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "net/loop.h"
#include "net/request_capture.h"
#include "net/routes.h"
#include "net/server.h"
#include "net/websocket_link.h"

namespace chat::net {
namespace {

// How long a client may take to fetch the rest of a response that its socket did not take at once.
constexpr std::int64_t kResponseTimeoutMs = 30'000;
// How long it may take to send a body.
constexpr std::int64_t kBodyTimeoutMs = 30'000;

constexpr std::int64_t kStallCheckMs = 100;

constexpr std::uint64_t kMaxDiscardedBytes = 65'536;

}  // namespace

Connection::Connection(Loop& loop, std::uint64_t id, std::string peer_address)
    : loop_(loop), id_(id), peer_address_(std::move(peer_address)) {}

Connection::~Connection() = default;

void Connection::note_activity() { loop_.note_activity(); }

// HTTP ----------------------------------------------------------------------------------------------------------------

// Before libwebsockets makes anything of the length: it takes "-1" for a number.
int Connection::on_filter_http() {
  if (doomed_ || http_ != Http::idle) return -1;
  if (!well_formed_request_line(wsi_)) return refuse_upgrade(HttpResponse::text(400, "ill-formed request line\n"));
  if (hides_headers(wsi_, static_cast<std::size_t>(loop_.options().max_header_bytes))) {
    return refuse_upgrade(HttpResponse::text(400, "ill-formed header\n"));
  }
  const std::string length = header_value(wsi_, WSI_TOKEN_HTTP_CONTENT_LENGTH);
  if (lws_hdr_total_length(wsi_, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0 || parse_content_length(length)) return 0;
  return refuse_upgrade(HttpResponse::text(400, "ill-formed Content-Length\n"));
}

int Connection::on_http() {
  // Data on a connection whose request is still being served brings its old headers again.
  if (doomed_ || http_ != Http::idle) return -1;
  lws_set_timeout(wsi_, NO_PENDING_TIMEOUT, 0);
  TimerWheel::cancel(*this);
  loop_.stats().http_requests.add();
  const HttpRequest request = capture_request(wsi_);
  ++request_number_;
  without_body_ = request.method == "HEAD";
  input_complete_ = false;
  // A body that nobody reads cannot be told from the next request.
  keep_alive_ = request.keep_alive;
  close_after_ = !keep_alive_ || request.has_body;
  std::variant<HttpResponse, Hold> reaction = route(*this, request);
  if (auto* response = std::get_if<HttpResponse>(&reaction)) {
    const BodyPlan plan = plan_body(request);
    // Who asks whether to send the body is told not to.
    const bool asks = equals_ignoring_case(request.header("expect"), "100-continue");
    if (plan.kind != BodyPlan::Kind::length || asks) return respond(std::move(*response));
    begin_body(plan.kind, plan.length_bytes, plan.length_bytes);
    respond_after_body(std::move(*response));
    return 0;
  }
  hold(request, std::move(std::get<Hold>(reaction)));
  return 0;
}

void Connection::hold(const HttpRequest& request, Hold hold) {
  exchange_ = std::move(hold.exchange);
  essential_ = false;
  if (hold.body == BodyPlan::Kind::none) {
    http_ = Http::waiting;
  } else {
    begin_body(hold.body, hold.body_bytes, hold.max_body_bytes);
  }
  const std::shared_ptr<Exchange> exchange = exchange_;
  exchange->on_held({loop_.index(), id_, request_number_});
  if (http_ != Http::receiving || !equals_ignoring_case(request.header("expect"), "100-continue")) return;
  std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  if (lws_write(wsi_, reinterpret_cast<unsigned char*>(go_on.data()), go_on.size(), LWS_WRITE_RAW) < 0) {
    loop_.doom(*this);
  }
}

void Connection::begin_body(BodyPlan::Kind kind, std::uint64_t announced_bytes, std::uint64_t max_bytes) {
  http_ = Http::receiving;
  intake_ = std::make_unique<Intake>();
  intake_->chunked = kind == BodyPlan::Kind::chunked;
  intake_->announced_bytes = announced_bytes;
  intake_->max_bytes = max_bytes;
  loop_.set_timer(*this, loop_.now_ms() + kBodyTimeoutMs);
}

// A short body is read to its end, though nobody wants it, so that the connection can be used again.
void Connection::respond_after_body(HttpResponse response) {
  if (intake_->chunked || intake_->announced_bytes > kMaxDiscardedBytes || response.close) {
    respond(std::move(response));
  } else {
    exchange_.reset();
    intake_->response = std::move(response);
  }
}

void Connection::receive_body(std::string_view bytes) {
  loop_.stats().bytes_in.add(bytes.size());
  if (intake_->response) return;
  ChunkedDecoder::Outcome outcome = ChunkedDecoder::Outcome::more;
  if (intake_->chunked) {
    outcome = intake_->decoder.feed(bytes, intake_->body, intake_->max_bytes);
  } else if (bytes.size() > intake_->max_bytes - intake_->body.size()) {
    outcome = ChunkedDecoder::Outcome::too_large;
  } else {
    intake_->body += bytes;
  }
  switch (outcome) {
    case ChunkedDecoder::Outcome::more:
      return;
    case ChunkedDecoder::Outcome::done:
      body_complete();
      return;
    case ChunkedDecoder::Outcome::malformed:
      std::exchange(exchange_, nullptr)->on_lost(false);
      respond(HttpResponse::text(400, "ill-formed chunk\n"));
      return;
    case ChunkedDecoder::Outcome::too_large:
      http_ = Http::waiting;
      intake_.reset();
      std::shared_ptr<Exchange>(exchange_)->on_body_too_large();
      return;
  }
}

void Connection::body_complete() {
  http_ = Http::waiting;
  TimerWheel::cancel(*this);
  // What follows a body of known length is the next request; behind chunks libwebsockets does not find it.
  const std::unique_ptr<Intake> intake = std::move(intake_);
  if (!intake->chunked) close_after_ = !keep_alive_;
  if (intake->response) {
    respond(std::move(*intake->response));
    return;
  }
  std::shared_ptr<Exchange>(exchange_)->on_body(std::move(intake->body));
}

void Connection::answer(std::uint64_t request_number, HttpResponse response, bool essential) {
  if (request_number != request_number_ || doomed_ || !exchange_) return;
  if (http_ != Http::receiving && http_ != Http::waiting) return;
  essential_ = essential;
  exchange_->complete(response);
  if (http_ == Http::receiving) {
    respond_after_body(std::move(response));
  } else {
    respond(std::move(response));
  }
}

int Connection::respond(HttpResponse response) {
  http_ = Http::writing;
  intake_.reset();
  if (response.close || loop_.draining()) close_after_ = true;
  output_.begin(response, !close_after_, without_body_);
  loop_.set_timer(*this, loop_.now_ms() + kResponseTimeoutMs);
  return pump();
}

int Connection::pump() {
  for (;;) {
    const std::optional<std::string_view> bytes = output_.next(kMaxWriteBytes);
    if (bytes && bytes->empty()) return finish_response();
    if (bytes && lws_partial_buffered(wsi_)) {
      lws_callback_on_writable(wsi_);
      watch_stall();
      return 0;
    }
    if (!bytes || lws_write(wsi_, reinterpret_cast<unsigned char*>(const_cast<char*>(bytes->data())), bytes->size(),
                            LWS_WRITE_RAW) < 0) {
      loop_.doom(*this);
      return 0;
    }
    loop_.stats().bytes_out.add(bytes->size());
    output_.consume(bytes->size());
  }
}

int Connection::finish_response() {
  if (lws_partial_buffered(wsi_)) {
    lws_callback_on_writable(wsi_);
    watch_stall();
    return 0;
  }
  output_.end();
  exchange_.reset();
  http_ = Http::answered;
  if (close_after_ || loop_.draining()) {
    loop_.doom(*this);
  } else {
    loop_.add_answered(*this);
  }
  return 0;
}

// Not before the loop waits again. What came together with the request that was answered is then tried by libwebsockets too
// early, and ends the connection: the body of a request that libwebsockets has had in a buffer it looks for at the beginning
// of that buffer, takes the head for it, and may never come back.
void Connection::next_request() {
  if (doomed_ || closed_ || http_ != Http::answered) return;
  http_ = Http::idle;
  if (loop_.draining() || lws_http_transaction_completed(wsi_)) {
    loop_.doom(*this);
    return;
  }
  lws_set_timeout(wsi_, NO_PENDING_TIMEOUT, 0);
  loop_.set_timer(*this, loop_.now_ms() + loop_.options().http_idle_timeout_ms);
}

int Connection::on_http_body(std::string_view bytes) {
  ++inputs_;
  if (doomed_) return -1;
  if (http_ == Http::receiving) receive_body(bytes);
  return 0;  // what nobody reads is followed by the end of the connection
}

// libwebsockets asks again and again while the next request waits behind this one, without end.
int Connection::on_http_body_complete() {
  if (doomed_ || std::exchange(input_complete_, true)) return -1;
  if (http_ == Http::receiving) body_complete();
  return 0;
}

int Connection::on_http_writable() {
  if (doomed_) return -1;
  if (http_ != Http::writing) return 0;
  loop_.set_timer(*this, loop_.now_ms() + kResponseTimeoutMs);
  return pump();
}

// The WebSocket handshake, RFC 6455 section 4.2 -----------------------------------------------------------------------

int Connection::refuse_upgrade(HttpResponse response) {
  loop_.stats().http_requests.add();
  std::string bytes = response_head(response, false) + response.body;
  lws_write(wsi_, reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), LWS_WRITE_RAW);
  return -1;
}

int Connection::on_confirm_upgrade(char* upgrade_header) {
  // The pointer is only good when there is such a header; otherwise this is CONNECT, or a request in mid-answer.
  if (doomed_ || http_ != Http::idle || websocket_ || lws_hdr_total_length(wsi_, WSI_TOKEN_UPGRADE) <= 0) return -1;
  const std::string upgrade_to = header_value(wsi_, WSI_TOKEN_UPGRADE);
  if (!equals_ignoring_case(upgrade_to, "websocket")) {
    // A server may ignore an upgrade (RFC 9110 section 7.8); spoiling the name makes libwebsockets do so for "h2c".
    if (upgrade_header && equals_ignoring_case(upgrade_to, "h2c")) {
      upgrade_header[0] = 'x';
      return 0;
    }
    return refuse_upgrade(HttpResponse::text(400, "unknown upgrade\n"));
  }
  if (!well_formed_request_line(wsi_)) return refuse_upgrade(HttpResponse::text(400, "ill-formed request line\n"));
  if (hides_headers(wsi_, static_cast<std::size_t>(loop_.options().max_header_bytes))) {
    return refuse_upgrade(HttpResponse::text(400, "ill-formed header\n"));
  }
  lws_set_timeout(wsi_, NO_PENDING_TIMEOUT, 0);
  if (std::optional<HttpResponse> refusal = open_websocket(*this, capture_request(wsi_), opening_)) {
    return refuse_upgrade(std::move(*refusal));
  }
  // libwebsockets binds to a protocol whose name was offered: any will do until on_filter_websocket() names the answer.
  loop_.context().name_subprotocol(opening_.bound_subprotocol);
  loop_.set_timer(*this, loop_.now_ms() + loop_.options().handshake_timeout_ms);
  return 0;
}

WebSocketLink& Connection::make_websocket(std::unique_ptr<LinkUser> user, const Framing& framing,
                                          std::int64_t max_message_bytes) {
  websocket_ = std::make_unique<WebSocketLink>(loop_, *this, std::move(user), framing, max_message_bytes);
  return *websocket_;
}

int Connection::on_confirm_extension() {
  if (!opening_.may_deflate) return 1;
  deflate_ = true;
  return 0;
}

int Connection::on_filter_websocket() {
  loop_.context().name_subprotocol(opening_.subprotocol);
  return websocket_ && !doomed_ ? 0 : -1;
}

int Connection::on_add_headers() {
  loop_.context().name_subprotocol("");
  return 0;
}

// WebSocket -----------------------------------------------------------------------------------------------------------

int Connection::on_established() {
  if (doomed_ || !websocket_) return -1;
  TimerWheel::cancel(*this);
  websocket_->established(deflate_);
  return 0;
}

int Connection::on_websocket_writable() {
  if (doomed_) return -1;
  websocket_->writable();
  return 0;
}

int Connection::on_receive(std::string_view bytes) {
  if (doomed_) return -1;
  ++inputs_;
  websocket_->receive(bytes);
  return 0;
}

int Connection::on_pong() {
  if (doomed_) return -1;
  ++inputs_;
  websocket_->heard();
  return 0;
}

int Connection::on_peer_close(std::string_view body) {
  if (!doomed_) websocket_->peer_closed(body);
  return -1;  // libwebsockets answers nothing of its own then
}

// The end -------------------------------------------------------------------------------------------------------------

void Connection::on_deadline(std::int64_t now_ms) {
  if (websocket_ && wsi_ && websocket_->is_established()) {
    websocket_->on_deadline(now_ms);
  } else {
    loop_.doom(*this);
  }
}

void Connection::on_closed() {
  if (closed_) return;
  closed_ = true;
  TimerWheel::cancel(*this);
  TimerWheel::cancel(stall_timer_);
  if (websocket_) websocket_->lost();
  if (!exchange_) return;
  const std::shared_ptr<Exchange> exchange = std::move(exchange_);
  const bool answered = http_ == Http::writing;
  http_ = Http::idle;
  if (!answered || essential_) exchange->on_lost(answered);
}

void Connection::on_destroyed() {
  wsi_ = nullptr;
  loop_.bury(*this);
}

void Connection::watch_stall() {
  if (!stall_timer_.pending()) loop_.set_timer(stall_timer_, loop_.now_ms() + kStallCheckMs);
}

// When libwebsockets closes a connection whose output it still holds (the peer's FIN, a protocol error), it waits for up to 5
// seconds without reading, says nothing, and is woken all the time by what is there to read. It shows in the socket:
// an end, or the same input as before that nobody takes.
void Connection::on_stall_check() {
  if (!wsi_ || doomed_ || !lws_partial_buffered(wsi_)) {
    unread_input_ = false;
    return;
  }
  char byte;
  const ssize_t size = recv(lws_get_socket_fd(wsi_), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  const bool reading = !websocket_ || websocket_->reads();
  const bool untaken = size > 0 && unread_input_ && inputs_ == inputs_checked_ && reading;
  unread_input_ = size > 0;
  inputs_checked_ = inputs_;
  if (size == 0 || untaken) {
    loop_.doom(*this);
  } else {
    watch_stall();
  }
}

void Connection::kill() {
  if (!wsi_) return;
  // Nobody takes what is buffered: without this libwebsockets would wait for that, as above.
  if (lws_partial_buffered(wsi_)) shutdown(lws_get_socket_fd(wsi_), SHUT_RDWR);
  lws_set_timeout(wsi_, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_SYNC);
}

}  // namespace chat::net
