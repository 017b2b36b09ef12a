// A point in time, by two clocks: the time of day, which people see and which somebody may set, and one that never jumps, by
// which things grow old.
#pragma once

#include <cstdint>

namespace chat {

struct Moment {
  std::int64_t time_ms = 0;  // Unix milliseconds
  std::int64_t age_ms = 0;   // since some beginning of this run

  Moment& operator+=(std::int64_t ms) {
    time_ms += ms;
    age_ms += ms;
    return *this;
  }
  friend Moment operator+(Moment moment, std::int64_t ms) { return moment += ms; }
};

}  // namespace chat
