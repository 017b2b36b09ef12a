// Which rooms may have to give way: those without members, those with a history, and those of which something expires or is
// to be given to the store.
// The table finds the next one in constant time, whatever the number of rooms. Nothing is allocated. Any thread may call
// it. Its lock is acquired last; a room's lock may be held outside it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "hub/age_list.h"
#include "hub/room.h"

namespace chat {

class RoomAges {
 public:
  RoomAges() = default;
  RoomAges(const RoomAges&) = delete;
  RoomAges& operator=(const RoomAges&) = delete;

  // Puts the room where it belongs after a change. Call with the room's lock held. It takes its own lock only when the
  // room changes its place, which an active room does once in kStepMs.
  void settle(Room& room) noexcept;
  // Forgets the room. Call with the room's lock held.
  void remove(Room& room) noexcept;
  // Examines a room whose hold has ended at the next expiry.
  void released(Room& room) noexcept;

  // Each of these returns nullptr when there is no such room. The room that is returned becomes the newest, so the next
  // call returns another one.
  // The room without members that was used longest ago, of those that the source created; nullptr: of all.
  RoomPtr longest_unused(Source* of);
  // The room with a history that was silent longest.
  RoomPtr longest_silent();
  // A room of which something expires until now. It is not returned again before settle() has seen it. Rooms of one
  // second are returned in the order in which they were put there, so one may be returned a second late.
  RoomPtr next_due(std::int64_t now_ms);

  static constexpr std::int64_t kStepMs = 500;

 private:
  // These with the lock held.
  void schedule(Room& room, std::int64_t due_ms);
  AgeList<Room>& slot_of(std::int64_t tick) { return slots_[static_cast<std::size_t>(tick) % slots_.size()]; }

  static constexpr std::int64_t kTickMs = 1'000;
  static constexpr std::int64_t kSlots = 1'024;

  std::mutex mutex_;
  AgeList<Room> unused_;
  AgeList<Room> kept_;
  // A wheel: the rooms of which something expires, by seconds. A room whose time is beyond the last slot waits in that
  // one, and is put into its place then.
  std::array<AgeList<Room>, kSlots> slots_;
  std::int64_t tick_ = 0;  // the second up to which the rooms were returned
};

}  // namespace chat
