// All rooms by name: their creation and removal, their number, and the total size of their histories. A room is charged
// to its creator's source until it is removed. The default room can always be created. Any thread may call it. Lock
// order: the table's lock before a room's lock; two rooms' locks are never held together.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "hub/hub_options.h"
#include "hub/hub_tap.h"
#include "hub/moment.h"
#include "hub/presence_queue.h"
#include "hub/room.h"
#include "hub/room_ages.h"
#include "model/string_map.h"

namespace chat {

class RoomTable {
 public:
  // loops: the number of loops, for the per-loop counters of rooms.
  RoomTable(const HubOptions& options, std::size_t loops);

  // Returns nullptr when the room does not exist.
  RoomPtr find(std::string_view name) const;
  std::vector<RoomPtr> all() const;
  // Returns at most `count` rooms, those with the most members. Sets `all` when these are all rooms.
  std::vector<RoomPtr> largest(std::size_t count, bool& all) const;
  std::size_t size() const;

  // Calls action(room) with the room's lock held. Removes the room if it is idle afterwards.
  template <class Action>
  void with(const RoomPtr& room, Action action) {
    const InUse in_use(*this, room);
    action(*room);
  }

  // As above, but creates the room if necessary and charges it to `creator` (nullptr: nobody). Returns the action's
  // status, invalid_room, or too_many; `refusal` says which limit was reached.
  template <class Action>
  Status with(std::string_view name, const SourcePtr& creator, std::optional<Refusal>& refusal, Action action) {
    for (;;) {
      Result<RoomPtr> room = find_or_add(name, creator, refusal);
      if (!room.ok()) return room.status();
      std::optional<Status> status;  // empty: the room has just been removed
      with(*room, [&](Room& found) {
        if (!found.removed) status = action(found);
      });
      if (status) return *std::move(status);
    }
  }

  // Returns an epoch that no other room of this run has.
  std::string next_epoch();

  const std::shared_ptr<PresenceQueue>& presence_queue() const { return presence_queue_; }

  // Adds a change to the total size of all histories.
  void count_history(std::int64_t bytes) {
    if (bytes != 0) history_bytes_.fetch_add(bytes);  // often 0: a message that comes for an equally large one
  }
  std::int64_t history_bytes() const { return history_bytes_.load(); }
  // Drops history when the total is above the limit. Call without a room's lock.
  void limit_history();

  // Returns a hold on the room. Call with the room's lock held.
  RoomHold hold(const RoomPtr& room);

  // Drops expired history and bans, gives read markers to the store, then drops rooms that are idle. Takes at most
  // kExpireSlice rooms, and only those of which something is due. Returns true when there are more.
  static constexpr int kExpireSlice = 100;
  bool expire(Moment now);

 private:
  // A room's lock. Afterwards the room is put where it belongs, or removed if it is idle.
  class InUse {
   public:
    InUse(RoomTable& table, const RoomPtr& room) : table_(table), room_(room), lock_(room->mutex) {}
    ~InUse();
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;

   private:
    RoomTable& table_;
    const RoomPtr& room_;
    std::unique_lock<std::mutex> lock_;
  };
  class Hold;

  Result<RoomPtr> find_or_add(std::string_view name, const SourcePtr& creator, std::optional<Refusal>& refusal);
  std::unique_ptr<RoomLog> make_log(const std::string& room);
  void remove_if_idle(const RoomPtr& room);
  void forget_rule(const std::string& room, const RoomRules::Ended& ended, Moment now) noexcept;
  bool full() const;
  // Removes the room without members that was used longest ago, of those that the source created; nullptr: of all. False
  // when there is none.
  bool forget_unused_room(Source* of);

  RoomStore* const store_;  // nullptr: there is none
  HubTap* const tap_;       // nullptr: there is none
  const MakeRoomLog make_log_;
  const HistoryLimits history_limits_;
  const std::int64_t max_history_bytes_;
  const std::int64_t max_rooms_;
  const std::string default_room_;
  const std::uint64_t epoch_seed_;
  const std::size_t loops_;
  const PresenceLevel presence_;
  const bool unique_names_;
  const std::shared_ptr<PresenceQueue> presence_queue_;

  std::atomic<std::uint64_t> epochs_ = 0;
  std::atomic<std::int64_t> history_bytes_ = 0;
  std::mutex shrinking_;
  const std::shared_ptr<RoomAges> ages_ = std::make_shared<RoomAges>();  // a hold may outlive the table

  mutable std::shared_mutex mutex_;
  StringMap<RoomPtr> by_name_;
};

}  // namespace chat
