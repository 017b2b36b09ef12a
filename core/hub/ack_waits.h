// The messages that one client was asked to acknowledge and has not yet acknowledged: their ack ids and deadlines.
// Bounded. Reads no clock. Not thread-safe: it belongs to the client's loop.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace chat {

class AckWaits {
 public:
  static constexpr std::size_t kMaxPending = 1024;
  static constexpr std::int64_t kNever = INT64_MAX;  // no deadline: the wait ends only with the client

  // Returns false when kMaxPending acknowledgements are already pending.
  bool add(std::uint64_t ack_id, std::int64_t deadline_ms) {
    if (pending_.size() == kMaxPending) return false;
    pending_.push_back({ack_id, deadline_ms});
    return true;
  }

  // Removes the wait. Returns false when the ack id is not pending.
  bool take(std::uint64_t ack_id) {
    auto found =
        std::find_if(pending_.begin(), pending_.end(), [&](const Wait& wait) { return wait.ack_id == ack_id; });
    if (found == pending_.end()) return false;
    pending_.erase(found);
    return true;
  }

  // Removes the waits whose deadline has passed and returns their ack ids.
  std::vector<std::uint64_t> take_expired(std::int64_t now_ms) {
    std::vector<std::uint64_t> expired;
    std::erase_if(pending_, [&](const Wait& wait) {
      if (wait.deadline_ms > now_ms) return false;
      expired.push_back(wait.ack_id);
      return true;
    });
    return expired;
  }

  // The earliest deadline; -1 when no wait has one.
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
