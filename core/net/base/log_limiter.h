// Limits log lines caused by clients to a rate and counts the suppressed ones. Not thread-safe.
#pragma once

#include <cstdint>

#include "net/base/token_bucket.h"

namespace chat::net {

class LogLimiter {
 public:
  // Returns true when a line may be written now; `suppressed` is then the number of lines suppressed since the last
  // one.
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
