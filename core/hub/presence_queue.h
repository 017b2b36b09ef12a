// The rooms whose presence something must be done about, by the time when it is due. Any thread may call it. Its lock is
// acquired last; a room's lock may be held outside it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace chat {

struct Room;

class PresenceQueue {
 public:
  static constexpr std::int64_t kNow = INT64_MIN;
  static constexpr std::int64_t kNever = INT64_MAX;
  using Rooms = std::multimap<std::int64_t, Room*>;
  using Place = Rooms::iterator;

  // What it needs of the rest of the server. These functions are called with a room's lock held, and must not throw.
  struct Calls {
    // A room is due now and none was before. It must lead to a call of Hub::tell_presence(). May be empty.
    std::function<void()> wake;
    // The people of this server in a room have changed; see RoomStore::presence_changed(). Empty: there are no other servers.
    std::function<bool(const std::string& room)> tell_others = {};
    bool uses_names = false;  // HubOptions::unique_names
  };
  explicit PresenceQueue(Calls calls) : calls_(std::move(calls)) {}
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

  // Whether people may be at other servers too.
  bool is_shared() const { return calls_.tell_others != nullptr; }
  bool uses_names() const { return calls_.uses_names; }
  // False: the store has not taken it.
  bool tell_others(const std::string& room) const noexcept { return calls_.tell_others(room); }

 private:
  void move(Place place, std::int64_t due_ms) noexcept;

  const Calls calls_;
  mutable std::mutex mutex_;
  Rooms rooms_;
};

}  // namespace chat
