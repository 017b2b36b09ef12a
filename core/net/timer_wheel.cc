// See timer_wheel.h.
#include "net/timer_wheel.h"

#include <algorithm>

namespace chat::net {

void TimerEntry::unlink() {
  if (!next_) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  next_ = previous_ = nullptr;
}

TimerWheel::TimerWheel(std::int64_t now_ms) : tick_(now_ms / kTickMs) {
  for (Anchor& slot : slots_) slot.next_ = slot.previous_ = &slot;
}

TimerWheel::~TimerWheel() {
  for (Anchor& slot : slots_) {
    while (slot.next_ != &slot) slot.next_->unlink();
    slot.next_ = slot.previous_ = nullptr;
  }
}

void TimerWheel::link(TimerEntry& entry) {
  // Rounded up, and never into a slot that was passed already.
  const std::int64_t tick = std::max(tick_ + 1, (entry.deadline_ms_ + kTickMs - 1) / kTickMs);
  Anchor& slot = slots_[static_cast<std::size_t>(tick) % kSlots];
  entry.next_ = &slot;
  entry.previous_ = slot.previous_;
  slot.previous_->next_ = &entry;
  slot.previous_ = &entry;
}

void TimerWheel::set(TimerEntry& entry, std::int64_t deadline_ms) {
  entry.unlink();
  entry.deadline_ms_ = deadline_ms;
  link(entry);
}

void TimerWheel::advance(std::int64_t now_ms) {
  const std::int64_t target = now_ms / kTickMs;
  // After a long sleep one lap visits every slot.
  const std::int64_t laps = std::min<std::int64_t>(target - tick_, kSlots);
  const std::int64_t first = target - laps + 1;
  for (std::int64_t tick = first; tick <= target; ++tick) {
    tick_ = std::max(tick_, tick);
    Anchor& slot = slots_[static_cast<std::size_t>(tick) % kSlots];
    // Taken off as a whole first: what a callback sets or cancels meanwhile disturbs nothing.
    Anchor due;
    due.next_ = due.previous_ = &due;
    if (slot.next_ != &slot) {
      due.next_ = slot.next_;
      due.previous_ = slot.previous_;
      due.next_->previous_ = due.previous_->next_ = &due;
      slot.next_ = slot.previous_ = &slot;
    }
    while (due.next_ != &due) {
      TimerEntry& entry = *due.next_;
      entry.unlink();
      if (entry.deadline_ms_ <= now_ms) {
        entry.on_deadline(now_ms);
      } else {
        link(entry);  // of a later lap
      }
    }
    due.next_ = due.previous_ = nullptr;
  }
}

std::int64_t TimerWheel::next_ms() const {
  for (std::size_t ahead = 1; ahead <= kSlots; ++ahead) {
    const std::int64_t tick = tick_ + static_cast<std::int64_t>(ahead);
    const Anchor& slot = slots_[static_cast<std::size_t>(tick) % kSlots];
    if (slot.next_ != &slot) return tick * kTickMs;
  }
  return -1;
}

}  // namespace chat::net
