// Pending acknowledgements of one client in one direction. A peer has two tables: the messages of the client that the
// application has not answered yet, and the messages that the client has not acknowledged yet. Bounded. Reads no clock; times
// are arguments.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chat {

class AckTable {
 public:
  static constexpr std::size_t kMaxPending = 1024;
  static constexpr std::int64_t kNever = INT64_MAX;  // the deadline of an entry that only the end of the client removes

  // Adds a message of the client, under a new number. When the table is full, the oldest entry is dropped: the client receives
  // no answer, as if the application had given none.
  std::uint64_t add(std::string ref) {
    if (pending_.size() == kMaxPending) pending_.erase(pending_.begin());
    pending_.push_back({last_ + 1, kNever, std::move(ref)});
    return ++last_;
  }
  // Adds a message to the client, under a number that the caller chose. False when the table is full.
  bool add(std::uint64_t ack_id, std::int64_t deadline_ms) {
    if (pending_.size() == kMaxPending) return false;
    pending_.push_back({ack_id, deadline_ms, {}});
    return true;
  }

  // Removes the entry and returns its ref, which is empty for a message to the client. nullopt: there is no such entry.
  std::optional<std::string> take(std::uint64_t ack_id) {
    // The newest first: most messages are answered at once.
    const auto found =
        std::find_if(pending_.rbegin(), pending_.rend(), [&](const Entry& entry) { return entry.ack_id == ack_id; });
    if (found == pending_.rend()) return std::nullopt;
    std::optional<std::string> ref = std::move(found->ref);
    pending_.erase(std::next(found).base());
    return ref;
  }
  // The number of the oldest entry whose deadline has come. nullopt: there is none.
  std::optional<std::uint64_t> expired(std::int64_t now_ms) const {
    const auto found =
        std::find_if(pending_.begin(), pending_.end(), [&](const Entry& entry) { return entry.deadline_ms <= now_ms; });
    if (found == pending_.end()) return std::nullopt;
    return found->ack_id;
  }

  // The first deadline; -1 when there is none.
  std::int64_t deadline_ms() const {
    std::int64_t first = -1;
    for (const Entry& entry : pending_) {
      if (entry.deadline_ms == kNever) continue;
      if (first == -1 || entry.deadline_ms < first) first = entry.deadline_ms;
    }
    return first;
  }

  bool empty() const { return pending_.empty(); }

 private:
  struct Entry {
    std::uint64_t ack_id;
    std::int64_t deadline_ms;
    std::string ref;
  };

  std::uint64_t last_ = 0;
  std::vector<Entry> pending_;
};

}  // namespace chat
