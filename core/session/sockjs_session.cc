// See sockjs_session.h.
#include "session/sockjs_session.h"

#include <algorithm>
#include <utility>

#include "wire/sockjs/sockjs_frame.h"

namespace chat::session {

using wire::SockJsTransport;

SockJsSession::SockJsSession(const SockJsOptions& options, SockJsQueue& queue, SockJsTransport transport)
    : options_(options), queue_(queue), transport_(transport) {}

void SockJsSession::receive(SockJsTransport transport, std::string_view callback, std::int64_t now_ms,
                            SockJsActions& out) {
  if (state_ == State::forgotten || transport != transport_) {
    out.emplace_back(sockjs::RefuseReceiver{});
    return;
  }
  if (state_ == State::closing && (has_receiver_ || !has_output())) {
    answer(close_frame_, callback, out);
    if (!has_receiver_) timeout_due_ms_ = now_ms + options_.timeout_ms;
    return;
  }
  if (has_receiver_) {
    constexpr std::uint16_t kStillOpen = 2010;
    answer(wire::sockjs_close_frame(kStillOpen, "Another connection still open"), callback, out);
    return;
  }
  has_receiver_ = can_write_ = true;
  callback_ = callback;
  response_bytes_ = 0;
  timeout_due_ms_ = kNever;
  heartbeat_due_ms_ = now_ms + options_.heartbeat_ms;
  out.emplace_back(sockjs::StartReceiver{wire::sockjs_prelude(transport, callback)});
  pump(now_ms, out);
}

void SockJsSession::drained(std::int64_t now_ms, SockJsActions& out) {
  if (!has_receiver_) return;
  can_write_ = true;
  write_due_ms_ = kNever;
  pump(now_ms, out);
}

void SockJsSession::receiver_lost(std::int64_t now_ms, SockJsActions& out) {
  if (!has_receiver_) return;
  end_receiver(now_ms);
  interrupt(now_ms, out);
}

void SockJsSession::response_lost(std::int64_t now_ms, SockJsActions& out) { interrupt(now_ms, out); }

void SockJsSession::open(std::int64_t now_ms, SockJsActions& out) {
  if (state_ != State::opening) return;
  state_ = State::accepted;
  pump(now_ms, out);
}

void SockJsSession::send(std::uint64_t request, std::string body, SockJsActions& out) {
  if (sends_.size() >= options_.max_waiting_sends) {
    out.emplace_back(sockjs::AnswerSend{request, 503, "Too many requests."});
    return;
  }
  Send& send = sends_.emplace_back(request, std::move(body));
  if (const auto error = send.messages.error()) {
    sends_.pop_back();
    out.emplace_back(sockjs::AnswerSend{request, 500, text_of(*error)});
  } else if (send.messages.at_end() || state_ != State::open) {
    sends_.pop_back();
    out.emplace_back(sockjs::AnswerSend{request, 204, {}});
  } else {
    waiting_bytes_ += send.messages.body_bytes();
  }
}

void SockJsSession::take_message(SockJsActions& out) {
  if (sends_.empty()) return;
  Send& send = sends_.front();
  std::string message;
  if (send.messages.next(message)) out.emplace_back(sockjs::Deliver{std::move(message)});
  if (!send.messages.at_end()) return;
  out.emplace_back(sockjs::AnswerSend{send.request, 204, {}});
  waiting_bytes_ -= send.messages.body_bytes();
  sends_.pop_front();
}

void SockJsSession::flush(std::int64_t now_ms, SockJsActions& out) { pump(now_ms, out); }

void SockJsSession::close(std::uint16_t code, std::string_view reason, std::int64_t now_ms, SockJsActions& out) {
  if (state_ == State::closing || state_ == State::forgotten) return;
  begin_closing(wire::sockjs_close_frame(code, reason), SockJsClose::closed_here, now_ms, out);
}

void SockJsSession::abort(SockJsActions& out) {
  if (state_ != State::forgotten) forget(SockJsClose::closed_here, out);
}

void SockJsSession::pump(std::int64_t now_ms, SockJsActions& out) {
  if (!has_receiver_ || !can_write_) return;
  if (state_ == State::accepted) {
    state_ = State::open;
    write(wire::kSockJsOpenFrame, false, now_ms, out);
  }
  if (has_receiver_ && (state_ == State::open || state_ == State::closing) && has_output()) {
    std::string elements;
    queue_.take(elements, options_.response_bytes - std::min(response_bytes_, options_.response_bytes - 1));
    write(wire::sockjs_array_frame(elements), false, now_ms, out);
  }
  if (has_receiver_ && state_ == State::closing && !has_output()) write(close_frame_, true, now_ms, out);
}

void SockJsSession::write(std::string_view frame, bool last, std::int64_t now_ms, SockJsActions& out) {
  std::string bytes;
  wire::append_sockjs_envelope(bytes, transport_, frame, callback_);
  response_bytes_ += bytes.size();
  if (!wire::is_streaming(transport_) || response_bytes_ >= options_.response_bytes) last = true;
  out.emplace_back(sockjs::Write{std::move(bytes), last});
  can_write_ = false;
  heartbeat_due_ms_ = now_ms + options_.heartbeat_ms;
  if (last) {
    end_receiver(now_ms);
  } else if (state_ == State::closing) {
    write_due_ms_ = now_ms + options_.write_timeout_ms;
  }
}

void SockJsSession::end_receiver(std::int64_t now_ms) {
  has_receiver_ = can_write_ = false;
  heartbeat_due_ms_ = write_due_ms_ = kNever;
  timeout_due_ms_ = now_ms + options_.timeout_ms;
}

void SockJsSession::answer(std::string_view frame, std::string_view callback, SockJsActions& out) const {
  std::string body = wire::sockjs_prelude(transport_, callback);
  wire::append_sockjs_envelope(body, transport_, frame, callback);
  out.emplace_back(sockjs::AnswerReceiver{std::move(body)});
}

// The client cannot tell which messages it did not get, so it gets no later ones either.
void SockJsSession::interrupt(std::int64_t now_ms, SockJsActions& out) {
  if (state_ == State::forgotten) return;
  queue_is_lost_ = true;
  if (state_ == State::closing) {
    pump(now_ms, out);
    return;
  }
  constexpr std::uint16_t kInterrupted = 1002;
  begin_closing(wire::sockjs_close_frame(kInterrupted, "Connection interrupted"), SockJsClose::interrupted, now_ms,
                out);
}

void SockJsSession::begin_closing(std::string close_frame, SockJsClose reason, std::int64_t now_ms,
                                  SockJsActions& out) {
  state_ = State::closing;
  close_frame_ = std::move(close_frame);
  drop_sends(out);
  tell_closed(reason, out);
  if (!has_receiver_) {
    if (timeout_due_ms_ == kNever) timeout_due_ms_ = now_ms + options_.timeout_ms;
  } else if (can_write_) {
    pump(now_ms, out);
  } else {
    write_due_ms_ = now_ms + options_.write_timeout_ms;
  }
}

// As at the reference server, the senders are not told that their messages are ignored.
void SockJsSession::drop_sends(SockJsActions& out) {
  for (const Send& send : sends_) out.emplace_back(sockjs::AnswerSend{send.request, 204, {}});
  sends_.clear();
  waiting_bytes_ = 0;
}

void SockJsSession::tell_closed(SockJsClose reason, SockJsActions& out) {
  if (!std::exchange(told_closed_, true)) out.emplace_back(sockjs::Closed{reason});
}

void SockJsSession::forget(SockJsClose reason, SockJsActions& out) {
  state_ = State::forgotten;
  if (std::exchange(has_receiver_, false)) out.emplace_back(sockjs::DropReceiver{});
  drop_sends(out);
  tell_closed(reason, out);
  heartbeat_due_ms_ = timeout_due_ms_ = write_due_ms_ = kNever;
  out.emplace_back(sockjs::Forgotten{});
}

std::int64_t SockJsSession::deadline_ms() const {
  std::int64_t first = kNever;
  for (const std::int64_t due : {heartbeat_due_ms_, timeout_due_ms_, write_due_ms_}) {
    if (due != kNever && (first == kNever || due < first)) first = due;
  }
  return first;
}

void SockJsSession::tick(std::int64_t now_ms, SockJsActions& out) {
  const auto has_come = [&](std::int64_t due) { return due != kNever && due <= now_ms; };
  if (has_come(timeout_due_ms_)) {
    forget(SockJsClose::timed_out, out);
  } else if (has_come(write_due_ms_)) {
    forget(SockJsClose::closed_here, out);
  } else if (has_come(heartbeat_due_ms_)) {
    heartbeat_due_ms_ = now_ms + options_.heartbeat_ms;
    if (can_write_ && state_ == State::open) write(wire::kSockJsHeartbeatFrame, false, now_ms, out);
  }
}

}  // namespace chat::session
