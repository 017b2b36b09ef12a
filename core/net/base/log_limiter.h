// Keeps hostile input from flooding the log: so many lines a second, and then how many were left out.
#pragma once

#include <cstdint>

#include "net/base/token_bucket.h"

namespace chat::net {

class LogLimiter {
 public:
  // Whether a line may go out now; `suppressed` becomes how many were kept back since the last that did.
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
