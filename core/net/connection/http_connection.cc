// See http_connection.h.
#include "net/connection/http_connection.h"

#include <algorithm>
#include <utility>

#include "net/connection/connection.h"
#include "net/connection/connections.h"
#include "net/connection/request_router.h"
#include "net/http/request_context.h"
#include "wire/http/request_head.h"

namespace chat::net {
namespace {

// How long a client may take to read the rest of a response that its socket did not take at once.
constexpr std::int64_t kResponseTimeoutMs = 30'000;
// How long a client may take to send a body.
constexpr std::int64_t kBodyTimeoutMs = 30'000;
// An idle connection stays open for this much longer than its Keep-Alive header promises, so that a request that the
// client sends at the last moment does not reach a closed socket.
constexpr std::int64_t kKeepAliveMarginMs = 1'000;

// An unwanted body is read up to this size, so that the connection can be used again.
constexpr std::uint64_t kMaxDiscardedBytes = 65'536;

// How many pipelined requests are served in one turn of the loop.
constexpr int kMaxRequestsPerTurn = 16;

// The text of the response to a head that is too long or is not HTTP.
Refusal refusal_of_head(int status) {
  return status == 431 || status == 414 ? Refusal::header_bytes : Refusal::malformed;
}

bool asks_to_continue(const HttpRequest& request) {
  return request.minor_version >= 1 && equals_ignoring_case(request.header("expect"), "100-continue");
}

}  // namespace

// Input ---------------------------------------------------------------------------------------------------------------

void HttpConnection::take(std::span<char>& input) {
  for (int served = 0; !input.empty() && !connection_.ending();) {
    if (intake_) {
      take_body(input);
    } else if (state_ != State::head) {
      return;
    } else if (served == kMaxRequestsPerTurn || (served != 0 && loop_.budget().over())) {
      connection_.queue_input();
      return;
    } else if (take_head(input)) {
      ++served;
    } else {
      return;
    }
  }
}

void HttpConnection::note(Refusal reason, std::string_view detail) {
  loop_.refusals().note(reason, connection_.remote_address(), detail);
}

// False while the head is incomplete.
bool HttpConnection::take_head(std::span<char>& input) {
  const wire::HeadLimits limits{.max_bytes = static_cast<std::size_t>(loop_.options().max_header_bytes)};
  wire::RequestHead head = wire::parse_request_head({input.data(), input.size()}, limits, scanned_bytes_);
  switch (head.outcome) {
    case wire::RequestHead::Outcome::incomplete:
      // Some clients send empty lines after a body. They do not begin a head, and the parser accepts only a few.
      if (std::all_of(input.begin(), input.end(), [](char c) { return c == '\r' || c == '\n'; })) return false;
      // The first head's time began when the connection was accepted.
      if (!std::exchange(begun_, true) && request_number_ != 0) {
        loop_.set_timer(connection_, loop_.now_ms() + loop_.options().handshake_timeout_ms);
      }
      return false;
    case wire::RequestHead::Outcome::malformed: {
      input = {};
      loop_.stats().http_requests.add();
      note(refusal_of_head(head.status), head.reason);
      HttpResponse response = HttpResponse::text(head.status, head.reason + "\n");
      if (head.status == 405) response.headers.push_back({"Allow", "GET, HEAD, POST, OPTIONS"});
      response.close = true;
      without_body_ = false;
      respond(response);
      return true;
    }
    case wire::RequestHead::Outcome::complete:
      break;
  }
  input = input.subspan(head.consumed_bytes);
  scanned_bytes_ = 0;
  begun_ = false;
  serve(head.request);
  return true;
}

void HttpConnection::serve(const HttpRequest& request) {
  TimerWheel::cancel(connection_);
  loop_.stats().http_requests.add();
  ++request_number_;
  without_body_ = request.method == "HEAD";
  minor_version_ = request.minor_version;
  close_after_ = !request.keep_alive;
  BodyPlan plan = plan_body(request);
  if (refuse_host(request)) return;
  note_source(request);
  if (plan.kind == BodyPlan::Kind::refused && plan.refusal.status == 400) {
    const std::string_view reason = plan.refusal.body;
    note(Refusal::malformed, reason.substr(0, reason.find('\n')));
  }
  // Without an announced length there is no body.
  if (plan.kind == BodyPlan::Kind::refused && plan.refusal.status == 411) plan.kind = BodyPlan::Kind::none;
  if (contains_token(request.joined_header("upgrade"), "websocket")) {
    serve_upgrade(request, plan);
    return;
  }
  std::variant<HttpResponse, Hold> reaction = connection_.owner().router().route(connection_, request);
  if (auto* response = std::get_if<HttpResponse>(&reaction)) {
    serve_response(std::move(*response), std::move(plan), asks_to_continue(request));
  } else {
    hold(request, plan, std::move(std::get<Hold>(reaction)));
  }
}

// One connection of a proxy may carry the requests of many clients.
void HttpConnection::note_source(const HttpRequest& request) {
  if (!connection_.owner().rules().trusted_proxies.contains(connection_.remote_address())) return;
  std::string address = describe(request, connection_.remote_address(), connection_.owner().rules()).address;
  if (address == client_address_) return;
  client_address_ = std::move(address);
  held_ = Share();
}

std::size_t HttpConnection::held_bytes() const {
  return connection_.kept_bytes() + (intake_ ? intake_->body.capacity() : 0) + output_.held_bytes();
}

void HttpConnection::charge() {
  const std::int64_t bytes = charged_bytes(held_bytes());
  if (bytes == held_.amount()) return;
  const std::string& address = client_address_.empty() ? connection_.remote_address() : client_address_;
  if (!held_.source()) held_ = Share(loop_.sources().find(address), Resource::queued_bytes);
  const std::optional<Refusal> refusal = held_.resize(bytes);
  if (!refusal) return;
  loop_.refusals().note(*refusal, address);
  held_.give_back();
  if (state_ == State::receiving) {
    fail_body(HttpResponse::text(503, "too much waits for this address, or for all clients\n"));
  } else {
    connection_.set_reset();
    connection_.doom();
  }
}

// Before everything else: a page with a foreign name learns nothing about the server, not even what it serves.
bool HttpConnection::refuse_host(const HttpRequest& request) {
  const HttpRules& rules = connection_.owner().rules();
  if (rules.allowed_hosts.any_host()) return false;
  const RequestContext context = describe(request, connection_.remote_address(), rules);
  if (rules.allowed_hosts.allows(context.host, context.secure)) return false;
  loop_.refusals().note(Refusal::host, context.address);
  HttpResponse response = HttpResponse::text(421, "this server does not have that name\n");
  response.close = true;
  respond(response);
  return true;
}

void HttpConnection::serve_upgrade(const HttpRequest& request, const BodyPlan& plan) {
  std::optional<HttpResponse> refusal;
  if (plan.kind != BodyPlan::Kind::none) {
    refusal = HttpResponse::text(400, "a WebSocket handshake has no body\n");
  } else {
    refusal = connection_.owner().router().open_websocket(connection_, request);
  }
  if (refusal) {
    refusal->close = true;
    respond(*refusal);
  } else {
    state_ = State::upgraded;
  }
}

// A request whose response does not depend on its body.
void HttpConnection::serve_response(HttpResponse response, BodyPlan plan, bool asks_to_continue) {
  if (plan.kind == BodyPlan::Kind::refused && response.status < 400) response = std::move(plan.refusal);
  // A client that asks whether to send the body is told not to. It may send the body anyway, and nothing shows which it
  // does.
  if (plan.kind == BodyPlan::Kind::refused || (plan.kind != BodyPlan::Kind::none && asks_to_continue)) {
    response.close = true;
  }
  if (plan.kind == BodyPlan::Kind::none || response.close) {
    respond(response);
    return;
  }
  begin_body(plan.kind, plan.length_bytes, kMaxDiscardedBytes);
  respond_after_body(std::move(response));
}

void HttpConnection::hold(const HttpRequest& request, const BodyPlan& plan, Hold hold) {
  exchange_ = std::move(hold.exchange);
  essential_ = false;
  if (hold.body == BodyPlan::Kind::none) {
    state_ = State::waiting;
    // An unread body cannot be distinguished from the next request.
    if (plan.kind != BodyPlan::Kind::none) close_after_ = true;
  } else {
    begin_body(hold.body, hold.body_bytes, hold.max_body_bytes);
  }
  const std::shared_ptr<Exchange> exchange = exchange_;
  exchange->on_held({loop_.index(), connection_.id(), request_number_});
  if (state_ != State::receiving || !asks_to_continue(request)) return;
  constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
  if (connection_.stream().write(kGoOn) != kGoOn.size()) connection_.doom();
}

// Bodies --------------------------------------------------------------------------------------------------------------

void HttpConnection::begin_body(BodyPlan::Kind kind, std::uint64_t announced_bytes, std::uint64_t max_bytes) {
  state_ = State::receiving;
  intake_ = std::make_unique<Intake>();
  intake_->chunked = kind == BodyPlan::Kind::chunked;
  intake_->announced_bytes = announced_bytes;
  intake_->max_bytes = max_bytes;
  loop_.set_timer(connection_, loop_.now_ms() + kBodyTimeoutMs);
}

// A short unwanted body is read to its end, so that the connection can be used again.
void HttpConnection::respond_after_body(HttpResponse response) {
  if (intake_->announced_bytes > kMaxDiscardedBytes || response.close) {
    respond(response);
  } else {
    exchange_.reset();
    intake_->max_bytes = kMaxDiscardedBytes;
    intake_->response = std::move(response);
  }
}

void HttpConnection::take_body(std::span<char>& input) {
  if (intake_->chunked) {
    take_chunks(input);
    return;
  }
  const auto size = static_cast<std::size_t>(
      std::min<std::uint64_t>(input.size(), intake_->announced_bytes - intake_->received_bytes));
  if (!intake_->response) intake_->body.append(input.data(), size);
  intake_->received_bytes += size;
  loop_.stats().bytes_in.add(size);
  input = input.subspan(size);
  if (intake_->received_bytes == intake_->announced_bytes) body_complete();
}

void HttpConnection::take_chunks(std::span<char>& input) {
  const std::size_t max_bytes =
      static_cast<std::size_t>(std::max<std::uint64_t>(intake_->max_bytes, intake_->body.size()));
  const ChunkedDecoder::Outcome outcome = intake_->decoder.feed({input.data(), input.size()}, intake_->body, max_bytes);
  const std::size_t used = input.size() - intake_->decoder.unused_bytes();
  loop_.stats().bytes_in.add(used);
  input = input.subspan(used);
  switch (outcome) {
    case ChunkedDecoder::Outcome::more:
      return;
    case ChunkedDecoder::Outcome::done:
      body_complete();
      return;
    case ChunkedDecoder::Outcome::malformed:
      note(Refusal::malformed, "malformed chunk");
      fail_body(HttpResponse::text(400, "malformed chunk\n"));
      return;
    case ChunkedDecoder::Outcome::too_large:
      close_after_ = true;
      if (intake_->response) {
        respond(*intake_->response);
        return;
      }
      state_ = State::waiting;
      intake_.reset();
      std::shared_ptr<Exchange>(exchange_)->on_body_too_large();
      return;
  }
}

void HttpConnection::body_complete() {
  state_ = State::waiting;
  TimerWheel::cancel(connection_);
  const std::unique_ptr<Intake> intake = std::move(intake_);
  if (intake->response) {
    respond(*intake->response);
  } else {
    std::shared_ptr<Exchange>(exchange_)->on_body(std::move(intake->body));
  }
}

// The end of the body cannot be found any more.
void HttpConnection::fail_body(HttpResponse response) {
  if (exchange_) std::exchange(exchange_, nullptr)->on_lost(false);
  response.close = true;
  respond(response);
}

// Answers -------------------------------------------------------------------------------------------------------------

void HttpConnection::answer(std::uint64_t request_number, HttpResponse response, bool essential) {
  if (request_number != request_number_ || !exchange_) return;
  if (state_ != State::receiving && state_ != State::waiting) return;
  // The writer of a streaming body must learn when there is no reader.
  essential_ = essential || response.streams;
  exchange_->complete(response);
  if (state_ == State::receiving && !response.streams) {
    respond_after_body(std::move(response));
    return;
  }
  const std::shared_ptr<Exchange> exchange = exchange_;
  respond(response);
  if (response.streams && without_body_) {
    exchange_.reset();
    exchange->on_lost(true);
  }
}

void HttpConnection::write(std::uint64_t request_number, std::string_view bytes, bool last) {
  if (!streams(request_number)) return;
  if (output_.pending_bytes() == 0) loop_.set_timer(connection_, loop_.now_ms() + kResponseTimeoutMs);
  output_.append(bytes);
  if (last) output_.complete();
  if (!blocked_ && !pumping_) pump();
  if (connection_.ending() || state_ != State::writing) return;
  if (output_.pending_bytes() > 2 * loop_.outbox_limits().bytes) {
    note(Refusal::slow_reader, "the body of an answer");
    connection_.set_reset();
    connection_.doom();
    return;
  }
  charge();
}

bool HttpConnection::streams(std::uint64_t request_number) const {
  return request_number == request_number_ && state_ == State::writing && output_.open();
}

int HttpConnection::direct_fd(std::uint64_t request_number) const {
  if (!streams(request_number) || output_.pending_bytes() != 0 || blocked_) return -1;
  return connection_.stream().direct_fd();
}

// Nothing else waits. What a run can have is bounded, and a client that reads it late is not yet a slow one.
void HttpConnection::write_rest(std::uint64_t request_number, std::string_view bytes) {
  if (!streams(request_number)) return;
  loop_.set_timer(connection_, loop_.now_ms() + kResponseTimeoutMs);
  output_.append_framed(bytes);
  pump();
  if (!connection_.ending() && state_ == State::writing) charge();
}

void HttpConnection::respond(const HttpResponse& response) {
  // The rest of a body would be taken for the next request.
  if (state_ == State::receiving || response.close || loop_.draining()) close_after_ = true;
  if (response.streams && minor_version_ < 1) close_after_ = true;  // the body ends with the connection
  state_ = State::writing;
  output_.begin(response, close_after_ ? KeepAlive() : KeepAlive{true, loop_.options().http_idle_timeout_ms / 1000},
                without_body_, minor_version_);
  blocked_ = false;
  intake_.reset();  // `response` may have been in it
  loop_.set_timer(connection_, loop_.now_ms() + kResponseTimeoutMs);
  pump();
  if (!connection_.ending() && state_ == State::writing) charge();
}

void HttpConnection::pump() {
  ByteStream& stream = connection_.stream();
  pumping_ = true;
  pump_to(stream);
  pumping_ = false;
}

void HttpConnection::pump_to(ByteStream& stream) {
  const auto wait = [&] {
    blocked_ = true;
    stream.want_writable();
  };
  for (;;) {
    const std::optional<std::string_view> bytes = output_.next(kMaxWriteBytes);
    if (!bytes) {
      connection_.doom();
      return;
    }
    const std::optional<std::size_t> written = stream.write(*bytes);
    if (!written) {
      connection_.doom();
      return;
    }
    loop_.stats().bytes_out.add(*written);
    output_.consume(*written);
    if (*written < bytes->size() || (bytes->empty() && !stream.flushed())) {
      wait();
      return;
    }
    if (bytes->empty() && !output_.open()) {
      finish_response();
      return;
    }
    if (bytes->empty()) {
      TimerWheel::cancel(connection_);
      held_.give_back();
      if (const std::shared_ptr<Exchange> exchange = exchange_) exchange->on_drained();  // may write
      if (connection_.ending() || (output_.open() && output_.pending_bytes() == 0)) return;
      continue;
    }
    // A response that is written ends now. If its client were gone before the next turn, the response would seem lost.
    if ((output_.open() || !output_.all_taken()) && loop_.budget().over()) {
      wait();
      return;
    }
  }
}

void HttpConnection::finish_response() {
  output_.end();
  held_.give_back();
  exchange_.reset();
  if (close_after_ || loop_.draining()) {
    connection_.finish();
    return;
  }
  state_ = State::head;
  loop_.set_timer(connection_, loop_.now_ms() + loop_.options().http_idle_timeout_ms + kKeepAliveMarginMs);
  connection_.queue_input();
}

void HttpConnection::writable() {
  if (state_ != State::writing) return;
  blocked_ = false;
  loop_.set_timer(connection_, loop_.now_ms() + kResponseTimeoutMs);
  pump();
}

void HttpConnection::on_deadline() {
  HttpResponse response = HttpResponse::text(408, "the request took too long\n");
  response.close = true;
  if (state_ == State::receiving) {
    note(Refusal::request_timeout, "the body");
    fail_body(std::move(response));
  } else if (state_ == State::head && begun_) {
    note(Refusal::request_timeout, "the head");
    respond(response);
  } else {
    if (state_ == State::writing) {
      note(Refusal::request_timeout, "the client does not read the answer");
      connection_.set_reset();
    }
    connection_.doom();
  }
}

void HttpConnection::lost() {
  if (!exchange_) return;
  const std::shared_ptr<Exchange> exchange = std::move(exchange_);
  const bool answered = state_ == State::writing;
  state_ = State::head;
  if (!answered || essential_) exchange->on_lost(answered);
}

}  // namespace chat::net
