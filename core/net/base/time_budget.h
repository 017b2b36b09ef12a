// Limits how long a loop works before it returns to its host. Code that processes a list checks the budget after each
// entry and leaves the rest in the list when the time is over, so each list advances by at least one entry. Without a
// limit no clock is read. Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>

namespace chat::net {

class TimeBudget {
 public:
  // Monotonic, in nanoseconds.
  using Clock = std::int64_t (*)();

  static std::int64_t steady_clock_ns() {
    using namespace std::chrono;
    return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
  }

  explicit TimeBudget(Clock clock = steady_clock_ns) : clock_(clock) {}

  // Starts a budget of budget_ms milliseconds.
  void begin(std::int64_t budget_ms) {
    deadline_ns_ = clock_() + budget_ms * 1'000'000;
    limited_ = true;
    over_ = false;
  }
  // Removes the limit until the next begin().
  void lift() { limited_ = over_ = false; }

  bool limited() const { return limited_; }
  // True when the time is over; stays true until begin() or lift().
  bool over() {
    if (limited_ && !over_) over_ = clock_() >= deadline_ns_;
    return over_;
  }

 private:
  const Clock clock_;
  std::int64_t deadline_ns_ = 0;
  bool limited_ = false;
  bool over_ = false;
};

}  // namespace chat::net
