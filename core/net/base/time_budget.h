// How long a loop may work before it returns to its host. Whoever works through a list asks after each piece, and leaves the
// rest where it is once the time is over: so every list gets on by at least one piece. Without a limit no clock is read.
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

  // From now on.
  void begin(std::int64_t budget_ms) {
    deadline_ns_ = clock_() + budget_ms * 1'000'000;
    limited_ = true;
    over_ = false;
  }
  // There is no limit until begin().
  void lift() { limited_ = over_ = false; }

  bool limited() const { return limited_; }
  // Stays true until begin() or lift().
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
