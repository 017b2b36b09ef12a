// Deadlines by the ten thousand: an entry is put in and taken out in constant time, and one libuv timer of the loop
// serves all. Coarse: a deadline is met up to kTickMs late, never early. Knows no clock; its loop tells the time.
#pragma once

#include <array>
#include <cstdint>

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

  // Calls everything whose deadline has come.
  void advance(std::int64_t now_ms);

  // When advance() is next worth calling; -1 when nothing is in.
  std::int64_t next_ms() const;

 private:
  static constexpr std::size_t kSlots = 1024;

  struct Anchor : TimerEntry {
    void on_deadline(std::int64_t) override {}
  };

  void link(TimerEntry& entry);

  std::array<Anchor, kSlots> slots_;
  std::int64_t tick_;  // everything up to here is done
};

}  // namespace chat::net
