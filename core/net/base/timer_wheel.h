// Timers for tens of thousands of deadlines: entries are added and removed in constant time, and the loop needs one libuv timer
// for all of them. It is coarse: an entry is called up to kTickMs late and never early. It is called later than that when the
// loop's time budget ends before all due entries were called. Reads no clock; the time is an argument.
#pragma once

#include <array>
#include <cstdint>

#include "net/base/time_budget.h"

namespace chat::net {

class TimerWheel;

// Base class of what has a deadline. The links of the list are in the entry, which unlinks itself when it is destroyed.
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

  // Sets or changes the entry's deadline.
  void set(TimerEntry& entry, std::int64_t deadline_ms);
  static void cancel(TimerEntry& entry) { entry.unlink(); }

  // Calls all entries that are due. False when the time budget was over first: the next call continues.
  bool advance(std::int64_t now_ms, TimeBudget& budget);

  // The time at which advance() has something to do; -1: there are no entries. In the past after an interrupted advance().
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
  // The entries of the slot of tick_, moved here before they are called, so that callbacks can set and cancel entries.
  Anchor due_;
  std::int64_t tick_;  // all ticks up to this one are done, except for the entries in due_
};

}  // namespace chat::net
