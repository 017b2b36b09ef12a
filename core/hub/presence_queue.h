// The rooms whose presence something must be done about, by the time when it is due. Any thread may call it. Its lock is
// acquired last; a room's lock may be held outside it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

namespace chat {

struct Room;

class PresenceQueue {
 public:
  static constexpr std::int64_t kNow = INT64_MIN;
  static constexpr std::int64_t kNever = INT64_MAX;
  using Rooms = std::multimap<std::int64_t, Room*>;
  using Place = Rooms::iterator;

  // wake: called when a room is due now and none was before; with a room's lock held. It must not throw, and must lead to
  // a call of Hub::tell_presence().
  explicit PresenceQueue(std::function<void()> wake) : wake_(std::move(wake)) {}
  PresenceQueue(const PresenceQueue&) = delete;
  PresenceQueue& operator=(const PresenceQueue&) = delete;

  // The room's place, which is due never.
  Place add(Room& room);
  void remove(Place place) noexcept;
  // The place remains valid.
  void set(Place place, std::int64_t due_ms) noexcept;

  // A room that is due, which is due never afterwards; nullptr: there is none.
  std::shared_ptr<Room> next(std::int64_t now_ms);
  // When the next room is due.
  std::int64_t due_ms() const;

 private:
  void move(Place place, std::int64_t due_ms) noexcept;

  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  Rooms rooms_;
};

}  // namespace chat
