// See presence_queue.h.
#include "hub/presence_queue.h"

#include <utility>

#include "hub/room.h"

namespace chat {

PresenceQueue::Place PresenceQueue::add(Room& room) {
  std::lock_guard lock(mutex_);
  return rooms_.emplace(kNever, &room);
}

void PresenceQueue::remove(Place place) noexcept {
  std::lock_guard lock(mutex_);
  rooms_.erase(place);
}

// The node is kept, so nothing is allocated.
void PresenceQueue::move(Place place, std::int64_t due_ms) noexcept {
  Rooms::node_type node = rooms_.extract(place);
  node.key() = due_ms;
  rooms_.insert(std::move(node));
}

void PresenceQueue::set(Place place, std::int64_t due_ms) noexcept {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    if (place->first == due_ms) return;
    first = due_ms == kNow && rooms_.begin()->first != kNow;
    move(place, due_ms);
  }
  if (first && calls_.wake) calls_.wake();
}

std::shared_ptr<Room> PresenceQueue::next(std::int64_t now_ms) {
  std::lock_guard lock(mutex_);
  while (!rooms_.empty() && rooms_.begin()->first <= now_ms) {
    const Place place = rooms_.begin();
    move(place, kNever);
    if (std::shared_ptr<Room> room = place->second->weak_from_this().lock()) return room;
  }
  return nullptr;
}

std::int64_t PresenceQueue::due_ms() const {
  std::lock_guard lock(mutex_);
  return rooms_.empty() ? kNever : rooms_.begin()->first;
}

}  // namespace chat
