// The messages of one client that wait for an answer: the application knows them by a number, the client by its ref.
// Bounded: when full, the oldest is forgotten (its client hears nothing, as if the application had not answered).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace chat {

class AckTable {
 public:
  static constexpr std::size_t kMaxPending = 1024;

  // A number that this client never had before.
  std::uint64_t add(std::string ref) {
    if (pending_.size() == kMaxPending) pending_.pop_front();
    pending_.emplace_back(++last_, std::move(ref));
    return last_;
  }

  // The ref, once; nullopt when it is unknown or was taken.
  std::optional<std::string> take(std::uint64_t ack_id) {
    for (auto entry = pending_.rbegin(); entry != pending_.rend(); ++entry) {
      if (entry->first != ack_id) continue;
      std::optional<std::string> ref = std::move(entry->second);
      pending_.erase(std::next(entry).base());
      return ref;
    }
    return std::nullopt;
  }

 private:
  std::uint64_t last_ = 0;
  std::deque<std::pair<std::uint64_t, std::string>> pending_;
};

}  // namespace chat
