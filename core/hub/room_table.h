// All rooms by name: how they appear and go, how many there may be, and what the history of all of them may take. Any thread.
// The table's lock is held outside of a room's, and no two rooms' locks at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/hub_options.h"
#include "hub/room.h"
#include "hub/string_map.h"

namespace chat {

class RoomTable {
 public:
  RoomTable(const HubOptions& options, std::size_t loops);

  // nullptr: there is none.
  RoomPtr find(std::string_view name) const;
  std::vector<RoomPtr> all() const;
  std::size_t size() const;

  // Calls action(room) with the room's lock held; a room that is idle afterwards goes.
  template <class Action>
  void with(const RoomPtr& room, Action action) {
    bool idle = false;
    {
      std::lock_guard lock(room->mutex);
      action(*room);
      if (room->unused()) {
        idle = room->idle();
        may_forget_.store(true);
      }
    }
    if (idle) remove_if_idle(room);
  }

  // The same, adding the room if need be. The action's Status; invalid_room, too_many.
  template <class Action>
  Status with(std::string_view name, Action action) {
    for (;;) {
      Result<RoomPtr> room = find_or_add(name);
      if (!room.ok()) return room.status();
      std::optional<Status> status;  // none: it has just gone
      with(*room, [&](Room& found) {
        if (!found.removed) status = action(found);
      });
      if (status) return *std::move(status);
    }
  }

  std::string next_epoch();

  // The history of some room has become so much larger, or smaller.
  void count_history(std::int64_t bytes) { history_bytes_.fetch_add(bytes); }
  std::int64_t history_bytes() const { return history_bytes_.load(); }
  // Drops some of it when it is too much. No room's lock is held.
  void limit_history();

  // Drops what is too old, and rooms that are idle by it.
  void expire(std::int64_t now_ms);

 private:
  Result<RoomPtr> find_or_add(std::string_view name);
  void remove_if_idle(const RoomPtr& room);
  bool full() const;
  void forget_silent_rooms();
  using Silence = std::pair<std::int64_t, RoomPtr>;  // when something was last said
  std::vector<Silence> by_silence() const;           // since long ago first

  const HistoryLimits history_limits_;
  const std::int64_t max_history_bytes_;
  const std::int64_t max_rooms_;
  const std::uint64_t epoch_seed_;
  const std::size_t loops_;

  std::atomic<std::uint64_t> epochs_ = 0;
  std::atomic<std::int64_t> history_bytes_ = 0;
  std::mutex shrinking_;
  std::mutex forgetting_;
  std::atomic<bool> may_forget_ = true;  // a room has become unused since all of them were looked at in vain

  mutable std::shared_mutex mutex_;
  StringMap<RoomPtr> by_name_;
};

}  // namespace chat
