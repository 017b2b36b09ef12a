// See connection.h.
#include "net/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "net/loop.h"
#include "net/peer.h"
#include "net/request_capture.h"
#include "net/server.h"
#include "net/websocket_link.h"

namespace chat::net {
namespace {

// How long a client may take to fetch the rest of a response that its socket did not take at once.
constexpr std::int64_t kResponseTimeoutMs = 30'000;

constexpr std::int64_t kStallCheckMs = 100;

std::string_view without_trailing_slash(std::string_view path) {
  return path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
}

// "?epoch=...&seq=...": what the client has of the room already. Ill-formed is as good as nothing.
std::optional<Position> position(const HttpRequest& request) {
  const std::string_view epoch = request.argument("epoch");
  const std::string_view digits = request.argument("seq");
  Position since{std::string(epoch), 0};
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), since.seq);
  if (epoch.empty() || digits.empty() || error != std::errc() || end != digits.data() + digits.size())
    return std::nullopt;
  return since;
}

// What the handshake offers, and what the endpoint makes of it.
struct Choice {
  Protocol protocol;
  std::string answer;  // the subprotocol; empty: none
};

Choice choose_subprotocol(const Endpoint& endpoint, const std::vector<std::string>& offered) {
  const bool offers_chat_v1 = std::find(offered.begin(), offered.end(), "chat.v1") != offered.end();
  if (offers_chat_v1) return {Protocol::chat_v1, "chat.v1"};
  if (endpoint.protocol == Protocol::chat_v1) return {Protocol::chat_v1, offered.empty() ? "" : offered.front()};
  return {endpoint.protocol, ""};
}

}  // namespace

Connection::Connection(Loop& loop, std::string peer_address) : loop_(loop), peer_address_(std::move(peer_address)) {}

Connection::~Connection() {
  if (file_ >= 0) ::close(file_);
}

void Connection::note_activity() { loop_.note_activity(); }

// HTTP ----------------------------------------------------------------------------------------------------------------

bool Connection::behind_trusted_proxy() const {
  const std::optional<IpAddress> peer = IpAddress::parse(peer_address_);
  const auto& trusted = loop_.server().trusted_proxies();
  return peer &&
         std::any_of(trusted.begin(), trusted.end(), [&](const IpBlock& block) { return block.contains(*peer); });
}

std::string_view Connection::effective_host(const HttpRequest& request) const {
  const std::string_view forwarded = request.header("x-forwarded-host");
  return !forwarded.empty() && behind_trusted_proxy() ? forwarded : request.header("host");
}

bool Connection::secure(const HttpRequest& request) const {
  if (!loop_.options().tls_certificate_file.empty()) return true;
  return behind_trusted_proxy() && equals_ignoring_case(request.header("x-forwarded-proto"), "https");
}

const Endpoint* Connection::find_endpoint(std::string_view path) const {
  const auto& endpoints = loop_.options().endpoints;
  auto found = std::find_if(endpoints.begin(), endpoints.end(),
                            [&](const Endpoint& e) { return e.path == without_trailing_slash(path); });
  return found == endpoints.end() ? nullptr : &*found;
}

// Before libwebsockets makes anything of the length: it takes "-1" for a number.
int Connection::on_filter_http() {
  if (doomed_ || answering_) return -1;
  if (!well_formed_request_line(wsi_)) return refuse_upgrade(HttpResponse::text(400, "ill-formed request line\n"));
  const std::string length = header_value(wsi_, WSI_TOKEN_HTTP_CONTENT_LENGTH);
  if (lws_hdr_total_length(wsi_, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0 || parse_content_length(length)) return 0;
  return refuse_upgrade(HttpResponse::text(400, "ill-formed Content-Length\n"));
}

int Connection::on_http() {
  // Data on a connection whose request is still being answered brings its old headers again.
  if (doomed_ || answering_) return -1;
  lws_set_timeout(wsi_, NO_PENDING_TIMEOUT, 0);
  TimerWheel::cancel(*this);
  loop_.stats().http_requests.add();
  const HttpRequest request = capture_request(wsi_);
  return respond(request, route(request));
}

HttpResponse Connection::route(const HttpRequest& request) {
  if (request.path == "/healthz") {
    if (request.method != "GET" && request.method != "HEAD") {
      HttpResponse response = HttpResponse::text(405, "method not allowed\n");
      response.headers.push_back({"Allow", "GET, HEAD"});
      return response;
    }
    HttpResponse response = HttpResponse::text(loop_.draining() ? 503 : 200, loop_.draining() ? "stopping\n" : "ok\n");
    response.headers.push_back({"Cache-Control", "no-store"});
    return response;
  }
  if (find_endpoint(request.path)) {
    HttpResponse response = HttpResponse::text(426, "this is a WebSocket endpoint\n");
    response.headers.push_back({"Upgrade", "websocket"});
    return response;
  }
  if (std::optional<HttpResponse> file = loop_.server().static_files().serve(request)) return std::move(*file);
  return HttpResponse::text(404, "not found\n");
}

int Connection::respond(const HttpRequest& request, HttpResponse response) {
  answering_ = true;
  body_complete_ = false;
  // A body that nobody reads cannot be told from the next request.
  close_after_ = response.close || request.has_body || !request.keep_alive || loop_.draining();
  output_ = response_head(response, !close_after_);
  if (response.file >= 0) {
    file_ = response.file;
    file_left_ = response.file_bytes;
  } else if (request.method != "HEAD") {
    output_ += response.body;
  }
  if (request.method == "HEAD") file_left_ = 0;
  loop_.set_timer(*this, loop_.now_ms() + kResponseTimeoutMs);
  return pump();
}

int Connection::pump() {
  for (;;) {
    if (output_written_ == output_.size()) {
      output_.clear();
      output_written_ = 0;
      if (file_left_ == 0) return finish_response();
      output_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(file_left_, kMaxWriteBytes)));
      const ssize_t count = ::read(file_, output_.data(), output_.size());
      if (count <= 0) {  // it shrank: the length that was promised cannot be kept
        loop_.doom(*this);
        return 0;
      }
      output_.resize(static_cast<std::size_t>(count));
      file_left_ -= static_cast<std::uint64_t>(count);
    }
    if (lws_partial_buffered(wsi_)) {
      lws_callback_on_writable(wsi_);
      watch_stall();
      return 0;
    }
    const std::size_t size = std::min(output_.size() - output_written_, kMaxWriteBytes);
    auto* bytes = reinterpret_cast<unsigned char*>(output_.data() + output_written_);
    if (lws_write(wsi_, bytes, size, LWS_WRITE_RAW) < 0) {
      loop_.doom(*this);
      return 0;
    }
    output_written_ += size;
    loop_.stats().bytes_out.add(size);
  }
}

int Connection::finish_response() {
  if (lws_partial_buffered(wsi_)) {
    lws_callback_on_writable(wsi_);
    watch_stall();
    return 0;
  }
  if (file_ >= 0) ::close(std::exchange(file_, -1));
  output_ = {};
  answering_ = false;
  if (close_after_ || loop_.draining() || lws_http_transaction_completed(wsi_)) {
    loop_.doom(*this);
    return 0;
  }
  lws_set_timeout(wsi_, NO_PENDING_TIMEOUT, 0);
  loop_.set_timer(*this, loop_.now_ms() + loop_.options().http_idle_timeout_ms);
  return 0;
}

int Connection::on_http_body() {  // nobody reads it, see respond()
  ++inputs_;
  return doomed_ ? -1 : 0;
}

// libwebsockets asks again and again while the next request waits behind this one, without end.
int Connection::on_http_body_complete() { return doomed_ || std::exchange(body_complete_, true) ? -1 : 0; }

int Connection::on_http_writable() {
  if (doomed_) return -1;
  if (!answering_) return 0;
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
  if (doomed_ || answering_ || websocket_ || lws_hdr_total_length(wsi_, WSI_TOKEN_UPGRADE) <= 0) return -1;
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
  lws_set_timeout(wsi_, NO_PENDING_TIMEOUT, 0);
  return upgrade(capture_request(wsi_));
}

int Connection::upgrade(const HttpRequest& request) {
  const ServerOptions& options = loop_.options();
  if (loop_.draining()) return refuse_upgrade(HttpResponse::text(503, "the server is stopping\n"));
  const Endpoint* endpoint = find_endpoint(request.path);
  if (!endpoint) return refuse_upgrade(HttpResponse::text(404, "no such endpoint\n"));
  if (request.method != "GET" || !contains_token(request.header("connection"), "upgrade") ||
      request.header("host").empty() || request.header("sec-websocket-key").size() != 24) {
    return refuse_upgrade(HttpResponse::text(400, "ill-formed WebSocket handshake\n"));
  }
  if (request.header("sec-websocket-version") != "13") {
    HttpResponse response = HttpResponse::text(426, "WebSocket version 13 is spoken here\n");
    response.headers.push_back({"Sec-WebSocket-Version", "13"});
    return refuse_upgrade(std::move(response));
  }
  const std::string_view origin = request.header("origin");
  if (!origin_allowed(origin, effective_host(request), secure(request), options.allowed_origins)) {
    return refuse_upgrade(HttpResponse::text(403, "origin not allowed\n"));
  }
  std::string room(request.argument("room"));
  if (room.empty()) room = options.default_room;
  if (const Status status = check_room_name(room); !status.ok()) {
    return refuse_upgrade(HttpResponse::text(400, status.detail + "\n"));
  }
  const std::vector<std::string> offered = list_elements(request.header("sec-websocket-protocol"));
  for (const std::string& name : offered) {
    if (name.size() >= 64) return refuse_upgrade(HttpResponse::text(400, "subprotocol name too long\n"));
  }
  const Choice choice = choose_subprotocol(*endpoint, offered);

  Server& server = loop_.server();
  Hub& hub = server.hub();
  ClientOrigin client_origin{loop_.index(),
                             client_address(peer_address_, request.header("x-forwarded-for"), server.trusted_proxies()),
                             choice.protocol, Transport::websocket, wall_clock_ms()};
  const std::string address = client_origin.address;
  Result<ClientPtr> added = hub.add_client(client_origin);
  if (!added.ok()) return refuse_upgrade(HttpResponse::text(503, added.status().detail + "\n"));
  const ClientPtr client = *added;

  Credentials log_in = credentials(request);
  const ConnectRequest connect{client->id(),
                               request.path,
                               request.query,
                               request.headers,
                               request.cookies(),
                               std::string(origin),
                               address,
                               secure(request),
                               room,
                               std::move(log_in.token),
                               std::move(log_in.user_name),
                               std::move(log_in.password),
                               choice.protocol,
                               Transport::websocket};
  Decision decision = server.application().on_connect(connect);
  if (client->state() == ClientState::connecting && decision.verdict == Verdict::pass)
    (void)hub.accept(client, std::nullopt);
  if (client->state() == ClientState::connecting && decision.verdict != Verdict::defer) {
    (void)hub.refuse(client, decision.reason, {});
  }
  if (client->state() == ClientState::refused) {
    const std::string reason = client->refusal_reason();
    hub.remove_client(client);
    return refuse_upgrade(HttpResponse::text(403, (reason.empty() ? "refused" : reason) + "\n"));
  }

  const std::int64_t limit = endpoint->max_message_bytes > 0 ? endpoint->max_message_bytes : options.max_message_bytes;
  websocket_ = std::make_unique<WebSocketLink>(loop_, *this, limit);
  websocket_->set_client(client->id());
  auto peer = std::make_unique<Peer>(loop_, *websocket_, client, wire::make_codec(choice.protocol));
  peer->set_first_room(std::move(room), choice.protocol == Protocol::chat_v1 ? position(request) : std::nullopt);
  Peer& added_peer = *peer;
  loop_.add_peer(std::move(peer));
  if (client->state() == ClientState::accepted) {
    // A member before the 101 goes out: whoever knows that it is connected can speak to it.
    if (const Status status = added_peer.open(); !status.ok()) {
      websocket_->close(1008, status.detail);
      return refuse_upgrade(HttpResponse::text(403, status.detail + "\n"));
    }
    opened_ = true;
  }

  subprotocol_ = choice.answer;
  // libwebsockets binds to a protocol whose name was offered: any will do until on_filter_websocket() names the answer.
  loop_.context().name_subprotocol(subprotocol_.empty() && !offered.empty() ? offered.front() : subprotocol_);
  // Our frames are compressed with the full window; a client that cannot hold it gets them as they are.
  const std::string_view extensions = request.header("sec-websocket-extensions");
  deflate_allowed_ = options.permessage_deflate && extensions.find("server_max_window_bits=") == std::string_view::npos;
  loop_.set_timer(*this, loop_.now_ms() + options.handshake_timeout_ms);
  return 0;
}

int Connection::on_confirm_extension() {
  if (!deflate_allowed_) return 1;
  deflate_ = true;
  return 0;
}

int Connection::on_filter_websocket() {
  loop_.context().name_subprotocol(subprotocol_);
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
  websocket_->established(deflate_, opened_);
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
