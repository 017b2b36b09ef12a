// See timer_wheel.h.
#include "net/base/timer_wheel.h"

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
  due_.next_ = due_.previous_ = &due_;
}

TimerWheel::~TimerWheel() {
  const auto empty = [](Anchor& anchor) {
    while (anchor.next_ != &anchor) anchor.next_->unlink();
    anchor.next_ = anchor.previous_ = nullptr;
  };
  for (Anchor& slot : slots_) empty(slot);
  empty(due_);
}

void TimerWheel::link(TimerEntry& entry) {
  // Round up, and never use a slot that is already processed.
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

bool TimerWheel::advance(std::int64_t now_ms, TimeBudget& budget) {
  if (!call_due(now_ms, budget)) return false;
  const std::int64_t target = now_ms / kTickMs;
  // After a long sleep, one lap visits every slot.
  tick_ = std::max(tick_, target - static_cast<std::int64_t>(kSlots));
  while (tick_ < target) {
    ++tick_;
    take_slot(slots_[static_cast<std::size_t>(tick_) % kSlots]);
    if (!call_due(now_ms, budget)) return false;
  }
  return true;
}

void TimerWheel::take_slot(Anchor& slot) {
  if (slot.next_ == &slot) return;
  due_.next_ = slot.next_;
  due_.previous_ = slot.previous_;
  due_.next_->previous_ = due_.previous_->next_ = &due_;
  slot.next_ = slot.previous_ = &slot;
}

bool TimerWheel::call_due(std::int64_t now_ms, TimeBudget& budget) {
  while (due_.next_ != &due_) {
    TimerEntry& entry = *due_.next_;
    entry.unlink();
    if (entry.deadline_ms_ > now_ms) {
      link(entry);  // due in a later lap
      continue;
    }
    entry.on_deadline(now_ms);
    if (budget.over()) return false;
  }
  return true;
}

std::int64_t TimerWheel::next_ms() const {
  if (due_.next_ != &due_) return tick_ * kTickMs;
  for (std::size_t ahead = 1; ahead <= kSlots; ++ahead) {
    const std::int64_t tick = tick_ + static_cast<std::int64_t>(ahead);
    const Anchor& slot = slots_[static_cast<std::size_t>(tick) % kSlots];
    if (slot.next_ != &slot) return tick * kTickMs;
  }
  return -1;
}

}  // namespace chat::net
