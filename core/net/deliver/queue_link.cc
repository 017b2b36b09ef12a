// See queue_link.h.
#include "net/deliver/queue_link.h"

#include <utility>

#include "net/deliver/link_context.h"

namespace chat::net {

namespace {

constexpr std::int64_t kOutputPauseMs = 100;

}  // namespace

void QueueLink::close(std::uint16_t code, std::string_view reason) {
  if (closing_) return;
  closing_ = true;
  user_->on_link_closed(code, reason);
}

void QueueLink::flush() {
  user_->on_output();
  if (std::exchange(turn_asked_, false)) user_->on_turn();
}

void QueueLink::ask_for_turn() {
  turn_asked_ = true;
  mark_dirty();
}

// After that its user checks the output again.
void QueueLink::pause_reading_for_output() { user_->on_pause(loop_.now_ms() + kOutputPauseMs); }

void QueueLink::take(std::string& payload) {
  note_progress();
  if (!outbox_.empty()) note_written();
  loop_.memory().freed(outbox_.bytes());
  payload.reserve(payload.size() + outbox_.bytes() + outbox_.frames());
  if (!payload.empty() && !outbox_.empty()) payload += carrier_.separator();
  outbox_.take_write(carrier_, payload);
  queued_.give_back();
}

}  // namespace chat::net
