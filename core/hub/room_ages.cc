// See room_ages.h.
#include "hub/room_ages.h"

#include <algorithm>

namespace chat {

void RoomAges::settle(Room& room) noexcept {
  if (room.removed) return;
  RoomPlace& place = room.place;
  const bool unused = room.unused() && !room.lasting;
  const bool kept = room.log->size() != 0;
  const std::int64_t published_ms = room.last_published_ms.load(std::memory_order_relaxed);
  std::int64_t due_ms = std::min(room.log->next_expiry_ms(), room.rules.next_expiry_ms());
  if (room.markers) due_ms = std::min(due_ms, room.markers->keep_due_ms());
  const bool waits = !kept && room.unused() && room.submitted == 0;  // for the end of a hold
  const bool move_unused = unused && (!place.is_unused || published_ms - place.unused_ms >= kStepMs);
  const bool move_kept = kept && (!place.is_kept || published_ms - place.kept_ms >= kStepMs);
  const bool move_due = due_ms < place.due_ms.load(std::memory_order_relaxed);
  const bool same = unused == place.is_unused && kept == place.is_kept && waits == place.waits;
  if (same && !move_unused && !move_kept && !move_due) return;

  const std::lock_guard lock(mutex_);
  if (move_unused) {
    place.unused_ms = published_ms;
    unused_.touch(place.unused);
    if (const SourcePtr& creator = room.share.source()) creator->unused_rooms.touch(place.unused_of_source);
  } else if (!unused) {
    place.unused.unlink();
    place.unused_of_source.unlink();
  }
  place.is_unused = unused;
  if (move_kept) {
    place.kept_ms = published_ms;
    kept_.touch(place.kept);
  } else if (!kept) {
    place.kept.unlink();
  }
  place.is_kept = kept;
  place.waits = waits;
  if (due_ms < place.due_ms.load(std::memory_order_relaxed)) schedule(room, due_ms);
  // The hold may have ended since the caller looked. released() has not seen that the room waits for it.
  if (waits && room.held.expired()) schedule(room, 0);
}

void RoomAges::remove(Room& room) noexcept {
  const std::lock_guard lock(mutex_);
  room.place.unused.unlink();
  room.place.unused_of_source.unlink();
  room.place.kept.unlink();
  room.place.due.unlink();
  room.place.waits = false;
}

void RoomAges::released(Room& room) noexcept {
  const std::lock_guard lock(mutex_);
  if (room.place.waits) schedule(room, 0);
}

void RoomAges::schedule(Room& room, std::int64_t due_ms) {
  room.place.due_ms.store(due_ms, std::memory_order_relaxed);
  slot_of(std::clamp(due_ms / kTickMs, tick_, tick_ + kSlots - 1)).touch(room.place.due);
}

RoomPtr RoomAges::longest_unused(Source* of) {
  const std::lock_guard lock(mutex_);
  Room* const room = of != nullptr ? of->unused_rooms.oldest() : unused_.oldest();
  if (room == nullptr) return nullptr;
  unused_.touch(room->place.unused);
  if (const SourcePtr& creator = room->share.source()) creator->unused_rooms.touch(room->place.unused_of_source);
  return room->shared_from_this();
}

RoomPtr RoomAges::longest_silent() {
  const std::lock_guard lock(mutex_);
  Room* const room = kept_.oldest();
  if (room == nullptr) return nullptr;
  kept_.touch(room->place.kept);
  return room->shared_from_this();
}

RoomPtr RoomAges::next_due(std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  const std::int64_t last = now_ms / kTickMs;
  tick_ = std::max(tick_, last - kSlots + 1);  // the slots have been passed once then
  for (;;) {
    while (Room* const room = slot_of(tick_).oldest()) {
      const std::int64_t due_ms = room->place.due_ms.load(std::memory_order_relaxed);
      if (due_ms <= now_ms) {
        room->place.due.unlink();
        room->place.due_ms.store(RoomLog::kNeverMs, std::memory_order_relaxed);
        return room->shared_from_this();
      }
      if (due_ms / kTickMs <= tick_) return nullptr;  // in the rest of this second
      schedule(*room, due_ms);
    }
    if (tick_ >= last) return nullptr;
    ++tick_;
  }
}

}  // namespace chat
