// The messages that one client was asked to acknowledge and has not: their numbers and until when. Bounded. Knows no clock.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace chat {

class AckWaits {
 public:
  static constexpr std::size_t kMaxPending = 1024;
  static constexpr std::int64_t kNever = INT64_MAX;  // a deadline for which only the client's end is one

  // False when there are too many.
  bool add(std::uint64_t ack_id, std::int64_t deadline_ms) {
    if (pending_.size() == kMaxPending) return false;
    pending_.push_back({ack_id, deadline_ms});
    return true;
  }

  // Once: false when it is not awaited.
  bool take(std::uint64_t ack_id) {
    auto found =
        std::find_if(pending_.begin(), pending_.end(), [&](const Wait& wait) { return wait.ack_id == ack_id; });
    if (found == pending_.end()) return false;
    pending_.erase(found);
    return true;
  }

  // Takes those whose time is over.
  std::vector<std::uint64_t> take_expired(std::int64_t now_ms) {
    std::vector<std::uint64_t> expired;
    std::erase_if(pending_, [&](const Wait& wait) {
      if (wait.deadline_ms > now_ms) return false;
      expired.push_back(wait.ack_id);
      return true;
    });
    return expired;
  }

  // Of the first that expires; -1 when none does.
  std::int64_t deadline_ms() const {
    std::int64_t first = -1;
    for (const Wait& wait : pending_) {
      if (wait.deadline_ms == kNever) continue;
      if (first == -1 || wait.deadline_ms < first) first = wait.deadline_ms;
    }
    return first;
  }

  bool empty() const { return pending_.empty(); }

 private:
  struct Wait {
    std::uint64_t ack_id;
    std::int64_t deadline_ms;
  };
  std::vector<Wait> pending_;
};

}  // namespace chat
