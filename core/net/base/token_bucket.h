// A rate limiter that allows bursts: it gains `rate` tokens per second, up to `burst`. Reads no clock. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>

namespace chat::net {

class TokenBucket {
 public:
  // A negative rate_per_s means no limit.
  TokenBucket(std::int64_t rate_per_s, std::int64_t burst, std::int64_t now_ms)
      : rate_per_s_(rate_per_s), burst_(burst), milli_tokens_(burst * 1000), last_ms_(now_ms) {}

  // Takes one token if there is one.
  bool take(std::int64_t now_ms) {
    if (rate_per_s_ < 0) return true;
    refill(now_ms);
    if (milli_tokens_ < 1000) return false;
    milli_tokens_ -= 1000;
    return true;
  }

  // Takes tokens even when there are too few. New tokens repay the debt first.
  void take_in_advance(std::int64_t tokens = 1) {
    if (rate_per_s_ >= 0) milli_tokens_ -= tokens * 1000;
  }
  // True while tokens that were taken in advance are not repaid.
  bool overdrawn(std::int64_t now_ms) {
    if (rate_per_s_ < 0) return false;
    refill(now_ms);
    return milli_tokens_ < 0;
  }
  // True when take() would succeed.
  bool has_token(std::int64_t now_ms) {
    if (rate_per_s_ < 0) return true;
    refill(now_ms);
    return milli_tokens_ >= 1000;
  }

  // Milliseconds until the bucket has `tokens`; 0 when it has them now.
  std::int64_t wait_ms(std::int64_t tokens, std::int64_t now_ms) {
    if (rate_per_s_ < 0) return 0;
    refill(now_ms);
    const std::int64_t missing = std::min(tokens, burst_) * 1000 - milli_tokens_;
    return missing <= 0 ? 0 : missing / std::max<std::int64_t>(1, rate_per_s_) + 1;
  }

 private:
  void refill(std::int64_t now_ms) {
    // Capped at the time that fills the bucket, so the product cannot overflow.
    const std::int64_t full_ms = (burst_ * 1000 - milli_tokens_) / std::max<std::int64_t>(1, rate_per_s_) + 1;
    const std::int64_t elapsed_ms = std::clamp<std::int64_t>(now_ms - last_ms_, 0, full_ms);
    milli_tokens_ = std::min(burst_ * 1000, milli_tokens_ + elapsed_ms * rate_per_s_);
    last_ms_ = now_ms;
  }

  std::int64_t rate_per_s_;
  std::int64_t burst_;
  std::int64_t milli_tokens_;
  std::int64_t last_ms_;
};

}  // namespace chat::net
