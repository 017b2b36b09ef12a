// See clock.h.
#include "net/base/clock.h"

#include <chrono>

namespace chat::net {

std::int64_t wall_clock_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

Moment current_moment() {
  using namespace std::chrono;
  return {wall_clock_ms(), duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count()};
}

}  // namespace chat::net
