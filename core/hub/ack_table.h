// The acknowledgements that one client is waiting for. The application identifies each by an ack id, the client by the
// `ref` of its command. The table is bounded: when it is full, the oldest entry is dropped, and that message is never
// acknowledged, as if the application had not answered. Not thread-safe: it belongs to the client's loop.
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

  // Returns a new ack id. Ids are not reused for this client.
  std::uint64_t add(std::string ref) {
    if (pending_.size() == kMaxPending) pending_.pop_front();
    pending_.emplace_back(++last_, std::move(ref));
    return last_;
  }

  // Removes the entry and returns its ref, or nullopt when the ack id is unknown or was already taken.
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
