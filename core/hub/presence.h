// The people in one room. A user is present while one of their clients is a member, and for a grace time after that, so
// that a reconnect is not told. A guest is a person of its own, without a grace time.
//
// Nothing is told at once: joins and leaves note what has changed, and Hub::tell_presence() gathers the changes since the
// last notice into the next one. The snapshot for a new member shows what the last notice told, so the notices after it
// complete it.
//
// With a shared store a person may be at other servers too. Each server tells the others who is there with a client of its
// own or in its grace time (take_own()), and is told the same (take_far()). A person is present while one server says so. The
// people of a server that has ended have a grace time here.
//
// Only the hub uses it, with the room's lock held. It reads no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "hub/age_list.h"
#include "hub/client.h"
#include "hub/far_people.h"
#include "hub/presence_queue.h"
#include "model/message.h"
#include "model/presence.h"
#include "model/string_map.h"

namespace chat {

class Presence {
 public:
  // At most one notice of a room in this time.
  static constexpr std::int64_t kNoticeIntervalMs = 1'000;
  // Above this many people they are counted and not listed, until there are at most kListAgain.
  static constexpr std::size_t kMaxListed = 200;
  static constexpr std::size_t kListAgain = 150;
  // So many users have a grace time in one room.
  static constexpr std::size_t kMaxAbsent = 1'000;
  // So many people of one server are told to the others; further ones are counted.
  static constexpr std::size_t kMaxTold = 1'000;

  class Entry;

  Presence(Room& room, PresenceLevel level, std::shared_ptr<PresenceQueue> queue);
  ~Presence();
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  PresenceLevel level() const { return level_; }
  // The next notice is in the terms of the new level, and lists everyone if the level is full.
  void set_level(PresenceLevel level) noexcept;

  // A client became a member. Its state becomes that of its person, unless it has none. The entry is valid until leave()
  // for it. Throws std::bad_alloc; then nothing has changed.
  Entry* enter(ClientId client, const Identity& identity) { return enter(client, identity, *identity.state); }
  void leave(Entry* entry) noexcept;
  // The state of the user, if one of its clients is in the room or it has a grace time; nullptr: none. Guests have none.
  PublicStatePtr state_of(const Identity& identity) const;
  // The person has this state now.
  void set_state(Entry* entry, PublicStatePtr state) noexcept;
  // The client's identity has changed, except its state. Returns its entry, which may be another one. Throws as enter() does.
  Entry* change(Entry* entry, ClientId client, const Identity& identity);
  // A user was present before the server restarted. Its grace time begins with the next advance(), and the next snapshot has it.
  // Ignored when there are kMaxAbsent, or when the user is here already. Call it before the first notice. Throws as enter()
  // does.
  void restore(Person person);
  // The users among the people who are present, at most kMaxAbsent.
  std::vector<Person> users() const;
  // Forgets everyone without a notice. There are no members.
  void clear() noexcept;

  // With a shared store (PresenceQueue::is_shared()):
  // What the other servers have to be told since the last call; whole, or for the first call: everyone. Throws as enter() does.
  OwnPeople take_own(bool whole);
  // Those that were at other servers when the room was opened have been given.
  void begin_far() noexcept { has_far_ = true; }
  // Another server says that these people are there, or are not there any more, and that it has so many more. whole: nobody
  // else of it is there. Before begin_far() they count as told, and the next notice lists everyone if there are members. May be
  // repeated after it has thrown std::bad_alloc.
  void take_far(std::uint32_t server, const std::vector<FarPerson>& people, std::size_t more, bool whole);
  // The server has ended: its users have a grace time here.
  void lose(std::uint32_t server) noexcept;
  // Another person, at another server, whose name has a key of this identity's. nullptr: there is none that is known.
  const Person* far_holder(const Identity& identity, ClientId client) const;
  // The keys of the name of a person at another server. Empty: there is no such person, or names are free.
  std::vector<std::string> far_keys(const Person& person) const;
  // The people now, with those who are only counted.
  std::size_t count() const { return entries_.size() - gone_count_ + far_more_; }

  // Something is still to be told, or a grace time runs.
  bool busy() const { return !touched_.empty() || absent_count_ != 0; }

  // Ends the grace times that are over, and begins those of users that have left.
  void advance(std::int64_t now_ms, std::int64_t grace_ms) noexcept;
  bool notice_due(std::int64_t now_ms) const;
  // What has changed since the last notice, for the application: without reduced, and with all changes at any level.
  PresenceNotice changes() const;
  // The same for the members. Without reduced.
  PresenceNotice for_members(const PresenceNotice& changes) const;
  // The number of people that the last notice told.
  std::size_t told() const { return told_ + told_more_; }
  // Whether there is nothing to tell: what had changed has changed back.
  bool is_nothing(const PresenceNotice& changes) const;
  // The next notice is due for another level, and replaces what members know.
  bool relists() const { return relist_; }
  // Forgets changes that are nothing.
  void note_nothing() noexcept;
  // The changes were told.
  void note_told(const PresenceNotice& for_members, std::int64_t now_ms) noexcept;
  // Puts the room where it belongs in the queue. retry: the notice could not be made.
  void schedule(std::int64_t now_ms, bool retry = false) noexcept;

  // Who is present now. all: also when there are more than kMaxListed, or at the level `counts`.
  PresenceNotice current(bool all) const;
  // What the last notice told, for a new member: without reduced.
  PresenceNotice snapshot() const;
  // The snapshot as a message, until the next notice; see Hub.
  MessagePtr kept_snapshot;

 private:
  Entry* enter(ClientId client, const Identity& identity, PublicStatePtr state);
  // At another server that has told it: its people and those that it only counts.
  struct Server {
    std::uint32_t number = 0;
    std::size_t people = 0;
    std::size_t more = 0;
  };

  Entry& entry_of(std::string key, bool is_far);
  void touch(Entry& entry) noexcept;
  void end_absence(Entry& entry) noexcept;
  void set_gone(Entry& entry, bool gone) noexcept;
  void set_local(Entry& entry, bool local) noexcept;
  void note_own(Entry& entry) noexcept;
  void note_more(Server& server, std::size_t more) noexcept;
  void erase(Entry& entry) noexcept;
  void add_far(Server& server, const FarPerson& one);
  void remove_far(Server& server, Entry& entry, bool with_grace) noexcept;
  void name_far(Entry& entry) noexcept;
  void unname_far(Entry& entry) noexcept;
  Server& server_of(std::uint32_t number);
  std::vector<Person> people_after_changes() const;

  PresenceLevel level_;
  const std::string& room_;  // its name
  const std::shared_ptr<PresenceQueue> queue_;
  const PresenceQueue::Place place_;
  StringMap<std::unique_ptr<Entry>> entries_;
  std::vector<Entry*> touched_;  // has capacity for all entries
  AgeList<Entry> leaving_;       // their grace time begins with the next advance()
  AgeList<Entry> absent_;        // by the end of their grace time
  std::size_t absent_count_ = 0;
  std::size_t told_ = 0;
  bool lists_ = true;      // the last notice, or the first snapshot, lists people
  bool relist_ = false;    // the next notice lists everyone
  bool waits_ = false;     // the queue has the time of the next notice
  bool has_told_ = false;  // last_notice_ms_ is valid
  std::int64_t last_notice_ms_ = 0;
  std::size_t gone_count_ = 0;  // of entries_

  // For the other servers.
  std::vector<Entry*> own_changed_;  // of which they have to be told; has capacity for all entries
  std::size_t local_count_ = 0;      // people of this server
  std::size_t announced_count_ = 0;  // those that the others know
  bool own_begins_ = true;           // nothing was taken yet
  bool own_pending_ = false;         // the store knows that something is to be taken
  // From the other servers.
  std::vector<Server> servers_;
  std::size_t far_more_ = 0;   // of all servers
  std::size_t told_more_ = 0;  // in the last notice
  bool has_far_ = false;
  std::unordered_multimap<std::string, Entry*> far_names_;  // by the keys of their names, with HubOptions::unique_names
};

}  // namespace chat
