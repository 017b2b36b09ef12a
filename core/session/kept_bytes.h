// What a server has kept elsewhere within a window of time, in bytes, with a limit: a flood of short connections must not fill the
// memory of the cluster. Any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>

#include "model/types.h"

namespace chat::session {

class KeptBytes {
 public:
  // max_bytes: kUnlimited: no limit.
  KeptBytes(std::int64_t window_ms, std::int64_t max_bytes) : window_ms_(window_ms), max_bytes_(max_bytes) {}

  // False: so many bytes more would be above the limit. They count until the window has passed.
  bool add(std::int64_t bytes, std::int64_t now_ms) {
    const std::lock_guard lock(mutex_);
    while (!kept_.empty() && now_ms - kept_.front().from_ms >= window_ms_ + part_ms()) {
      bytes_ -= kept_.front().bytes;
      kept_.pop_front();
    }
    if (exceeds(bytes_ + bytes, max_bytes_)) return false;
    // What comes close together is one entry, so their number is bounded.
    if (!kept_.empty() && now_ms - kept_.back().from_ms < part_ms()) {
      kept_.back().bytes += bytes;
    } else {
      kept_.push_back({now_ms, bytes});
    }
    bytes_ += bytes;
    return true;
  }

 private:
  static constexpr std::int64_t kParts = 100;
  std::int64_t part_ms() const { return window_ms_ / kParts; }

  struct Kept {
    std::int64_t from_ms = 0;  // and not longer than a part of the window
    std::int64_t bytes = 0;
  };

  const std::int64_t window_ms_;
  const std::int64_t max_bytes_;
  std::mutex mutex_;
  std::deque<Kept> kept_;
  std::int64_t bytes_ = 0;
};

}  // namespace chat::session
