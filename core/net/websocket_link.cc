// See websocket_link.h.
#include "net/websocket_link.h"

#include <libwebsockets.h>

#include <algorithm>

#include "hub/utf8.h"
#include "net/connection.h"
#include "net/loop.h"
#include "net/server.h"

namespace chat::net {
namespace {

// How long a peer has for its half of the closing handshake.
constexpr std::int64_t kCloseTimeoutMs = 5'000;
// Larger buffers than this are given back once their message is whole.
constexpr std::size_t kKeptInboundBytes = 1'024;
constexpr int kCompressedBit = 0x40;  // RSV1, RFC 7692 section 6
constexpr std::uint16_t kNoStatus = 1005;
constexpr std::uint16_t kAbnormal = 1006;

// RFC 6455 section 7.4: what may stand in a close frame.
bool is_close_code(std::uint16_t code) {
  if (code >= 3000) return code < 5000;
  return code >= 1000 && code <= 1014 && code != 1004 && code != kNoStatus && code != kAbnormal;
}

}  // namespace

WebSocketLink::WebSocketLink(Loop& loop, Connection& connection, std::unique_ptr<LinkUser> user, const Framing& framing,
                             std::int64_t max_message_bytes)
    : Link(loop, *user),
      connection_(connection),
      owned_user_(std::move(user)),
      max_message_bytes_(max_message_bytes),
      framing_(framing),
      heard_ms_(loop.now_ms()) {}

lws* WebSocketLink::wsi() const { return connection_.wsi(); }

void WebSocketLink::set_user(LinkUser& user) {
  user_ = &user;
  owned_user_.reset();
}

void WebSocketLink::set_keep_alive(bool on) {
  keep_alive_ = on;
  schedule();
}

// Opening -------------------------------------------------------------------------------------------------------------

void WebSocketLink::established(bool deflate) {
  if (closing_) return;
  if (deflate) {
    framing_.deflate_window_bits = 15;
    inflater_ = std::make_unique<wire::Inflater>();
  }
  heard_ms_ = loop_.now_ms();
  state_ = State::open;
  mark_dirty();
  user_->on_established();
  schedule();
}

void WebSocketLink::hold_until(std::int64_t deadline_ms) {
  if (state_ != State::open && state_ != State::held) return;
  state_ = State::held;
  hold_deadline_ms_ = deadline_ms;
  set_reading(false);
  schedule();
}

void WebSocketLink::release() {
  if (state_ != State::held) return;
  state_ = State::open;
  set_reading(true);
  schedule();
}

// Reading -------------------------------------------------------------------------------------------------------------

void WebSocketLink::set_reading(bool on) {
  reading_ = on;
  mark_dirty();
}

// Not inside a RECEIVE: libwebsockets would put back what it has of a TLS record and take it again, for ever.
void WebSocketLink::apply_reading() {
  if (reading_applied_ == reading_) return;
  reading_applied_ = reading_;
  lws_rx_flow_control(wsi(), reading_ ? 1 : 0);
}

void WebSocketLink::pause_reading_until(std::int64_t until_ms) {
  if (closing_ || until_ms <= loop_.now_ms()) return;
  paused_until_ms_ = std::max(paused_until_ms_, until_ms);
  set_reading(false);
  schedule();
}

void WebSocketLink::resume_reading() {
  if (closing_ || state_ != State::open || paused_until_ms_ < 0) return;
  paused_until_ms_ = -1;
  heard();  // of what could not be
  set_reading(true);
  schedule();
}

void WebSocketLink::heard() {
  heard_ms_ = loop_.now_ms();
  if (pinged_ms_ < 0) return;
  pinged_ms_ = -1;
  schedule();  // the next ping may be due before the time-out would have been
}

void WebSocketLink::receive(std::string_view bytes) {
  heard();
  loop_.stats().bytes_in.add(bytes.size());
  if (state_ != State::open) return;
  lws* const socket = wsi();
  if (lws_is_first_fragment(socket)) {
    inbound_.clear();
    compressed_ = (lws_get_reserved_bits(socket) & kCompressedBit) != 0;
  }
  const bool binary = lws_frame_is_binary(socket) != 0;
  const bool final = lws_is_final_fragment(socket) != 0;
  if (final && inbound_.empty() && !compressed_ && bytes.size() <= static_cast<std::size_t>(max_message_bytes_)) {
    dispatch(binary, bytes);  // as it lies: the usual case copies nothing
    return;
  }
  if (!collect(bytes, final) || !final) return;
  std::string message = std::exchange(inbound_, {});  // its receiver may close the link
  dispatch(binary, message);
  message.clear();
  if (message.capacity() <= kKeptInboundBytes) inbound_ = std::move(message);
}

// Adds to the message that is coming in; false when that has ended the connection.
bool WebSocketLink::collect(std::string_view bytes, bool final) {
  const auto limit = static_cast<std::size_t>(max_message_bytes_);
  if (compressed_) {
    switch (inflater_->append(bytes, final, limit, inbound_)) {
      case wire::Inflater::Outcome::ok:
        return true;
      case wire::Inflater::Outcome::too_large:
        refuse_too_large();
        return false;
      case wire::Inflater::Outcome::malformed:
        loop_.stats().messages_refused.add();
        close(1007, "malformed compressed message");
        return false;
    }
  }
  // What this frame still announces counts at once, before memory is spent on it.
  const std::size_t announced = lws_remaining_packet_payload(wsi());
  const std::size_t whole = inbound_.size() + bytes.size();
  if (whole > limit || announced > limit - whole) {
    refuse_too_large();
    return false;
  }
  inbound_ += bytes;
  return true;
}

void WebSocketLink::refuse_too_large() {
  loop_.stats().messages_refused.add();
  close(1009, "a message may have " + std::to_string(max_message_bytes_) + " bytes");
}

void WebSocketLink::dispatch(bool binary, std::string_view message) {
  if (!binary && !is_utf8(message)) {
    loop_.stats().messages_refused.add();
    close(1007, "text must be UTF-8");
    return;
  }
  user_->on_message(binary, message);
}

// Writing -------------------------------------------------------------------------------------------------------------

// What was dropped came before what is the first now. Not before its notice can be written: a notice for each round in
// which a reader takes nothing would push out what they tell of.
void WebSocketLink::tell_gaps_first() {
  if (!outbox_.has_gaps() || outbox_.mid_frame() || closing_) return;
  if (loop_.outbox_limits().policy != OutboxPolicy::drop_oldest) return;
  const std::vector<GapReply> gaps = outbox_.take_gaps();
  for (auto gap = gaps.rbegin(); gap != gaps.rend(); ++gap) {
    if (FramePtr notice = user_->encode_gap(*gap)) outbox_.push_front(std::move(notice));
  }
}

bool WebSocketLink::write_pending() {
  lws* const socket = wsi();
  while (!outbox_.empty()) {
    // A frame that has begun goes to libwebsockets whole: a pong of its own must not come in between.
    if (lws_partial_buffered(socket) && !outbox_.mid_frame()) {
      lws_callback_on_writable(socket);
      connection_.watch_stall();
      return true;
    }
    tell_gaps_first();
    const std::string_view bytes = outbox_.next(loop_.scratch(), kMaxWriteBytes);
    const int written = lws_write(socket, reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data())),
                                  bytes.size(), LWS_WRITE_RAW);
    if (written < 0) return false;
    loop_.stats().bytes_out.add(bytes.size());
    outbox_.consume(bytes.size());  // what the socket did not take, libwebsockets keeps
  }
  return true;
}

void WebSocketLink::flush() {
  if (state_ == State::handshake || state_ == State::closed) return;
  apply_reading();
  if (!write_pending()) {
    terminate("the connection was lost");
    return;
  }
  if (outbox_.empty() && outbox_.has_gaps() && !closing_) {
    for (const GapReply& gap : outbox_.take_gaps()) push(user_->encode_gap(gap));
  }
}

void WebSocketLink::writable() {
  if (state_ == State::handshake || state_ == State::closed) return;
  // The socket took something: the peer is alive, however slowly it reads.
  heard();
  if (state_ == State::open) user_->on_progress();
  flush();
}

// Keeping alive -------------------------------------------------------------------------------------------------------

void WebSocketLink::schedule() {
  std::int64_t due_ms = INT64_MAX;
  auto consider = [&](std::int64_t deadline_ms) {
    if (deadline_ms >= 0) due_ms = std::min(due_ms, deadline_ms);
  };
  const ServerOptions& options = loop_.options();
  if (state_ == State::closing) consider(close_deadline_ms_);
  if (state_ == State::held) consider(hold_deadline_ms_);
  if (state_ == State::open) {
    consider(paused_until_ms_);
    if (keep_alive_ && options.ping_interval_ms >= 0) {
      consider(pinged_ms_ < 0 ? heard_ms_ + options.ping_interval_ms : pinged_ms_ + options.ping_timeout_ms);
    }
  }
  if (due_ms == INT64_MAX) {
    TimerWheel::cancel(connection_);
  } else if (!connection_.pending() || connection_.deadline_ms() != due_ms) {
    loop_.set_timer(connection_, due_ms);
  }
}

void WebSocketLink::keep_alive(std::int64_t now_ms) {
  const ServerOptions& options = loop_.options();
  if (!keep_alive_ || options.ping_interval_ms < 0) return;
  if (pinged_ms_ >= 0) {
    if (now_ms >= pinged_ms_ + options.ping_timeout_ms) terminate("no answer to a ping");
    return;
  }
  if (now_ms < heard_ms_ + options.ping_interval_ms) return;
  pinged_ms_ = now_ms;
  // Behind a backlog a ping says nothing: whether the backlog moves does.
  if (outbox_.empty()) push(make_ping_frame("chat"));
}

void WebSocketLink::on_deadline(std::int64_t now_ms) {
  if (state_ == State::closing && now_ms >= close_deadline_ms_) {
    terminate("no answer to a close");
    return;
  }
  if (state_ == State::held && now_ms >= hold_deadline_ms_) user_->on_hold_timeout();
  if (state_ == State::open) {
    if (paused_until_ms_ >= 0 && now_ms >= paused_until_ms_) resume_reading();
    // Nothing can be heard while nothing is read.
    if (reading_) keep_alive(now_ms);
  }
  schedule();
}

// Closing -------------------------------------------------------------------------------------------------------------

void WebSocketLink::close(std::uint16_t code, std::string_view reason) {
  if (closing_) return;
  closing_ = true;
  close_code_ = code;
  close_reason_ = reason;
  if (state_ == State::handshake) {
    loop_.doom(connection_);
  } else {
    state_ = State::closing;
    inbound_ = {};
    outbox_.push_last(make_close_frame(code, reason));
    mark_dirty();
    close_deadline_ms_ = loop_.now_ms() + kCloseTimeoutMs;
    set_reading(true);  // for the peer's answer
    schedule();
  }
  user_->on_link_closed(code, reason);
}

void WebSocketLink::peer_closed(std::string_view body) {
  const bool answered = closing_;  // this is the answer to our own
  if (!answered) {
    closing_ = true;
    std::uint16_t answer = 0;
    close_code_ = kNoStatus;
    if (body.size() == 1) {
      close_code_ = answer = 1002;
    } else if (body.size() >= 2) {
      const auto code =
          static_cast<std::uint16_t>((static_cast<unsigned char>(body[0]) << 8) | static_cast<unsigned char>(body[1]));
      close_reason_ = is_utf8(body.substr(2)) ? std::string(body.substr(2)) : std::string();
      close_code_ = code;
      answer = !is_close_code(code) ? 1002 : is_utf8(body.substr(2)) ? code : 1007;
    }
    // The peer listens no more: what is queued is pointless, but a frame that is under way would garble the answer.
    if (!outbox_.mid_frame() && !lws_partial_buffered(wsi())) {
      const FramePtr frame = make_close_frame(answer, answer == close_code_ ? close_reason_ : std::string_view());
      const std::string_view bytes = frame->bytes();
      lws_write(wsi(), reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data())), bytes.size(), LWS_WRITE_RAW);
    }
    user_->on_link_closed(close_code_, close_reason_);
  }
  state_ = State::closed;
}

void WebSocketLink::terminate(std::string_view reason) {
  if (!closing_) {
    close_code_ = kAbnormal;
    close_reason_ = reason;
  }
  loop_.doom(connection_);
}

void WebSocketLink::lost() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  if (closing_) return;
  closing_ = true;
  user_->on_link_closed(close_code_, close_reason_.empty() ? "the connection was lost" : close_reason_);
}

}  // namespace chat::net
