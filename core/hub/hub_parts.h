// What the files of the hub share. Only they include it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "hub/hub.h"

namespace chat {

inline std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

inline Status no_such_client() { return {Error::no_such_client, "no such client"}; }

inline Status no_such_room(std::string_view name) { return {Error::no_such_room, "no room " + std::string(name)}; }

inline Status name_taken(const std::string& name, const std::string& room) {
  return {Error::name_taken, "the name " + name + ", or one that looks like it, is taken in the room " + room};
}

inline IdentityPtr with_state(const Identity& identity, PublicStatePtr state) {
  auto changed = std::make_shared<Identity>(identity);
  changed->state.reset();
  if (state) changed->state.make() = std::move(state);
  return changed;
}

// A store may have read more than the memory takes: `earlier`, and then what is in memory above it.
inline KeptMessages kept_between(const RoomLog& log, std::uint64_t after_seq, std::uint64_t before_seq,
                                 std::size_t limit, const KeptRange* earlier) {
  if (earlier == nullptr || earlier->epoch != log.epoch() || !log.lacks(after_seq, before_seq, limit)) {
    return log.between(after_seq, before_seq, limit);
  }
  KeptMessages kept;
  kept.complete = earlier->complete;
  for (const MessagePtr& message : earlier->messages) {
    if (message->seq <= log.seq()) kept.messages.push_back(log.updated(message));  // others are not committed yet
  }
  const std::uint64_t last_seq = kept.messages.empty() ? earlier->after_seq : kept.messages.back()->seq;
  const KeptMessages newer = log.between(std::max(after_seq, last_seq), before_seq, limit);
  kept.complete = kept.complete && newer.complete;
  kept.messages.insert(kept.messages.end(), newer.messages.begin(), newer.messages.end());
  return kept;
}

// The newest messages of them, without events.
inline void limit_messages(KeptMessages& kept, std::size_t limit) {
  std::erase_if(kept.messages, [](const MessagePtr& one) { return !is_message(one); });
  if (limit == 0 || kept.messages.size() <= limit) return;
  kept.messages.erase(kept.messages.begin(), kept.messages.end() - static_cast<std::ptrdiff_t>(limit));
  kept.complete = false;
}

template <class Action>
bool Hub::with_known(std::string_view name, Action action) {
  for (;;) {
    if (const RoomPtr room = rooms_.find(name)) {
      bool found = false;
      rooms_.with(room, [&](Room& known) {
        if (known.removed) return;
        found = true;
        action(known);
      });
      if (found) return true;
    } else if (options_.store == nullptr || !options_.store->has(name)) {
      return false;
    } else {
      std::optional<Refusal> refusal;  // unused: nobody is charged for a room that is kept
      return rooms_
          .with(name, nullptr, refusal,
                [&](Room& kept) -> Status {
                  action(kept);
                  return {};
                })
          .ok();
    }
  }
}

}  // namespace chat
