// Deadlines by the ten thousand: an entry is put in and taken out in constant time, and one libuv timer of the loop
// serves all. Coarse: a deadline is met up to kTickMs late, never early, or later when the loop's time budget is over before all
// that is due has been called. Knows no clock; its loop tells the time.
#pragma once

#include <array>
#include <cstdint>

#include "net/base/time_budget.h"

namespace chat::net {

class TimerWheel;

// Something with a deadline. Intrusive: it unlinks itself when it is destroyed.
class TimerEntry {
 public:
  TimerEntry() = default;
  TimerEntry(const TimerEntry&) = delete;
  TimerEntry& operator=(const TimerEntry&) = delete;
  virtual ~TimerEntry() { unlink(); }

  bool pending() const { return next_ != nullptr; }
  std::int64_t deadline_ms() const { return deadline_ms_; }

 protected:
  virtual void on_deadline(std::int64_t now_ms) = 0;

 private:
  friend class TimerWheel;
  void unlink();

  TimerEntry* next_ = nullptr;
  TimerEntry* previous_ = nullptr;
  std::int64_t deadline_ms_ = 0;
};

class TimerWheel {
 public:
  static constexpr std::int64_t kTickMs = 20;

  explicit TimerWheel(std::int64_t now_ms);
  ~TimerWheel();

  // Moves the entry when it is in already.
  void set(TimerEntry& entry, std::int64_t deadline_ms);
  static void cancel(TimerEntry& entry) { entry.unlink(); }

  // Calls everything whose deadline has come. False when the time was over: the next call goes on, if something is left.
  bool advance(std::int64_t now_ms, TimeBudget& budget);

  // When advance() is next worth calling; -1 when nothing is in. In the past after an interrupted one.
  std::int64_t next_ms() const;

 private:
  static constexpr std::size_t kSlots = 1024;

  struct Anchor : TimerEntry {
    void on_deadline(std::int64_t) override {}
  };

  void link(TimerEntry& entry);
  void take_slot(Anchor& slot);
  bool call_due(std::int64_t now_ms, TimeBudget& budget);

  std::array<Anchor, kSlots> slots_;
  // Of the slot of tick_, taken off it as a whole: what a callback sets or cancels meanwhile disturbs nothing.
  Anchor due_;
  std::int64_t tick_;  // everything up to here is done, but for what is in due_
};

}  // namespace chat::net
