// See engine_io_machine.h.
#include "session/engine_io_machine.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace chat::session {

using wire::EngineIoType;

EngineIoMachine::EngineIoMachine(const EngineIoOptions& options, EngineIoQueue& queue, std::string sid,
                                 Transport transport)
    : options_(options),
      queue_(&queue),
      sid_(std::move(sid)),
      transport_(transport),
      has_websocket_(transport == Transport::websocket) {}

void EngineIoMachine::open(std::int64_t now_ms, EngineIoActions& out) {
  const bool polling = transport_ == Transport::polling;
  std::string text = wire::encode_engine_io(
      EngineIoType::open, wire::handshake_json({sid_, polling && options_.may_upgrade, options_.ping_interval_ms,
                                                options_.ping_timeout_ms, options_.max_payload_bytes}));
  heard_ms_ = now_ms;
  ping_due_ms_ = now_ms + options_.ping_interval_ms;
  if (polling) {
    out.emplace_back(AnswerPoll{std::move(text)});
  } else {
    out.emplace_back(SendWebSocket{std::move(text)});
  }
}

void EngineIoMachine::poll(std::int64_t now_ms, EngineIoActions& out) {
  if (refuse_late(out)) return;
  if (poll_held_) {
    refuse_overlap(out);
    return;
  }
  poll_held_ = true;
  if (state_ == State::closing) {
    answer_last_poll(out);
  } else if (has_output()) {
    answer_poll(out);
  } else if (upgrade_ == Upgrade::probed) {
    release_due_ms_ = now_ms + kReleaseMs;
  }
}

void EngineIoMachine::poll_lost(EngineIoActions& out) {
  if (transport_ != Transport::polling) return;
  poll_held_ = false;
  abort(EngineIoClose::transport_error, out);
}

bool EngineIoMachine::begin_post(std::string_view content_type, EngineIoActions& out) {
  if (refuse_late(out)) return false;
  // Bytes are base64 in protocol 4.
  if (post_held_ || payload_ || content_type == "application/octet-stream") {
    refuse_overlap(out);
    return false;
  }
  post_held_ = true;
  return true;
}

void EngineIoMachine::end_post(std::string body, EngineIoActions& out) {
  if (!post_held_) return;  // answered already, because the session was closed or upgraded meanwhile
  if (body.size() > options_.max_payload_bytes) {
    post_too_large(out);
    return;
  }
  post_held_ = false;
  payload_ = std::make_unique<Payload>(std::move(body), options_.max_payload_packets);
}

void EngineIoMachine::take_packet(std::int64_t now_ms, EngineIoActions& out) {
  if (!payload_) return;
  wire::EngineIoPacket packet;
  if (state_ == State::open && payload_->packets.next(packet)) {
    receive(packet, now_ms, out);
    if (payload_ && state_ == State::open && !payload_->packets.at_end()) return;
  } else if (!payload_->packets.ok()) {
    fail(EngineIoClose::parse_error, out);
  }
  end_payload(out);
}

// The content of the payload does not change the answer to the POST.
void EngineIoMachine::end_payload(EngineIoActions& out) {
  if (!std::exchange(payload_, nullptr)) return;
  out.emplace_back(AnswerPost{});
}

void EngineIoMachine::post_too_large(EngineIoActions& out) {
  if (!std::exchange(post_held_, false)) return;
  out.emplace_back(AnswerPost{413});
}

void EngineIoMachine::post_lost(EngineIoActions& out) {
  const bool waiting = std::exchange(payload_, nullptr) != nullptr;
  if (!std::exchange(post_held_, false) && !waiting) return;
  abort(EngineIoClose::transport_error, out);
}

bool EngineIoMachine::attach_websocket(std::int64_t now_ms) {
  if (closed() || has_websocket_ || !options_.may_upgrade) return false;
  has_websocket_ = true;
  upgrade_ = Upgrade::attached;
  upgrade_due_ms_ = now_ms + options_.upgrade_timeout_ms;
  return true;
}

void EngineIoMachine::websocket_received(bool binary, std::string_view bytes, std::int64_t now_ms,
                                         EngineIoActions& out) {
  if (closed() || !has_websocket_) return;
  if (transport_ == Transport::polling) {
    receive_from_candidate(binary, bytes, now_ms, out);
    return;
  }
  if (bytes.size() > options_.max_payload_bytes) {
    abort(EngineIoClose::transport_error, out);
    return;
  }
  std::string storage;
  if (const auto packet = wire::decode_engine_io(binary, bytes, storage)) {
    receive(*packet, now_ms, out);
  } else {
    abort(EngineIoClose::parse_error, out);
  }
}

void EngineIoMachine::websocket_lost(EngineIoActions& out) {
  if (!std::exchange(has_websocket_, false)) return;
  if (transport_ == Transport::polling) {
    drop_candidate(out);
  } else {
    abort(EngineIoClose::transport_close, out);
  }
}

void EngineIoMachine::flush(EngineIoActions& out) {
  if (poll_held_ && has_output()) answer_poll(out);
}

void EngineIoMachine::close(std::int64_t now_ms, EngineIoActions& out) {
  if (state_ != State::open) return;
  state_ = State::closing;
  close_reason_ = EngineIoClose::forced_close;
  if (transport_ == Transport::websocket) {
    finish(close_reason_, out);
    return;
  }
  ping_due_ms_ = pong_due_ms_ = kNever;
  close_due_ms_ = now_ms + options_.close_timeout_ms;
  if (poll_held_) answer_last_poll(out);
}

void EngineIoMachine::fail(EngineIoClose reason, EngineIoActions& out) {
  if (closed()) return;
  if (poll_held_) answer_poll(out, true);
  finish(reason, out);
}

void EngineIoMachine::abort(EngineIoClose reason, EngineIoActions& out) {
  if (!closed()) finish(reason, out);
}

void EngineIoMachine::receive(const wire::EngineIoPacket& packet, std::int64_t now_ms, EngineIoActions& out) {
  if (state_ != State::open) return;
  heard_ms_ = now_ms;
  switch (packet.type) {
    case EngineIoType::message:
      out.emplace_back(Deliver{packet.binary, std::string(packet.data)});
      break;
    case EngineIoType::ping:  // since protocol 4 only the server sends pings
      fail(EngineIoClose::transport_error, out);
      break;
    case EngineIoType::pong:
      pong_due_ms_ = kNever;
      ping_due_ms_ = now_ms + options_.ping_interval_ms;
      if (std::exchange(ping_is_out_, false)) out.emplace_back(PingAnswered{});
      break;
    case EngineIoType::close:  // ignored on a WebSocket, which has its own closing handshake
      if (transport_ == Transport::polling) finish(EngineIoClose::transport_close, out);
      break;
    case EngineIoType::open:
    case EngineIoType::upgrade:
    case EngineIoType::noop:
      break;
  }
}

void EngineIoMachine::receive_from_candidate(bool binary, std::string_view bytes, std::int64_t now_ms,
                                             EngineIoActions& out) {
  constexpr std::string_view kProbe = "probe";
  std::string storage;
  const auto packet = wire::decode_engine_io(binary, bytes, storage);
  if (packet && packet->type == EngineIoType::ping && packet->data == kProbe) {
    upgrade_ = Upgrade::probed;
    out.emplace_back(SendWebSocket{wire::encode_engine_io(EngineIoType::pong, kProbe)});
    if (poll_held_) answer_poll(out);
  } else if (packet && packet->type == EngineIoType::upgrade) {
    complete_upgrade(now_ms, out);
  } else {
    drop_candidate(out);
  }
}

void EngineIoMachine::complete_upgrade(std::int64_t now_ms, EngineIoActions& out) {
  upgrade_ = Upgrade::none;
  upgrade_due_ms_ = release_due_ms_ = kNever;
  transport_ = Transport::websocket;
  // The official client has no request in flight at this time.
  if (std::exchange(poll_held_, false)) out.emplace_back(AnswerPoll{wire::encode_engine_io(EngineIoType::noop)});
  if (std::exchange(post_held_, false) || std::exchange(payload_, nullptr)) out.emplace_back(AnswerPost{400});
  out.emplace_back(Upgraded{});
  if (state_ == State::closing) {
    finish(close_reason_, out);
    return;
  }
  // The client's pong may have been in a request that is now refused.
  if (pong_due_ms_ != kNever) pong_due_ms_ = now_ms + options_.ping_timeout_ms;
  if (!std::exchange(ping_waiting_, false)) return;
  ping_leaves(out);
  out.emplace_back(SendWebSocket{wire::encode_engine_io(EngineIoType::ping)});
}

void EngineIoMachine::drop_candidate(EngineIoActions& out) {
  upgrade_ = Upgrade::none;
  upgrade_due_ms_ = release_due_ms_ = kNever;
  if (std::exchange(has_websocket_, false)) out.emplace_back(CloseWebSocket{});
}

void EngineIoMachine::send_ping(std::int64_t now_ms, EngineIoActions& out) {
  // Counted from the time at which the ping was due, so that the coarseness of the timers is not added twice.
  pong_due_ms_ = now_ms - std::min(now_ms - ping_due_ms_, kTimerCoarsenessMs) + options_.ping_timeout_ms;
  ping_due_ms_ = kNever;
  if (transport_ == Transport::websocket) {
    ping_leaves(out);
    out.emplace_back(SendWebSocket{wire::encode_engine_io(EngineIoType::ping)});
    return;
  }
  ping_waiting_ = true;
  flush(out);
}

// The official client handles a close packet before the messages of the same payload. So the last messages go in an answer of
// their own, as in the reference server.
void EngineIoMachine::answer_last_poll(EngineIoActions& out) {
  if (has_output()) {
    answer_poll(out);
    return;
  }
  answer_poll(out, true);
  finish(close_reason_, out);
}

void EngineIoMachine::ping_leaves(EngineIoActions& out) {
  ping_is_out_ = true;
  out.emplace_back(PingSent{});
}

void EngineIoMachine::answer_poll(EngineIoActions& out, bool and_close) {
  poll_held_ = false;
  release_due_ms_ = kNever;
  std::string body;
  queue_->take(body);
  if (std::exchange(ping_waiting_, false)) {
    wire::append_engine_io(body, EngineIoType::ping);
    ping_leaves(out);
  }
  if (and_close) {
    wire::append_engine_io(body, EngineIoType::close);
  } else if (body.empty()) {
    wire::append_engine_io(body, EngineIoType::noop);
  }
  out.emplace_back(AnswerPoll{std::move(body)});
}

// Answers the requests that are still held.
void EngineIoMachine::finish(EngineIoClose reason, EngineIoActions& out) {
  state_ = State::closed;
  close_reason_ = reason;
  upgrade_ = Upgrade::none;
  if (std::exchange(poll_held_, false)) {
    const bool by_client = reason == EngineIoClose::transport_close;
    const EngineIoType last = by_client ? EngineIoType::noop : EngineIoType::close;
    out.emplace_back(AnswerPoll{wire::encode_engine_io(last)});
  }
  if (std::exchange(post_held_, false)) out.emplace_back(AnswerPost{400});  // its body is not complete
  if (std::exchange(has_websocket_, false)) out.emplace_back(CloseWebSocket{});
  out.emplace_back(Closed{reason});
  end_payload(out);
}

// Refuses a request that was on its way when the session ended or was upgraded.
bool EngineIoMachine::refuse_late(EngineIoActions& out) {
  if (!closed() && transport_ == Transport::polling) return false;
  out.emplace_back(RefuseRequest{closed() ? wire::EngineIoError::unknown_sid : wire::EngineIoError::bad_request});
  return true;
}

// A client has one GET and one POST at a time, because otherwise packets could change their order.
void EngineIoMachine::refuse_overlap(EngineIoActions& out) {
  out.emplace_back(RefuseRequest{});
  abort(EngineIoClose::transport_error, out);
}

std::int64_t EngineIoMachine::deadline_ms() const {
  if (closed()) return kNever;
  std::int64_t first = kNever;
  for (const std::int64_t due : {ping_due_ms_, pong_due_ms_, upgrade_due_ms_, release_due_ms_, close_due_ms_}) {
    if (due != kNever && (first == kNever || due < first)) first = due;
  }
  return first;
}

void EngineIoMachine::tick(std::int64_t now_ms, EngineIoActions& out) {
  const auto has_come = [&](std::int64_t due) { return !closed() && due != kNever && due <= now_ms; };
  if (has_come(close_due_ms_)) finish(close_reason_, out);
  if (has_come(upgrade_due_ms_)) drop_candidate(out);
  if (has_come(release_due_ms_)) {
    release_due_ms_ = kNever;
    if (poll_held_) answer_poll(out);
  }
  if (has_come(pong_due_ms_)) {
    // A client that is sending is alive. Its pong may wait in the payload of a POST, or for the answer to a POST.
    if (payload_) heard_ms_ = now_ms;
    pong_due_ms_ = heard_ms_ + options_.ping_timeout_ms;
    if (pong_due_ms_ <= now_ms) abort(EngineIoClose::ping_timeout, out);
  }
  if (has_come(ping_due_ms_)) send_ping(now_ms, out);
}

}  // namespace chat::session
