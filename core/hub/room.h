// A room's state. The hub alone touches it, with the room's lock held; never two rooms' locks at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "hub/client.h"
#include "hub/history.h"

namespace chat {

inline constexpr std::size_t kMaxBansPerRoom = 10'000;

struct Room {
  Room(std::string room_name, std::string room_epoch, const HistoryLimits& limits, std::size_t loops)
      : name(std::move(room_name)), epoch(std::move(room_epoch)), history(limits), members_by_loop(loops) {}

  struct Member {
    ClientPtr client;
    std::uint64_t since_seq = 0;  // it heard everything above this
    std::size_t loop = 0;         // on which it is counted in members_by_loop, and hears the room
  };

  const std::string name;
  // When something was last published, for choosing whose history goes when all of it is too much.
  std::atomic<std::int64_t> last_published_ms = 0;

  std::mutex mutex;
  bool removed = false;  // no longer in the hub's table: look it up again
  std::string epoch;
  std::uint64_t seq = 0;
  History history;
  std::unordered_map<ClientId, Member> members;
  std::vector<std::uint32_t> members_by_loop;
  std::unordered_map<std::string, std::int64_t> banned_until_ms;  // by Client::ban_key()

  bool idle() const { return members.empty() && history.empty() && banned_until_ms.empty(); }
};
using RoomPtr = std::shared_ptr<Room>;

}  // namespace chat
