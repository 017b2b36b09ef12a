// See clock.h.
#include "net/base/clock.h"

#include <chrono>

namespace chat::net {

Moment current_moment() {
  using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::steady_clock, std::chrono::system_clock;
  return {duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count(),
          duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count()};
}

}  // namespace chat::net
