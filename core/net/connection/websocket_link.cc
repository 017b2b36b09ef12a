// See websocket_link.h.
#include "net/connection/websocket_link.h"

#include <algorithm>

#include "net/connection/connection.h"
#include "net/connection/connections.h"
#include "net/deliver/websocket_carrier.h"

namespace chat::net {
namespace {

// How long a client has for its part of the closing handshake.
constexpr std::int64_t kCloseTimeoutMs = 5'000;
// RFC 6455 section 5.5.2 allows answering only the latest of several pings.
constexpr std::uint8_t kMaxQueuedPongs = 16;
// How many messages and pings of one client are taken in one turn of the loop, so that a flood does not delay other
// clients.
constexpr int kMaxEventsPerTurn = 128;
constexpr std::uint16_t kAbnormal = 1006;
constexpr std::uint16_t kTooLarge = 1009;
constexpr std::uint16_t kTryAgainLater = 1013;  // the client reads too slowly

}  // namespace

WebSocketLink::WebSocketLink(LinkContext& loop, Connection& connection, std::unique_ptr<LinkUser> user,
                             const Carrier& carrier, std::int64_t max_message_bytes)
    : Link(loop, *user),
      connection_(connection),
      owned_user_(std::move(user)),
      carrier_(&carrier),
      reader_(static_cast<std::size_t>(max_message_bytes)),
      heard_ms_(loop.now_ms()) {}

void WebSocketLink::set_user(LinkUser& user) {
  user_ = &user;
  owned_user_.reset();
}

void WebSocketLink::set_keep_alive(bool on) {
  keep_alive_ = on;
  schedule();
}

// Opening -------------------------------------------------------------------------------------------------------------

void WebSocketLink::accept_handshake(std::string response, const std::optional<wire::DeflateAgreement>& deflate) {
  outbox_.push_front(FramePtr::make(std::move(response), nullptr, Frame::Place::outside));
  if (!deflate) return;
  carrier_ = &carrier_->with_deflate(deflate->server_window_bits);
  reader_.allow_deflate(deflate->client_no_context_takeover);
}

void WebSocketLink::established() {
  if (closing_) return;
  heard_ms_ = loop_.now_ms();
  state_ = State::open;
  mark_dirty();
  user_->on_established();
  schedule();
}

// Reading -------------------------------------------------------------------------------------------------------------

void WebSocketLink::set_reading(bool on) {
  if (std::exchange(reading_, on) == on) return;
  connection_.set_reading(on);
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
  heard();  // nothing could be heard during the pause
  if (!output_first_) go_on_reading();
  schedule();
}

void WebSocketLink::go_on_reading() {
  set_reading(true);
  user_->on_resume();
}

// flush() ends it. Until then the client's reading shows that it is alive.
void WebSocketLink::pause_reading_for_output() {
  if (closing_) return;
  output_first_ = true;
  set_reading(false);
  mark_dirty();
}

void WebSocketLink::heard() {
  heard_ms_ = loop_.now_ms();
  if (pinged_ms_ < 0) return;
  pinged_ms_ = -1;
  schedule();  // the next ping may be due before that time-out
}

// The user may be gone once the link is closing, while the client may still send.
std::string_view WebSocketLink::address() const {
  return state_ == State::open ? user_->address() : std::string_view(connection_.remote_address());
}

std::size_t WebSocketLink::held_input_bytes() const {
  return connection_.kept_bytes() + reader_.held_bytes() + (state_ == State::open ? user_->held_input_bytes() : 0);
}

void WebSocketLink::receive(std::span<char>& input) {
  using Kind = wire::MessageReader::Event::Kind;
  // Until `more`, even when the input is used up: the reader frees a message's buffer in the call after it.
  for (int taken = 0; reading_; ++taken) {
    if (!input.empty() && (taken == kMaxEventsPerTurn || (taken != 0 && loop_.budget().over()))) {
      connection_.queue_input();
      return;
    }
    if (heard_last_ || finish_when_sent_ || state_ == State::closed) {
      input = {};
      return;
    }
    const wire::MessageReader::Event event = reader_.next(input);
    switch (event.kind) {
      case Kind::more:
        return;
      case Kind::message:
        loop_.stats().bytes_in.add(event.bytes.size());
        if (state_ == State::open) user_->on_message(event.binary, event.bytes);
        break;
      case Kind::ping:
        // The pong follows everything that earlier messages cause.
        behind_inbox([payload = std::string(event.bytes)](WebSocketLink& link) { link.pong(payload); });
        break;
      case Kind::pong:
        break;
      case Kind::close:
        client_closed(event);
        break;
      case Kind::failure:
        loop_.stats().messages_refused.add();
        loop_.refusals().note(event.code == kTooLarge ? Refusal::message_bytes : Refusal::malformed, address(),
                              event.reason);
        fail(event.code, event.code == kTooLarge
                             ? "a message may have at most " + std::to_string(reader_.max_message_bytes()) + " bytes"
                             : std::string(event.reason));
        break;
    }
  }
}

template <class Action>
void WebSocketLink::behind_inbox(Action action) {
  if (loop_.drain_inbox()) {
    action(*this);
    return;
  }
  loop_.post_task([&connections = connection_.owner(), id = connection_.id(), action = std::move(action)] {
    if (WebSocketLink* link = connections.find_websocket(id)) action(*link);
  });
}

void WebSocketLink::pong(std::string_view payload) {
  if (closing_) return;
  if (queued_pongs_ == kMaxQueuedPongs) {
    late_pong_ = std::make_unique<std::string>(payload);
    return;
  }
  mark_dirty();
  ++queued_pongs_;
  outbox_.push_replay(make_pong_frame(payload));
}

// Writing -------------------------------------------------------------------------------------------------------------

// With drop_oldest the dropped messages came before the first one that is queued now, so the notice about them goes in
// front of it. The notice is made when it can be written: one for each round in which a client reads nothing would push
// out the messages themselves. What is partly written ends first.
void WebSocketLink::tell_gaps_first() {
  if (!outbox_.has_gaps() || closing_ || outbox_.mid_write()) return;
  if (loop_.outbox_limits().policy != OutboxPolicy::drop_oldest) return;
  std::vector<GapReply> gaps = outbox_.take_gaps();
  std::reverse(gaps.begin(), gaps.end());  // each goes in front of the one before
  for (const GapReply& gap : gaps) {
    if (FramePtr notice = user_->encode_gap(gap)) outbox_.push_front(std::move(notice));
  }
}

// False: the stream is broken.
bool WebSocketLink::write_pending() {
  if (blocked_) return true;
  ByteStream& stream = connection_.stream();
  while (!outbox_.empty() || !stream.flushed()) {
    tell_gaps_first();
    const std::string_view bytes = outbox_.next(*carrier_, loop_.scratch(), kMaxWriteBytes);
    const std::optional<std::size_t> written = stream.write(bytes);
    if (!written) return false;
    if (*written != 0) note_written();
    loop_.stats().bytes_out.add(*written);
    outbox_.consume(*written);
    if (*written < bytes.size() || !stream.flushed()) {
      blocked_ = true;
      stream.want_writable();
      return true;
    }
    if (!outbox_.empty() && loop_.budget().over()) {
      mark_dirty();
      return true;
    }
  }
  return true;
}

void WebSocketLink::flush() {
  if (state_ == State::handshake || state_ == State::closed) return;
  if (!write_pending()) {
    terminate(kLost);
    return;
  }
  if (output_first_ && is_nearly_empty()) {
    output_first_ = false;
    if (paused_until_ms_ < 0 && state_ == State::open) go_on_reading();
  }
  if (!outbox_.empty() || blocked_) return;
  queued_pongs_ = 0;
  if (finish_when_sent_) {
    state_ = State::closed;
    connection_.finish();
    return;
  }
  if (closing_) return;
  if (late_pong_) pong(*std::exchange(late_pong_, nullptr));
  if (outbox_.has_gaps()) {
    for (const GapReply& gap : outbox_.take_gaps()) push(user_->encode_gap(gap));
  }
  open_direct_when_idle();
}

// With an interval between flushes, everything waits in outboxes.
void WebSocketLink::open_direct_when_idle() {
  const bool idle = state_ == State::open && outbox_.empty() && !blocked_ && !dirty_ && !outbox_.has_gaps();
  if (idle && loop_.options().flush_interval_ms == 0) open_direct(connection_.stream().direct_fd());
}

void WebSocketLink::write_now() {
  if (state_ == State::handshake || state_ == State::closed) return;
  if (!write_pending()) terminate(kLost);
}

void WebSocketLink::writable() {
  if (state_ == State::handshake || state_ == State::closed) return;
  blocked_ = false;
  // The stream took output: the client is alive, however slowly it reads.
  heard();
  note_progress();
  if (state_ == State::open) user_->on_progress();
  const std::size_t waited_bytes = outbox_.bytes();
  flush();
  charge_queue();
  loop_.memory().freed(waited_bytes - std::min(waited_bytes, outbox_.bytes()));
}

// Keeping alive -------------------------------------------------------------------------------------------------------

void WebSocketLink::schedule() {
  std::int64_t due_ms = INT64_MAX;
  auto consider = [&](std::int64_t deadline_ms) {
    if (deadline_ms >= 0) due_ms = std::min(due_ms, deadline_ms);
  };
  const ServerOptions& options = loop_.options();
  if (state_ == State::closing) consider(close_deadline_ms_);
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
    if (now_ms >= pinged_ms_ + options.ping_timeout_ms) {
      loop_.refusals().note(Refusal::ping_timeout, address());
      connection_.set_reset();
      terminate("no answer to a ping");
    }
    return;
  }
  if (now_ms < heard_ms_ + options.ping_interval_ms) return;
  pinged_ms_ = now_ms;
  // A ping after a backlog shows nothing. Whether the backlog shrinks does.
  if (outbox_.empty()) push(make_ping_frame("chat"));
}

void WebSocketLink::on_deadline(std::int64_t now_ms) {
  if (state_ == State::closing && now_ms >= close_deadline_ms_) {
    terminate("no answer to a close");
    return;
  }
  if (state_ == State::open) {
    if (paused_until_ms_ >= 0 && now_ms >= paused_until_ms_) resume_reading();
    // While nothing is read, nothing can be heard.
    if (reading_ || output_first_) keep_alive(now_ms);
  }
  schedule();
}

// Closing -------------------------------------------------------------------------------------------------------------

// Allocations come before the state changes. Otherwise the user would not be told when one fails.
void WebSocketLink::close(std::uint16_t code, std::string_view reason) {
  if (closing_) return;
  const bool established = state_ != State::handshake;  // otherwise a response refuses the handshake
  if (established) {
    mark_dirty();
    const Carrier::Closing closing = carrier_->closing(code, reason);
    FramePtr text = closing.text.empty() ? FramePtr() : make_text_frame(closing.text, *carrier_);
    FramePtr frame = make_close_frame(closing.code, closing.reason);
    if (text) outbox_.push_last(std::move(text));
    outbox_.push_last(std::move(frame));
    state_ = State::closing;
    close_deadline_ms_ = loop_.now_ms() + kCloseTimeoutMs;
  }
  closing_ = true;
  output_first_ = false;
  if (code == kTryAgainLater) connection_.set_reset();
  user_->on_link_closed(code, reason);
  if (!established) return;
  set_reading(true);  // for the client's answer
  schedule();
}

// Our close frame is the answer. It follows everything that the client's last messages cause. An answer to our own
// close ends the connection.
void WebSocketLink::client_closed(const wire::MessageReader::Event& event) {
  const std::string reason(event.bytes);
  end_behind_inbox(event.code, reason, event.answer, event.answer == event.code ? reason : std::string());
}

void WebSocketLink::fail(std::uint16_t code, std::string_view reason) {
  end_behind_inbox(code, std::string(reason), code, std::string(reason));
}

void WebSocketLink::end_behind_inbox(std::uint16_t code, std::string reason, std::uint16_t answer,
                                     std::string answer_reason) {
  heard_last_ = true;
  if (closing_) {
    finish_when_sent();
    return;
  }
  behind_inbox(
      [code, reason = std::move(reason), answer, answer_reason = std::move(answer_reason)](WebSocketLink& link) {
        if (link.state_ == State::closed) return;
        if (link.closing_) {
          link.finish_when_sent();
        } else {
          link.end(code, reason, make_close_frame(answer, answer_reason));
        }
      });
}

void WebSocketLink::finish_when_sent() {
  finish_when_sent_ = true;
  mark_dirty();
}

// `frame` is the last output, and nothing more is read. As in close(), the state changes last.
void WebSocketLink::end(std::uint16_t code, std::string_view reason, FramePtr frame) {
  mark_dirty();
  if (blocked_) outbox_.drop_unwritten();  // a slow client does not have to read its backlog first
  outbox_.push_last(std::move(frame));
  closing_ = true;
  finish_when_sent_ = true;
  state_ = State::closing;
  close_deadline_ms_ = loop_.now_ms() + kCloseTimeoutMs;
  schedule();
  user_->on_link_closed(code, reason);
}

void WebSocketLink::terminate(const char* reason) {
  close_direct();
  lost_reason_ = reason;
  connection_.doom();
}

void WebSocketLink::lost() {
  if (state_ == State::closed) return;
  close_direct();
  state_ = State::closed;
  loop_.memory().freed(outbox_.bytes());
  if (closing_) return;
  closing_ = true;
  user_->on_link_closed(kAbnormal, lost_reason_);
}

}  // namespace chat::net
