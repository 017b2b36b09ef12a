// A room: its members, its rules, and what was said in it. The hub alone touches it, with the room's lock held; never two rooms'
// locks at once. Tells nobody of anything: that is the hub's.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "hub/client.h"
#include "hub/room_log.h"
#include "hub/room_rules.h"
#include "hub/source_table.h"
#include "model/command.h"

namespace chat {

// While there is one of a room, its numbering goes on though nobody is in it: for a client that may come back and will say how
// far it was. It does not keep other rooms from appearing when there are as many as there may be.
using RoomHold = std::shared_ptr<const void>;

struct Room {
  Room(std::string room_name, std::unique_ptr<RoomLog> room_log, std::size_t loops)
      : name(std::move(room_name)),
        notice_loop(std::hash<std::string>{}(name) % loops),
        log(std::move(room_log)),
        members_by_loop(loops) {}

  struct Member {
    ClientPtr client;
    std::size_t loop = 0;  // on which it is counted in members_by_loop, and hears the room
  };
  using Members = std::unordered_map<ClientId, Member>;

  // It hears everything from here on. Of one that is no member yet.
  Members::iterator add_member(const ClientPtr& client, std::size_t loop);
  // The member behind it.
  Members::iterator remove_member(Members::iterator member);
  // It hears the room on another loop.
  void move_member(Member& member, std::size_t loop);

  // What was said after a position, as far as it is kept; of a position that is not of this room's numbering all that is kept.
  KeptMessages missed_since(const Position& position) const;

  RoomInfo info() const { return {name, log->epoch(), log->seq(), members.size(), log->size()}; }

  // Nobody would miss it but for its history.
  bool unused() const { return members.empty() && rules.empty(); }
  bool idle() const { return unused() && log->size() == 0 && submitted == 0 && held.expired(); }

  const std::string name;
  const std::size_t
      notice_loop;  // on which the application is told what has been published, so that it hears that in order
  // When something was last published, for choosing whose history goes when all of it is too much.
  std::atomic<std::int64_t> last_published_ms = 0;
  std::atomic<std::uint32_t> member_count = 0;  // members.size(), for choosing without the lock

  std::mutex mutex;
  bool removed = false;  // no longer in the hub's table: look it up again
  Share share;           // of whoever created it
  const std::unique_ptr<RoomLog> log;
  std::size_t submitted = 0;  // messages that the log has not committed yet
  Members members;
  std::vector<std::uint32_t> members_by_loop;
  RoomRules rules;
  std::weak_ptr<const void> held;  // see RoomHold
  MemberListPtr list;              // of members, as it was at list_made_ms; nullptr when there are few
  std::int64_t list_made_ms = 0;
};
using RoomPtr = std::shared_ptr<Room>;

}  // namespace chat
