// Timers for tens of thousands of deadlines. Entries are added and removed in constant time, and the loop needs only
// one libuv timer. Precision is coarse: an entry runs up to kTickMs late, and never early. It runs later than that when
// the loop's time budget ends first. It reads no clock. Use it on its loop's thread.
#pragma once

#include <array>
#include <cstdint>

#include "net/base/time_budget.h"

namespace chat::net {

class TimerWheel;

// Base class for objects with a deadline. It contains the links of the timer list and unlinks itself when destroyed.
class TimerEntry {
 public:
  TimerEntry() = default;
  TimerEntry(const TimerEntry&) = delete;
  TimerEntry& operator=(const TimerEntry&) = delete;
  virtual ~TimerEntry() { unlink(); }

  bool pending() const { return next_ != nullptr; }
  std::int64_t deadline_ms() const { return deadline_ms_; }

  // Runs once when the deadline is reached. It may set the entry again.
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

  // Sets or changes the entry's deadline.
  void set(TimerEntry& entry, std::int64_t deadline_ms);
  static void cancel(TimerEntry& entry) { entry.unlink(); }

  // Runs all due entries. Returns false when the time budget ended first; the next call continues.
  bool advance(std::int64_t now_ms, TimeBudget& budget);

  // When advance() next has work; -1 when there are no entries. In the past after an interrupted advance().
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
  // The entries of the current slot. They are moved here before they run, so callbacks can set and cancel entries.
  Anchor due_;
  std::int64_t tick_;  // all ticks up to this one are done, except for the entries in due_
};

}  // namespace chat::net
