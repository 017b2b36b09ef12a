// See connection.h.
#include "net/connection/connection.h"

#include <algorithm>
#include <utility>

#include "net/connection/connections.h"
#include "net/connection/http_connection.h"
#include "net/connection/websocket_link.h"

namespace chat::net {
namespace {

// How long the client has to close its direction, and how much it may still send in that time.
constexpr std::int64_t kFinishTimeoutMs = 2'000;
constexpr std::uint32_t kMaxDiscardedBytes = 1'048'576;
// Input that waits during a request or a pause. A head may be larger, and one read may exceed it.
constexpr std::size_t kMaxKeptBytes = 65'536;

}  // namespace

Connection::Connection(Connections& owner, std::uint64_t id, std::string remote_address, Share share)
    : owner_(owner),
      loop_(owner.loop()),
      id_(id),
      remote_address_(std::move(remote_address)),
      share_(std::move(share)) {}

Connection::~Connection() = default;

std::optional<Refusal> Connection::charge_to(SourcePtr source) {
  if (share_.amount() != 0) return std::nullopt;
  std::optional<Refusal> refusal;
  share_ = Share::take(std::move(source), Resource::connections, refusal);
  return refusal;
}

void Connection::set_stream(std::unique_ptr<ByteStream> stream) { stream_ = std::move(stream); }

WebSocketLink& Connection::make_websocket(std::unique_ptr<LinkUser> user, const Carrier& carrier,
                                          std::int64_t max_message_bytes) {
  websocket_ = std::make_unique<WebSocketLink>(loop_, *this, std::move(user), carrier, max_message_bytes);
  return *websocket_;
}

bool Connection::idle_http() const { return !websocket_ && (!http_ || http_->idle()) && !finishing_; }

void Connection::answer(std::uint64_t request_number, HttpResponse response, bool essential) {
  if (http_ && !doomed_) http_->answer(request_number, std::move(response), essential);
}

void Connection::write(std::uint64_t request_number, std::string_view bytes, bool last) {
  if (http_ && !doomed_) http_->write(request_number, bytes, last);
}

int Connection::direct_fd(std::uint64_t request_number) const {
  return http_ && !ending() ? http_->direct_fd(request_number) : -1;
}

void Connection::write_rest(std::uint64_t request_number, std::string_view bytes) {
  if (http_ && !doomed_) http_->write_rest(request_number, bytes);
}

// Input ---------------------------------------------------------------------------------------------------------------

void Connection::on_input(std::span<char> bytes) {
  if (doomed_) return;
  if (finishing_) {
    discard(bytes.size());
    return;
  }
  if (websocket_) websocket_->heard();
  if (!input_->empty()) {
    keep(bytes);
    if (!queued_) take_input();
    charge_input();
    return;
  }
  processing_ = true;
  process(bytes);
  processing_ = false;
  if (!bytes.empty()) keep(bytes);
  charge_input();
}

void Connection::queue_input() {
  if (!std::exchange(queued_, true)) owner_.add_waiting_input(*this);
}

void Connection::take_turn() {
  queued_ = false;
  take_input();
  charge_input();
}

// Incomplete input takes memory for as long as the client wants.
void Connection::charge_input() {
  if (ending()) return;
  if (http_) {
    http_->charge();
  } else if (websocket_) {
    websocket_->charge_input();
  }
}

void Connection::take_input() {
  if (processing_ || ending() || input_->empty()) return;
  processing_ = true;
  std::string& input = input_.get();
  std::span<char> rest(input);
  process(rest);
  processing_ = false;
  input.erase(0, input.size() - rest.size());
  if (finishing_ || input.empty()) input_.reset();
  if (full_ && kept_bytes() < max_kept_bytes()) {
    full_ = false;
    apply_reading();
  }
}

void Connection::process(std::span<char>& bytes) {
  if (!http_ && !websocket_) http_ = std::make_unique<HttpConnection>(loop_, *this);
  if (http_) {
    http_->take(bytes);
    if (ending() || !http_->upgraded()) return;
    http_.reset();
    websocket_->established();
  }
  if (!ending()) websocket_->receive(bytes);
}

void Connection::keep(std::span<char> bytes) {
  if (ending()) return;
  input_.make().append(bytes.data(), bytes.size());
  if (!full_ && kept_bytes() >= max_kept_bytes()) {
    full_ = true;
    apply_reading();
  }
}

// A head waits until it is complete: reading must not stop before that, or before the head is too large.
std::size_t Connection::max_kept_bytes() const {
  const bool head = !websocket_ && (!http_ || http_->at_head());
  return std::max(kMaxKeptBytes, head ? static_cast<std::size_t>(loop_.options().max_header_bytes) : 0);
}

void Connection::set_reading(bool on) {
  reading_ = on;
  if (on && !input_->empty()) queue_input();
  apply_reading();
}

void Connection::apply_reading() { stream_->set_reading(finishing_ || (reading_ && !full_)); }

void Connection::on_writable() {
  if (ending()) return;
  if (http_) {
    http_->writable();
  } else if (websocket_) {
    websocket_->writable();
  }
}

// The end -------------------------------------------------------------------------------------------------------------

void Connection::finish() {
  if (doomed_ || std::exchange(finishing_, true)) return;
  stream_->finish_writing();
  apply_reading();
  loop_.set_timer(*this, loop_.now_ms() + kFinishTimeoutMs);
  if (!processing_) input_.reset();
}

void Connection::discard(std::size_t bytes) {
  if (bytes > kMaxDiscardedBytes - discarded_bytes_) {
    doom();
  } else {
    discarded_bytes_ += static_cast<std::uint32_t>(bytes);
  }
}

void Connection::on_deadline(std::int64_t now_ms) {
  if (!finishing_ && http_) {
    http_->on_deadline();
  } else if (!finishing_ && websocket_) {
    websocket_->on_deadline(now_ms);
  } else {
    doom();
  }
}

void Connection::on_stream_closed() {
  if (std::exchange(closed_, true)) return;
  TimerWheel::cancel(*this);
  if (websocket_) websocket_->lost();
  if (http_) http_->lost();
}

void Connection::on_released() { owner_.bury(*this); }

void Connection::doom() { owner_.doom(*this); }

void Connection::kill() {
  if (!stream_) return;
  if (reset_) stream_->reset_on_close();
  stream_->close();
}

}  // namespace chat::net
