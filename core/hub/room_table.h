// All rooms by name: how they appear and go, how many there may be, and what the history of all of them may take. A room is
// charged to whoever created it until it goes. The default room can always appear. Any thread.
// The table's lock is held outside of a room's, and no two rooms' locks at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/hub_options.h"
#include "hub/moment.h"
#include "hub/room.h"
#include "model/string_map.h"

namespace chat {

class RoomTable {
 public:
  RoomTable(const HubOptions& options, std::size_t loops);

  // nullptr: there is none.
  RoomPtr find(std::string_view name) const;
  std::vector<RoomPtr> all() const;
  // At most `count`, those with the most members. all: there are no more.
  std::vector<RoomPtr> largest(std::size_t count, bool& all) const;
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
        if (!idle) note_unused(*room);
      }
    }
    if (idle) remove_if_idle(room);
  }

  // The same, adding the room if need be, which is charged to the source (nullptr: to nobody). The action's Status;
  // invalid_room, or too_many: which limit.
  template <class Action>
  Status with(std::string_view name, const SourcePtr& creator, std::optional<Refusal>& refusal, Action action) {
    for (;;) {
      Result<RoomPtr> room = find_or_add(name, creator, refusal);
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
  void expire(Moment now);

 private:
  Result<RoomPtr> find_or_add(std::string_view name, const SourcePtr& creator, std::optional<Refusal>& refusal);
  std::unique_ptr<RoomLog> make_log(const std::string& room);
  void remove_if_idle(const RoomPtr& room);
  void note_unused(const Room& room);
  bool full() const;
  // Of one source, or with nullptr of all.
  void forget_silent_rooms(const Source* of, std::int64_t limit, std::atomic<std::int64_t>& unused);
  using Silence = std::pair<std::int64_t, RoomPtr>;  // when something was last said
  std::vector<Silence> by_silence() const;           // since long ago first

  const MakeRoomLog make_log_;
  const HistoryLimits history_limits_;
  const std::int64_t max_history_bytes_;
  const std::int64_t max_rooms_;
  const std::int64_t max_rooms_per_source_;
  const std::string default_room_;
  const std::uint64_t epoch_seed_;
  const std::size_t loops_;

  std::atomic<std::uint64_t> epochs_ = 0;
  std::atomic<std::int64_t> history_bytes_ = 0;
  std::mutex shrinking_;
  std::mutex forgetting_;
  std::atomic<std::int64_t> unused_ = 0;  // rooms that have become it since all of them were looked at

  mutable std::shared_mutex mutex_;
  StringMap<RoomPtr> by_name_;
};

}  // namespace chat
