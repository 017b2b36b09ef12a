// See cluster_people.h.
#include "cluster/cluster_people.h"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

#include "cluster/room_keys.h"
#include "cluster/words.h"
#include "model/names.h"

namespace chat::cluster {
namespace {

constexpr std::int64_t kTellMs = 250;     // at most one notice of a room in this time
constexpr std::int64_t kRetryMs = 1'000;  // after Redis has refused something
constexpr std::size_t kRoomsInTick = 200;
constexpr std::size_t kMaxLost = 1'000;
constexpr std::size_t kReadBytes = 1 << 20;  // an answer with lists ends with the one that reaches this size
constexpr std::int64_t kKeptChecks = 10;  // a list that was not written for so many checks is of a server that is gone

OwnPeople nobody() {
  OwnPeople own;
  own.whole = true;
  return own;
}

std::string write_person(const FarPerson& one) {
  std::string text = text_of(one.version);
  text += ' ';
  add_sized(one.person.name, text);
  if (one.person.state) text += *one.person.state;
  return text;
}

// nullopt: it is not well-formed.
std::optional<FarPerson> read_person(std::string_view key, std::string_view value) {
  FarPerson one;
  if (key.empty()) return std::nullopt;
  const std::string_view id = key.substr(1);
  if (key.front() == 'u') {
    if (id.empty() || !check_person_name(id).ok()) return std::nullopt;
    one.person.user_id = id;
  } else {
    const auto client = key.front() == 'g' ? number_in<ClientId>(id) : std::nullopt;
    if (!client || *client == 0) return std::nullopt;
    one.person.client = *client;
  }
  one.present = !value.empty();
  if (!one.present) return one;
  const auto version = number_in<std::uint64_t>(take_word(value));
  if (!version || !take_sized(value, one.person.name) || !check_person_name(one.person.name).ok()) return std::nullopt;
  if (value.size() > kMaxStateBytes) return std::nullopt;
  one.version = *version;
  if (!value.empty()) one.person.state = std::make_shared<const std::string>(value);
  return one;
}

}  // namespace

struct ClusterPeople::RoomPeople {
  explicit RoomPeople(std::string its_name) : name(std::move(its_name)) {}

  const std::string name;

  bool open = false;         // opened() since Redis is there
  bool dropped = false;      // goes when the others know that nobody is here
  bool waits = false;        // in soon_
  bool changed = false;      // the hub has something to tell
  bool whole = true;         // the next notice has everyone
  bool is_told = false;      // the others, or Redis, may believe that somebody is here
  std::uint64_t stamp = 0;   // of the last notice; 0: there was none
  std::size_t more = 0;      // in it
  std::int64_t next_ms = 0;  // of the next one: not before

  bool synced = false;  // the lists were read since the hub has the room, and since Redis is there
  bool begins = true;   // the hub has not been given everyone that the lists have
  bool wants_read = false;
  bool reading = false;                        // an answer is awaited
  bool unsure = false;                         // in unsure_
  bool asked = false;                          // the servers were listed because of that
  std::int64_t read_ms = 0;                    // not before
  std::uint64_t attempt = 0;                   // to read; answers to earlier ones are ignored
  std::map<std::string, std::uint64_t> known;  // the stamps of the other servers' last notices, by their ids
  std::vector<std::function<void()>> readers;
  // While the lists are read, in several answers.
  std::set<std::string> seen;  // the servers whose lists have come
  bool found_unsure = false;   // one of them is of a server that is not known

  void stop_reading() {
    ++attempt;
    synced = reading = unsure = asked = false;
  }
  // The hub's room knows nobody of the other servers.
  void begin_again() {
    stop_reading();
    known.clear();
    begins = true;
  }
};

ClusterPeople::ClusterPeople(PeopleHost& host, const ClusterSettings& settings) : host_(host), settings_(settings) {}

ClusterPeople::~ClusterPeople() = default;

ClusterPeople::RoomPeople* ClusterPeople::find(const std::string& room) {
  const auto found = rooms_.find(room);
  return found == rooms_.end() ? nullptr : found->second.get();
}

ClusterPeople::RoomPeople& ClusterPeople::room_of(const std::string& room) {
  if (RoomPeople* const found = find(room)) return *found;
  return *rooms_.emplace(room, std::make_shared<RoomPeople>(room)).first->second;
}

// nullptr: it is gone, or there is another one of its name.
ClusterPeople::RoomPeoplePtr ClusterPeople::current(const std::weak_ptr<RoomPeople>& room) const {
  RoomPeoplePtr locked = room.lock();
  if (!locked) return nullptr;
  const auto found = rooms_.find(locked->name);
  return found != rooms_.end() && found->second == locked ? locked : nullptr;
}

// A name of the room in Redis. Its index is ":p".
std::string ClusterPeople::name_of(const RoomPeople& room, std::string_view part) const {
  std::string name = settings_.prefix + '{' + std::to_string(partition_of(room.name)) + '}';
  name += room.name;
  name += part;
  return name;
}

Status ClusterPeople::run(RoomPeople& room, Script script, const std::vector<std::string>& args,
                          redis::ReplyHandler done) {
  const std::string index = name_of(room, ":p");
  const std::string own = index + ':' + settings_.id;
  return host_.run_script(room.name, script, {index, own}, args, std::move(done));
}

// The timer does what is to be done for the room.
void ClusterPeople::soon(RoomPeople& room) {
  if (room.waits) return;
  soon_.push_back(rooms_.find(room.name)->second);
  room.waits = true;
}

// Rooms -------------------------------------------------------------------------------------------------------------------

void ClusterPeople::opened(const std::string& name, std::function<void()> then) {
  if (!host_.hub().uses_presence() && find(name) == nullptr) {
    then();
    return;
  }
  RoomPeople& room = room_of(name);
  room.dropped = false;
  const bool reads = !room.open || !room.synced || !room.readers.empty();
  if (!std::exchange(room.open, true)) room.changed = true;
  soon(room);
  if (!reads) {
    then();
    return;
  }
  room.readers.push_back(std::move(then));
  if (!room.reading && !room.unsure) read(room);
}

void ClusterPeople::forgot(const std::string& name) {
  RoomPeople* const room = find(name);
  if (room == nullptr) return;
  room->begin_again();
  room->readers.clear();  // opened() follows
  room->whole = room->changed = true;
}

void ClusterPeople::changed(const std::string& name, bool is_open) {
  RoomPeople& room = room_of(name);
  room.open = room.open || is_open;
  room.changed = true;
  soon(room);
}

void ClusterPeople::dropped(const std::string& name) {
  RoomPeople* const room = find(name);
  if (room == nullptr) return;
  room->readers.clear();
  room->begin_again();
  room->open = room->wants_read = false;
  room->dropped = room->whole = room->changed = true;
  if (room->is_told) {
    soon(*room);
  } else {
    rooms_.erase(name);
  }
}

void ClusterPeople::check(const std::string& name) {
  RoomPeople* const room = find(name);
  if (room == nullptr || !room->open) return;
  room->wants_read = true;
  soon(*room);
}

void ClusterPeople::lost(const std::string& name) {
  RoomPeople* const room = find(name);
  if (room == nullptr) return;
  room->stop_reading();
  room->open = room->wants_read = false;
  room->whole = true;
  room->next_ms = room->read_ms = 0;
  room->readers.clear();
}

void ClusterPeople::lost_servers() {
  up_ms_ = 0;
  for (auto& [id, server] : servers_) server.listed = false;
}

void ClusterPeople::on_timer() {
  for (std::size_t left = std::min(soon_.size(), kRoomsInTick); left > 0; --left) {
    const RoomPeoplePtr room = soon_.front();
    if (current(room) && look_after(*room)) {
      soon_.splice(soon_.end(), soon_, soon_.begin());
    } else {
      room->waits = false;
      soon_.pop_front();
    }
  }
}

// True: something remains to be done. What fails for lack of memory is done later.
bool ClusterPeople::look_after(RoomPeople& room) try {
  if (!host_.takes_commands(room.name)) return room.dropped || room.open;
  if (room.dropped) {
    if (room.changed && host_.loop_ms() >= room.next_ms) send(room, nobody());
    return room.changed;
  }
  if (!room.open) return false;  // opened() goes on
  if (room.wants_read && !room.reading && host_.loop_ms() >= room.read_ms) read(room);
  if (room.changed && host_.loop_ms() >= room.next_ms) tell(room);
  return room.changed || (room.wants_read && !room.reading);
} catch (const std::bad_alloc&) {
  return true;
}

// To the other servers -------------------------------------------------------------------------------------------------------

void ClusterPeople::tell(RoomPeople& room) {
  std::optional<OwnPeople> own = host_.hub().own_people(room.name, room.whole);
  room.changed = false;
  if (!own) {
    own = nobody();
  } else if (own->unread) {
    if (!room.begins) room.begin_again();  // the presence of the room is new
    room.wants_read = room.wants_read || !(room.reading || room.unsure);
  }
  const bool nothing = own->whole ? own->count == 0 && !room.is_told : own->people.empty() && own->more == room.more;
  if (nothing) {
    room.whole = room.whole && !own->whole;
    return;
  }
  try {
    send(room, *own);
  } catch (const std::bad_alloc&) {
    room.whole = room.changed = true;  // the hub has told it once
    throw;
  }
}

void ClusterPeople::send(RoomPeople& room, const OwnPeople& own) {
  const std::uint64_t stamp = ++stamps_;
  std::vector<std::string> args = {settings_.id,
                                   text_of(stamp),
                                   text_of(own.whole ? std::uint64_t{0} : room.stamp),
                                   text_of(std::uint64_t{own.more}),
                                   text_of(kKeptChecks * settings_.check_ms),
                                   name_of(room, ":c")};
  args.reserve(args.size() + 2 * own.people.size());
  for (const FarPerson& one : own.people) {
    args.push_back(person_key(one.person.user_id, one.person.client));
    args.push_back(one.present ? write_person(one) : std::string());
  }
  const auto answered = [this, stamp, count = own.count,
                         weak = std::weak_ptr(rooms_.find(room.name)->second)](redis::Reply&& reply) {
    const RoomPeoplePtr found = current(weak);
    if (!found) return;
    if (reply.answered() && reply.value.is_text()) {
      if (count != 0 || stamp != found->stamp) return;
      found->is_told = false;
      if (found->dropped) rooms_.erase(found->name);
      return;
    }
    if (!reply.answered() && !found->dropped) return;  // lost() comes, and after it everything is told again
    if (reply.value.is_error()) {
      host_.refused(found->name, reply.value);
      found->next_ms = host_.loop_ms() + kRetryMs;
    }
    found->whole = found->changed = true;  // or Redis does not have the notice before
    if (found->open || found->dropped) soon(*found);
  };
  const Status sent = run(room, Script::tell_people, args, answered);
  if (!sent.ok()) {
    room.whole = room.changed = true;
    return;
  }
  room.stamp = stamp;
  room.more = own.more;
  room.whole = room.changed = false;
  room.is_told = room.is_told || own.count != 0;  // until Redis has that nobody is here
  room.next_ms = host_.loop_ms() + kTellMs;
}

void ClusterPeople::stop() {
  bool says = false;
  for (const auto& [name, room] : rooms_) {
    if (!room->is_told || !host_.takes_commands(name)) continue;
    if (!std::exchange(says, true)) host_.tell_servers("q" + settings_.id);
    // Nobody reads an empty list before the goodbye, which gives the users their grace time.
    (void)run(*room, Script::tell_people, {settings_.id, "0", "0", "0", "0", ""}, nullptr);
  }
  rooms_.clear();
  soon_.clear();
  unsure_.clear();
}

// From the other servers -----------------------------------------------------------------------------------------------------

void ClusterPeople::read(RoomPeople& room) {
  room.wants_read = true;
  if (room.reading || !room.open || !host_.takes_commands(room.name)) return;
  room.seen.clear();
  room.found_unsure = false;
  read_on(room);
  room.wants_read = !room.reading;
}

// Those lists that have not come yet.
void ClusterPeople::read_on(RoomPeople& room) {
  std::vector<std::string> args = {settings_.id, room.stamp == 0 ? std::string() : text_of(room.stamp),
                                   text_of(std::uint64_t{room.more}), text_of(kKeptChecks * settings_.check_ms),
                                   text_of(std::uint64_t{kReadBytes})};
  for (const std::string& id : room.seen) args.insert(args.end(), {id, "*"});
  for (const auto& [id, stamp] : room.known) {
    if (!room.seen.contains(id)) args.insert(args.end(), {id, text_of(stamp)});
  }
  const auto answered = [this, attempt = ++room.attempt, stamp = room.stamp,
                         weak = std::weak_ptr(rooms_.find(room.name)->second)](redis::Reply&& reply) {
    const RoomPeoplePtr found = current(weak);
    if (!found || found->attempt != attempt) return;
    found->reading = false;
    if (!reply.answered()) return;  // lost() comes
    try {
      on_read(*found, stamp, reply.value);
    } catch (const std::bad_alloc&) {
      found->wants_read = true;
    }
    if (found->wants_read) soon(*found);
  };
  room.reading = run(room, Script::people, args, answered).ok();
}

// stamp: that of the room when it was asked.
void ClusterPeople::on_read(RoomPeople& room, std::uint64_t stamp, const redis::Value& answer) {
  const std::vector<redis::Value>& items = answer.items;
  if (!answer.is_array() || items.size() < 2) {
    host_.refused(room.name, answer);
    room.wants_read = true;
    room.read_ms = host_.loop_ms() + kRetryMs;
  } else {
    const std::string& own = items[0].text;
    if (stamp != 0 && stamp == room.stamp && own != text_of(stamp) && (room.is_told || !own.empty())) {
      room.is_told = room.whole = room.changed = true;  // Redis has lost the last notice
      soon(room);
    }
    for (std::size_t i = 2; i + 3 < items.size(); i += 4) {
      const std::string& id = items[i].text;
      room.seen.insert(id);
      const auto its_stamp = number_in<std::uint64_t>(items[i + 1]);
      const auto more = number_in<std::uint64_t>(items[i + 2]);
      const auto known = room.known.find(id);
      if (items[i + 1].text.empty() && known != room.known.end()) {  // it has not written for too long
        host_.hub().take_people(room.name, server_of(id).number, {}, 0, true);
        room.known.erase(known);
        continue;
      }
      if (!its_stamp || !more || goodbyes_.contains(id) || lost_.contains(id)) continue;
      if (known != room.known.end() && known->second >= *its_stamp) continue;
      if (!servers_.contains(id)) {  // it has just started, or has ended
        if (room.asked) note_lost(id);
        room.found_unsure = room.found_unsure || !room.asked;
        continue;
      }
      std::vector<FarPerson> people;
      const std::vector<redis::Value>& fields = items[i + 3].items;
      for (std::size_t field = 0; field + 1 < fields.size(); field += 2) {
        std::optional<FarPerson> one = read_person(fields[field].text, fields[field + 1].text);
        if (one && one->present) people.push_back(std::move(*one));
      }
      host_.hub().take_people(room.name, server_of(id).number, people, *more, true);
      room.known[id] = *its_stamp;
    }
    if (items[1].text == "1" && items.size() > 2) {
      if (host_.takes_commands(room.name)) read_on(room);
      room.wants_read = room.wants_read || !room.reading;
      return;
    }
    room.seen.clear();
    if (room.found_unsure) {
      if (!room.unsure) unsure_.push_back(rooms_.find(room.name)->second);
      room.unsure = true;
      host_.ask_servers();
      return;
    }
    room.synced = true;
    room.unsure = room.asked = false;
    if (std::exchange(room.begins, false)) host_.hub().begin_people(room.name);
  }
  for (const std::function<void()>& then : std::exchange(room.readers, {})) then();
}

void ClusterPeople::take_notice(const std::string& name, std::string_view text) try {
  RoomPeople* const room = find(name);
  const std::string id(take_word(text));
  if (room == nullptr || !room->open || id == settings_.id || goodbyes_.contains(id)) return;
  const auto before = number_in<std::uint64_t>(take_word(text));
  const auto stamp = number_in<std::uint64_t>(take_word(text));
  const auto more = number_in<std::uint64_t>(take_word(text));
  std::vector<FarPerson> people;
  bool fits = before && stamp && more && !id.empty();
  for (std::string key, value; fits && !text.empty();) {
    fits = take_sized(text, key) && take_sized(text, value);
    if (!fits) break;
    if (std::optional<FarPerson> one = read_person(key, value)) people.push_back(std::move(*one));
  }
  if (!fits) {
    host_.dropped();
    return;
  }
  const auto found = room->known.find(id);
  const std::uint64_t known = found == room->known.end() ? 0 : found->second;
  if (*stamp <= known) return;  // a list was read since
  if (*before != 0 && *before != known) {
    check(name);
    return;
  }
  host_.hub().take_people(name, server_of(id).number, people, *more, *before == 0);
  room->known[id] = *stamp;
} catch (const std::bad_alloc&) {
  if (RoomPeople* const room = find(name)) room->wants_read = true;  // check() finds it, at the latest
}

ClusterPeople::Server& ClusterPeople::server_of(const std::string& id) {
  const auto [found, added] = servers_.try_emplace(id);
  if (added) found->second = {++numbers_, false, host_.loop_ms()};
  return found->second;
}

void ClusterPeople::take_servers(const std::vector<std::string>& ids) {
  const std::int64_t ms = host_.loop_ms();
  if (up_ms_ == 0) up_ms_ = ms;
  const std::set<std::string> listed(ids.begin(), ids.end());
  std::erase_if(goodbyes_, [&](const std::string& id) { return !listed.contains(id); });
  bool one_is_back = false;
  for (const std::string& id : ids) {
    if (id == settings_.id || goodbyes_.contains(id)) continue;
    server_of(id).listed = true;
    one_is_back = lost_.erase(id) != 0 || one_is_back;
  }
  for (auto server = servers_.begin(); server != servers_.end();) {
    const auto current = server++;
    if (listed.contains(current->first)) continue;
    // When Redis is there again the servers have some time to come, and so has a new one.
    const std::int64_t from_ms = current->second.listed ? up_ms_ : std::max(up_ms_, current->second.known_ms);
    if (ms - from_ms < settings_.lease_ms) continue;
    note_lost(current->first);
    end(current);
  }
  if (one_is_back) {
    for (const auto& [name, room] : rooms_) check(name);
  }
  for (const RoomPeoplePtr& room : std::exchange(unsure_, {})) {
    if (!current(room) || !std::exchange(room->unsure, false)) continue;
    room->asked = true;
    read(*room);
    if (room->wants_read) soon(*room);
  }
}

void ClusterPeople::note_lost(const std::string& id) {
  if (lost_.size() >= kMaxLost) lost_.clear();
  lost_.insert(id);
}

void ClusterPeople::take_goodbye(std::string_view id) {
  const auto server = servers_.find(std::string(id));
  if (server == servers_.end()) return;
  goodbyes_.emplace(id);
  end(server);
}

void ClusterPeople::end(std::map<std::string, Server>::iterator server) {
  for (const auto& [name, room] : rooms_) room->known.erase(server->first);
  host_.hub().lose_people(server->second.number);
  servers_.erase(server);
}

}  // namespace chat::cluster
