// See queue_link.h.
#include "net/deliver/queue_link.h"

#include <utility>

#include "net/deliver/link_context.h"
#include "wire/engine_io/engine_io.h"

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

// Its user looks again after that.
void QueueLink::pause_reading_for_output() { user_->on_pause(loop_.now_ms() + kOutputPauseMs); }

void QueueLink::take(std::string& payload) {
  note_progress();
  loop_.memory().freed(outbox_.bytes());
  payload.reserve(payload.size() + outbox_.bytes() + outbox_.frames());
  for (const FramePtr& frame : outbox_.take_all()) wire::append_engine_io_packets(payload, frame->bytes());
  queued_.give_back();
}

}  // namespace chat::net
