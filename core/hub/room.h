// A room: its members, its rules and its log. Only the hub uses it, with the room's lock held, and it never holds two
// rooms' locks at once. The room itself sends no notifications; the hub does.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "hub/age_list.h"
#include "hub/clearing.h"
#include "hub/client.h"
#include "hub/held_messages.h"
#include "hub/presence.h"
#include "hub/read_markers.h"
#include "hub/room_log.h"
#include "hub/room_names.h"
#include "hub/room_rules.h"
#include "hub/source_table.h"
#include "model/command.h"

namespace chat {

// Keeps an empty room's numbering alive for a client that may reconnect and report its position. A held room can still
// be forgotten to make space for new rooms.
using RoomHold = std::shared_ptr<const void>;

// Where a room is in the lists of RoomAges. The links belong to RoomAges' lock, the rest is changed with both locks held.
struct RoomPlace {
  explicit RoomPlace(Room* room) : unused(room), unused_of_source(room), kept(room), due(room) {}

  bool is_unused = false;
  bool is_kept = false;
  bool waits = false;          // for the end of a hold, and then it can be removed
  std::int64_t unused_ms = 0;  // last_published_ms when it was put into the list
  std::int64_t kept_ms = 0;
  std::atomic<std::int64_t> due_ms = RoomLog::kNeverMs;  // when to examine it for what has expired
  AgeLink<Room> unused;
  AgeLink<Room> unused_of_source;
  AgeLink<Room> kept;
  AgeLink<Room> due;
};

struct Room : std::enable_shared_from_this<Room> {
  Room(std::string room_name, std::unique_ptr<RoomLog> room_log, std::size_t loops)
      : name(std::move(room_name)),
        notice_loop(notice_loop_of(name, loops)),
        log(std::move(room_log)),
        members_by_loop(loops) {}

  static std::size_t notice_loop_of(const std::string& room, std::size_t loops) {
    return std::hash<std::string>{}(room) % loops;
  }

  struct Member {
    ClientPtr client;
    std::size_t loop = 0;               // the loop that delivers the room to it and counts it in members_by_loop
    bool sees_people = false;           // of the presence at the level `full`
    Presence::Entry* person = nullptr;  // nullptr: the room has no presence
  };
  using Members = std::unordered_map<ClientId, Member>;

  // Adds a client that is not a member yet. It receives all later messages.
  Members::iterator add_member(const ClientPtr& client, std::size_t loop);
  // Returns the iterator after the removed member. Its person leaves, and its name is free.
  Members::iterator remove_member(Members::iterator member);
  // Changes the loop that delivers the room to the member.
  void move_member(Member& member, std::size_t loop);

  // A loop that receives the room's messages without a member there; see Hub::watch().
  void add_watcher(std::size_t loop) {
    ++watchers;
    ++members_by_loop[loop];
  }
  void remove_watcher(std::size_t loop) {
    --watchers;
    --members_by_loop[loop];
  }

  // True when a position belongs to the numbering of the room.
  bool continues(const Position& position) const;
  // Returns the kept messages after a position; all kept messages when the position belongs to another epoch.
  KeptMessages missed_since(const Position& position) const;

  RoomInfo info() const {
    return {name, log->epoch(), log->seq(), members.size(), log->kept(), presence ? presence->count() : 0};
  }

  // True when the room has no members, watchers, rules and level of its own. Only its history may still be needed.
  bool unused() const {
    return members.empty() && watchers == 0 && rules.empty() && !presence_set && (!waiting || waiting->done());
  }
  // True when the room can be removed.
  bool idle() const {
    return unused() && log->size() == 0 && submitted == 0 && held.expired() && (!presence || !presence->busy()) &&
           (!markers || !markers->unkept());
  }

  const std::string name;
  const std::size_t notice_loop;  // the loop that reports published messages to the application, in order
  bool lasting = false;           // never removed to make space for new rooms; set before other threads see the room
  // When a message was last published.
  std::atomic<std::int64_t> last_published_ms = 0;
  std::atomic<std::uint32_t> member_count = 0;  // members.size(), readable without the lock

  std::mutex mutex;
  bool removed = false;  // no longer in the room table; callers look the name up again
  Share share;           // charged to the creator
  const std::unique_ptr<RoomLog> log;
  std::size_t submitted = 0;  // messages that the log has not committed yet
  Members members;
  std::size_t watchers = 0;
  std::vector<std::uint32_t> members_by_loop;  // with the watchers
  RoomRules rules;
  std::unique_ptr<Presence> presence;                    // nullptr: the level is off
  bool presence_set = false;                             // the application has set the level
  std::weak_ptr<const void> held;                        // see RoomHold
  std::vector<std::weak_ptr<const Clearing>> clearings;  // that have begun and may have ended
  std::unique_ptr<ReadMarkers> markers;                  // nullptr: none was asked for yet, see Hub::markers_of()
  std::unique_ptr<HeldMessages> waiting;                 // nullptr: nothing has waited for a moderator
  std::unique_ptr<RoomNames> names;                      // of the members; nullptr: without HubOptions::unique_names
  RoomPlace place{this};
  MemberListPtr list;  // the members as of list_made_ms; nullptr when there are few
  std::int64_t list_made_ms = 0;
};
using RoomPtr = std::shared_ptr<Room>;

}  // namespace chat
