// The acknowledgements that nodes of the cluster have asked our clients for, by the number of the message to the
// client. Bounded. Any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "guest/guest_wire.h"

namespace chat::guest {

// Who has asked.
struct AckRequest {
  std::string uid;
  std::string nsp;
  std::string request_id;
  Way way = Way::channel;
};
using AckRequestPtr = std::shared_ptr<const AckRequest>;

class GuestAcks {
 public:
  static constexpr std::size_t kMaxPending = 100'000;

  // False: too many are pending.
  bool add(std::uint64_t ack_id, AckRequestPtr request, std::int64_t deadline_ms) {
    const std::lock_guard lock(mutex_);
    if (pending_.size() >= kMaxPending) return false;
    pending_.emplace(ack_id, Pending{std::move(request), deadline_ms});
    first_ms_ = std::min(first_ms_, deadline_ms);
    return true;
  }
  // nullptr: this number is nobody's here.
  AckRequestPtr take(std::uint64_t ack_id) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = pending_.find(ack_id);
    if (found == pending_.end()) return nullptr;
    AckRequestPtr request = std::move(found->second.request);
    pending_.erase(found);
    return request;
  }

  // Forgets those whose client has left before it was asked: nobody tells of them.
  void expire(std::int64_t now_ms) noexcept {
    const std::lock_guard lock(mutex_);
    if (first_ms_ > now_ms) return;
    first_ms_ = INT64_MAX;
    for (auto one = pending_.begin(); one != pending_.end();) {
      if (one->second.deadline_ms <= now_ms) {
        one = pending_.erase(one);
        continue;
      }
      first_ms_ = std::min(first_ms_, one->second.deadline_ms);
      ++one;
    }
  }

 private:
  struct Pending {
    AckRequestPtr request;
    std::int64_t deadline_ms = 0;
  };

  std::mutex mutex_;
  std::unordered_map<std::uint64_t, Pending> pending_;
  std::int64_t first_ms_ = INT64_MAX;  // no deadline is earlier
};

}  // namespace chat::guest
