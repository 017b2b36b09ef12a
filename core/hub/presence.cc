// See presence.h.
#include "hub/presence.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <new>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "hub/room.h"

namespace chat {
namespace {

std::string key_of(ClientId client, const Identity& identity) { return person_key(identity.user_id, client); }

Person person_of(ClientId client, const Identity& identity, PublicStatePtr state) {
  return {identity.user_id, identity.user_id.empty() ? client : 0, identity.name, std::move(state)};
}

}  // namespace

class Presence::Entry {
 public:
  static constexpr std::size_t kNowhere = std::numeric_limits<std::size_t>::max();

  bool is_at(std::uint32_t server) const { return std::ranges::find(servers, server) != servers.end(); }

  Person person;
  std::uint32_t clients = 0;
  bool told = false;     // the last notice has the person
  bool touched = false;  // in touched_
  bool changed = false;  // the name or the state, since the last notice
  bool gone = false;     // has no client and no grace time
  std::int64_t gone_ms = 0;
  const std::string* key = nullptr;  // in entries_
  AgeLink<Entry> absence{this};      // in leaving_ or absent_
  // With a shared store.
  std::uint64_t version = 0;           // of the person; see FarPerson
  bool local = false;                  // has a client here, or had one within the grace time
  bool announced = false;              // the other servers know that
  std::size_t own_place = kNowhere;    // in own_changed_
  std::vector<std::uint32_t> servers;  // other ones, which say that the person is there
  Boxed<NameKeys> far_keys;            // in far_names_
};

Presence::Presence(Room& room, PresenceLevel level, std::shared_ptr<PresenceQueue> queue)
    : level_(level), room_(room.name), queue_(std::move(queue)), place_(queue_->add(room)) {}

Presence::~Presence() { queue_->remove(place_); }

void Presence::set_level(PresenceLevel level) noexcept {
  if (level == level_) return;
  level_ = level;
  relist_ = true;
  kept_snapshot.reset();
  queue_->set(place_, PresenceQueue::kNow);
}

// With memory for its changes.
Presence::Entry& Presence::entry_of(std::string key, bool is_far) {
  const std::size_t needed = entries_.size() + 1;
  if (touched_.capacity() < needed) touched_.reserve(2 * needed + 2);
  if (queue_->is_shared() && own_changed_.capacity() < needed) own_changed_.reserve(2 * needed + 2);
  auto found = entries_.find(key);
  if (found != entries_.end()) return *found->second;
  auto entry = std::make_unique<Entry>();
  if (is_far) entry->servers.reserve(1);
  found = entries_.emplace(std::move(key), std::move(entry)).first;
  found->second->key = &found->first;
  return *found->second;
}

Presence::Entry* Presence::enter(ClientId client, const Identity& identity, PublicStatePtr state) {
  Person person = person_of(client, identity, std::move(state));
  Entry& entry = entry_of(key_of(client, identity), false);
  // Nothing throws from here on.
  if (!person.state && !entry.gone) person.state = entry.person.state;
  ++entry.clients;
  set_gone(entry, false);
  end_absence(entry);
  const bool differs = entry.person != person;
  if (differs) {
    entry.person = std::move(person);
    entry.changed = true;
    ++entry.version;
    if (entry.far_keys.made()) name_far(entry);
  }
  if (!entry.told || entry.changed) touch(entry);
  set_local(entry, true);
  if (differs) note_own(entry);
  return &entry;
}

void Presence::leave(Entry* entry) noexcept {
  if (--entry->clients != 0) return;
  if (entry->person.user_id.empty() || absent_count_ >= kMaxAbsent) {
    set_local(*entry, false);
    if (!entry->servers.empty()) return;
    set_gone(*entry, true);
    touch(*entry);
    return;
  }
  ++absent_count_;
  leaving_.touch(entry->absence);
  queue_->set(place_, PresenceQueue::kNow);
}

PublicStatePtr Presence::state_of(const Identity& identity) const {
  if (identity.user_id.empty()) return nullptr;
  const auto found = entries_.find(key_of(0, identity));
  return found == entries_.end() || found->second->gone ? nullptr : found->second->person.state;
}

void Presence::set_state(Entry* entry, PublicStatePtr state) noexcept {
  if (same_state(entry->person.state, state)) return;
  entry->person.state = std::move(state);
  entry->changed = true;
  ++entry->version;
  touch(*entry);
  note_own(*entry);
}

Presence::Entry* Presence::change(Entry* entry, ClientId client, const Identity& identity) {
  const bool same = entry->person.user_id == identity.user_id;
  Entry* const now = enter(client, identity, same ? entry->person.state : *identity.state);
  leave(entry);
  return now;
}

void Presence::restore(Person person) {
  if (absent_count_ >= kMaxAbsent) return;
  std::string key = person_key(person.user_id, 0);
  if (entries_.contains(key)) return;
  Entry& entry = entry_of(std::move(key), false);
  entry.person = std::move(person);
  entry.told = true;
  lists_ = ++told_ <= kMaxListed;
  ++absent_count_;
  leaving_.touch(entry.absence);
  kept_snapshot.reset();
  queue_->set(place_, PresenceQueue::kNow);
}

std::vector<Person> Presence::users() const {
  std::vector<Person> users;
  for (const auto& [key, entry] : entries_) {
    if (users.size() == kMaxAbsent) break;
    if (!entry->gone && !entry->person.user_id.empty()) users.push_back(entry->person);
  }
  return users;
}

void Presence::clear() noexcept {
  if (announced_count_ != 0 && !own_pending_) own_pending_ = queue_->tell_others(room_);
  touched_.clear();
  own_changed_.clear();
  far_names_.clear();
  servers_.clear();
  entries_.clear();
  absent_count_ = told_ = gone_count_ = local_count_ = announced_count_ = far_more_ = told_more_ = 0;
  own_begins_ = true;
  has_far_ = false;
  lists_ = true;
  relist_ = waits_ = has_told_ = false;
  kept_snapshot.reset();
  queue_->set(place_, PresenceQueue::kNever);
}

void Presence::touch(Entry& entry) noexcept {
  if (!entry.touched) {
    entry.touched = true;
    touched_.push_back(&entry);
  }
  if (!waits_) queue_->set(place_, PresenceQueue::kNow);
}

void Presence::end_absence(Entry& entry) noexcept {
  if (!entry.absence.linked()) return;
  entry.absence.unlink();
  --absent_count_;
}

void Presence::advance(std::int64_t now_ms, std::int64_t grace_ms) noexcept {
  waits_ = true;  // schedule() follows
  while (Entry* const entry = leaving_.oldest()) {
    entry->gone_ms = now_ms + grace_ms;
    absent_.touch(entry->absence);
  }
  while (Entry* const entry = absent_.oldest()) {
    if (entry->gone_ms > now_ms) break;
    end_absence(*entry);
    set_local(*entry, false);
    if (!entry->servers.empty()) continue;
    set_gone(*entry, true);
    touch(*entry);
  }
}

bool Presence::notice_due(std::int64_t now_ms) const {
  return (!touched_.empty() || relist_ || far_more_ != told_more_) &&
         (!has_told_ || now_ms - last_notice_ms_ >= kNoticeIntervalMs);
}

PresenceNotice Presence::changes() const {
  PresenceNotice notice;
  for (const Entry* entry : touched_) {
    if (!entry->told && !entry->gone) notice.joined.push_back(entry->person);
    if (entry->told && entry->gone) notice.left.push_back(entry->person);
    if (entry->told && !entry->gone && entry->changed) notice.changed.push_back(entry->person);
  }
  notice.count = told_ + notice.joined.size() - notice.left.size() + far_more_;
  return notice;
}

bool Presence::is_nothing(const PresenceNotice& changes) const {
  return !relist_ && far_more_ == told_more_ && changes.joined.empty() && changes.left.empty() &&
         changes.changed.empty();
}

std::vector<Person> Presence::people_after_changes() const {
  std::vector<Person> people;
  for (const auto& [key, entry] : entries_) {
    if (!entry->gone) people.push_back(entry->person);
  }
  return people;
}

PresenceNotice Presence::for_members(const PresenceNotice& changes) const {
  PresenceNotice notice;
  const bool list = changes.count <= (lists_ ? kMaxListed : kListAgain);
  if (level_ != PresenceLevel::full || !list) {
    notice.counts_only = true;
  } else if (!lists_ || relist_) {
    notice.listed = true;
    notice.people = people_after_changes();
  } else {
    notice = changes;
  }
  notice.count = changes.count;
  return notice;
}

void Presence::note_nothing() noexcept {
  for (Entry* entry : touched_) {
    entry->touched = entry->changed = false;
    entry->told = !entry->gone;
    if (entry->gone && !entry->announced) erase(*entry);
  }
  touched_.clear();
}

void Presence::note_told(const PresenceNotice& for_members, std::int64_t now_ms) noexcept {
  note_nothing();
  told_more_ = far_more_;
  told_ = for_members.count - told_more_;
  lists_ = !for_members.counts_only || level_ != PresenceLevel::full;
  relist_ = false;
  last_notice_ms_ = now_ms;
  has_told_ = true;
  kept_snapshot.reset();
}

void Presence::schedule(std::int64_t now_ms, bool retry) noexcept {
  std::int64_t due_ms = PresenceQueue::kNever;
  if (!own_changed_.empty() && !own_pending_) {
    own_pending_ = queue_->tell_others(room_);
    if (!own_pending_) due_ms = now_ms + kNoticeIntervalMs;
  }
  waits_ = !touched_.empty() || relist_ || far_more_ != told_more_;
  if (waits_) due_ms = std::min(due_ms, (retry ? now_ms : last_notice_ms_) + kNoticeIntervalMs);
  if (const Entry* const first = absent_.oldest()) due_ms = std::min(due_ms, first->gone_ms);
  queue_->set(place_, due_ms);
}

PresenceNotice Presence::current(bool all) const {
  PresenceNotice notice;
  notice.count = count();
  notice.counts_only = !all && (level_ != PresenceLevel::full || notice.count > kMaxListed);
  notice.listed = !notice.counts_only;
  if (notice.listed) notice.people = people_after_changes();
  return notice;
}

PresenceNotice Presence::snapshot() const {
  PresenceNotice notice;
  notice.count = told();
  notice.counts_only = level_ != PresenceLevel::full || !lists_;
  notice.listed = !notice.counts_only;
  if (!notice.listed) return notice;
  for (const auto& [key, entry] : entries_) {
    if (entry->told) notice.people.push_back(entry->person);
  }
  return notice;
}

// Several servers ---------------------------------------------------------------------------------------------------------

void Presence::set_gone(Entry& entry, bool gone) noexcept {
  if (entry.gone == gone) return;
  entry.gone = gone;
  gone ? ++gone_count_ : --gone_count_;
}

void Presence::erase(Entry& entry) noexcept {
  set_gone(entry, false);
  unname_far(entry);
  entries_.erase(entries_.find(*entry.key));
}

void Presence::set_local(Entry& entry, bool local) noexcept {
  if (entry.local == local || !queue_->is_shared()) return;
  entry.local = local;
  local ? ++local_count_ : --local_count_;
  note_own(entry);
}

// Whether it has changed for the others, who only know those that were announced.
void Presence::note_own(Entry& entry) noexcept {
  if (!queue_->is_shared()) return;
  const bool concerns = entry.local || entry.announced;
  if (concerns && entry.own_place == Entry::kNowhere) {
    entry.own_place = own_changed_.size();
    own_changed_.push_back(&entry);
  } else if (!concerns && entry.own_place != Entry::kNowhere) {
    Entry* const last = own_changed_.back();
    own_changed_[entry.own_place] = last;
    last->own_place = entry.own_place;
    own_changed_.pop_back();
    entry.own_place = Entry::kNowhere;
  }
  if (own_pending_) return;
  own_pending_ = queue_->tell_others(room_);
  if (!own_pending_) queue_->set(place_, PresenceQueue::kNow);  // schedule() tells it again
}

OwnPeople Presence::take_own(bool whole) {
  OwnPeople own;
  own.whole = whole || own_begins_;
  own.unread = !has_far_;
  own.count = local_count_;
  std::vector<Entry*> here;
  std::vector<Entry*> ended;
  for (Entry* entry : own_changed_) {
    if (!entry->local) ended.push_back(entry);
    if (!own.whole && entry->local && entry->announced) here.push_back(entry);
  }
  std::size_t announced = announced_count_ - ended.size();
  const auto add_new = [&](Entry& entry) {
    if (!entry.local || entry.announced || announced >= kMaxTold) return;
    here.push_back(&entry);
    ++announced;
  };
  for (Entry* entry : own_changed_) add_new(*entry);
  if (own.whole) {
    for (const auto& [key, entry] : entries_) {
      if (entry->local && entry->announced) here.push_back(entry.get());
    }
  }
  // Those that were only counted take the places of others. They are looked for only if there are some.
  if (announced < local_count_) {
    for (auto next = entries_.begin(); next != entries_.end() && announced < kMaxTold; ++next) {
      if (next->second->own_place == Entry::kNowhere) add_new(*next->second);
    }
  }
  own.more = local_count_ - announced;
  own.people.reserve(here.size() + ended.size());
  for (const Entry* entry : here) own.people.push_back({entry->person, entry->version, true});
  if (!own.whole) {
    for (const Entry* entry : ended) {
      own.people.push_back({{entry->person.user_id, entry->person.client, {}, nullptr}, entry->version, false});
    }
  }
  // Nothing throws from here on.
  for (Entry* entry : here) entry->announced = true;
  announced_count_ = announced;
  for (Entry* entry : own_changed_) entry->own_place = Entry::kNowhere;
  own_changed_.clear();
  for (Entry* entry : ended) {
    entry->announced = false;
    if (entry->gone && !entry->touched) erase(*entry);
  }
  own_begins_ = own_pending_ = false;
  return own;
}

Presence::Server& Presence::server_of(std::uint32_t number) {
  const auto found = std::ranges::find(servers_, number, &Server::number);
  return found != servers_.end() ? *found : servers_.emplace_back(Server{number});
}

void Presence::note_more(Server& server, std::size_t more) noexcept {
  if (server.more == more) return;
  far_more_ = far_more_ - server.more + more;
  server.more = more;
  if (!waits_) queue_->set(place_, PresenceQueue::kNow);
}

void Presence::take_far(std::uint32_t number, const std::vector<FarPerson>& people, std::size_t more, bool whole) {
  Server& server = server_of(number);
  // Those that go first make room below the limit.
  std::unordered_set<std::string> named;
  for (const FarPerson& one : people) {
    std::string key = person_key(one.person.user_id, one.person.client);
    if (one.present) {
      if (whole) named.insert(std::move(key));
    } else if (const auto found = entries_.find(key); found != entries_.end()) {
      remove_far(server, *found->second, false);
    }
  }
  if (whole) {
    for (const auto& [key, entry] : entries_) {
      if (!named.contains(key)) remove_far(server, *entry, false);
    }
  }
  for (const FarPerson& one : people) {
    if (one.present) add_far(server, one);
  }
  note_more(server, more);
}

// A name and a state count if they are newer, or if nobody else has told any.
void Presence::add_far(Server& server, const FarPerson& one) {
  std::string key = person_key(one.person.user_id, one.person.client);
  if (server.people >= kMaxTold) {
    const auto found = entries_.find(key);
    if (found == entries_.end() || !found->second->is_at(server.number)) return;
  }
  Person person = one.person;
  Entry& entry = entry_of(std::move(key), true);
  const bool known = entry.is_at(server.number);
  if (!known) entry.servers.push_back(server.number);  // a new entry has the memory for it
  // Nothing throws from here on.
  if (!known) ++server.people;
  const bool alone = !entry.local && entry.servers.size() == 1;
  const auto rank = [](std::uint64_t version, const Person& of) {
    return std::tuple(version, std::string_view(of.name), of.state ? std::string_view(*of.state) : std::string_view());
  };
  bool is_new = !entry.far_keys.made();
  if (alone || rank(entry.version, entry.person) < rank(one.version, person)) {
    entry.version = one.version;
    if (entry.person != person) {
      is_new = true;
      entry.person = std::move(person);
      entry.changed = true;
      if (entry.local) note_own(entry);
    }
  }
  set_gone(entry, false);
  if (!entry.local) end_absence(entry);
  if (!has_far_ && !entry.touched) {
    if (!entry.told) ++told_;
    entry.told = true;
    entry.changed = false;
    kept_snapshot.reset();
    if (local_count_ == 0 && !has_told_) {
      lists_ = told() <= kMaxListed;
    } else {  // members know another list
      relist_ = true;
      if (!waits_) queue_->set(place_, PresenceQueue::kNow);
    }
  } else if (!entry.told || entry.changed) {
    touch(entry);
  }
  if (is_new && queue_->uses_names()) name_far(entry);
}

void Presence::remove_far(Server& server, Entry& entry, bool with_grace) noexcept {
  if (std::erase(entry.servers, server.number) == 0) return;
  --server.people;
  if (!entry.servers.empty()) return;
  unname_far(entry);
  if (entry.local || entry.absence.linked()) return;
  if (with_grace && !entry.person.user_id.empty() && absent_count_ < kMaxAbsent) {
    ++absent_count_;
    leaving_.touch(entry.absence);
    queue_->set(place_, PresenceQueue::kNow);
    return;
  }
  set_gone(entry, true);
  touch(entry);
}

void Presence::lose(std::uint32_t number) noexcept {
  const auto server = std::ranges::find(servers_, number, &Server::number);
  if (server == servers_.end()) return;
  for (const auto& [key, entry] : entries_) remove_far(*server, *entry, true);
  note_more(*server, 0);
  servers_.erase(server);
}

// Without memory the name is not known: others can take it.
void Presence::name_far(Entry& entry) noexcept try {
  unname_far(entry);
  Result<NameKeys> keys = name_keys(entry.person.name);
  if (!keys.ok()) return;
  entry.far_keys.make() = std::move(*keys);
  far_names_.emplace(entry.far_keys->looks, &entry);
  if (!entry.far_keys->folded.empty()) far_names_.emplace(entry.far_keys->folded, &entry);
} catch (const std::bad_alloc&) {
  unname_far(entry);
}

void Presence::unname_far(Entry& entry) noexcept {
  if (!entry.far_keys.made()) return;
  for (const std::string* key : {&entry.far_keys->looks, &entry.far_keys->folded}) {
    auto [first, last] = far_names_.equal_range(*key);
    while (first != last) first = first->second == &entry ? far_names_.erase(first) : std::next(first);
  }
  entry.far_keys.reset();
}

const Person* Presence::far_holder(const Identity& identity, ClientId client) const {
  if (!identity.keys.made()) return nullptr;
  const Person* holder = nullptr;
  for (const std::string* key : {&identity.keys->looks, &identity.keys->folded}) {
    const auto [first, last] = far_names_.equal_range(*key);
    for (auto one = first; one != last; ++one) {
      const Person& person = one->second->person;
      const bool same = identity.user_id.empty() ? person.user_id.empty() && person.client == client
                                                 : person.user_id == identity.user_id;
      // A user counts more than a guest, who gives way.
      if (!same && (holder == nullptr || holder->user_id.empty())) holder = &person;
    }
  }
  return holder;
}

std::vector<std::string> Presence::far_keys(const Person& person) const {
  std::vector<std::string> keys;
  if (!queue_->uses_names()) return keys;
  const auto found = entries_.find(person_key(person.user_id, person.client));
  if (found == entries_.end() || !found->second->far_keys.made()) return keys;
  keys.push_back(found->second->far_keys->looks);
  if (!found->second->far_keys->folded.empty()) keys.push_back(found->second->far_keys->folded);
  return keys;
}

}  // namespace chat
