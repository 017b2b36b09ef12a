// A point in time on two clocks: the wall clock, which users see and which can be set, and a monotonic clock for ages
// and deadlines.
#pragma once

#include <cstdint>

namespace chat {

struct Moment {
  std::int64_t time_ms = 0;  // Unix milliseconds
  std::int64_t age_ms = 0;   // monotonic milliseconds from an arbitrary origin

  Moment& operator+=(std::int64_t ms) {
    time_ms += ms;
    age_ms += ms;
    return *this;
  }
  friend Moment operator+(Moment moment, std::int64_t ms) { return moment += ms; }
};

}  // namespace chat
