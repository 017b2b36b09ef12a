// Keeps hostile input from flooding the log: limits the lines per second, and counts those that were left out.
#pragma once

#include <cstdint>

#include "net/base/token_bucket.h"

namespace chat::net {

class LogLimiter {
 public:
  // Whether a line may be written now. If so, sets `suppressed` to the number of lines left out since the last one written.
  bool allow(std::int64_t now_ms, std::uint64_t& suppressed) {
    if (!bucket_.take(now_ms)) {
      ++suppressed_;
      return false;
    }
    suppressed = suppressed_;
    suppressed_ = 0;
    return true;
  }

 private:
  TokenBucket bucket_{10, 50, 0};
  std::uint64_t suppressed_ = 0;
};

}  // namespace chat::net
