// See presence.h.
#include "hub/presence.h"

#include <algorithm>
#include <utility>

namespace chat {
namespace {

// User ids and ids of guests are told apart by the first character.
std::string key_of(ClientId client, const Identity& identity) {
  return identity.user_id.empty() ? 'g' + std::to_string(client) : 'u' + identity.user_id;
}

Person person_of(ClientId client, const Identity& identity, PublicStatePtr state) {
  return {identity.user_id, identity.user_id.empty() ? client : 0, identity.name, std::move(state)};
}

}  // namespace

class Presence::Entry {
 public:
  Person person;
  std::uint32_t clients = 0;
  bool told = false;     // the last notice has the person
  bool touched = false;  // in touched_
  bool changed = false;  // the name or the state, since the last notice
  bool gone = false;     // has no client and no grace time
  std::int64_t gone_ms = 0;
  const std::string* key = nullptr;  // in entries_
  AgeLink<Entry> absence{this};      // in leaving_ or absent_
};

Presence::Presence(Room& room, PresenceLevel level, std::shared_ptr<PresenceQueue> queue)
    : level_(level), queue_(std::move(queue)), place_(queue_->add(room)) {}

Presence::~Presence() { queue_->remove(place_); }

void Presence::set_level(PresenceLevel level) noexcept {
  if (level == level_) return;
  level_ = level;
  relist_ = true;
  kept_snapshot.reset();
  queue_->set(place_, PresenceQueue::kNow);
}

Presence::Entry* Presence::enter(ClientId client, const Identity& identity, PublicStatePtr state) {
  std::string key = key_of(client, identity);
  Person person = person_of(client, identity, std::move(state));
  if (touched_.capacity() <= entries_.size()) touched_.reserve(2 * entries_.size() + 4);
  auto found = entries_.find(key);
  if (found == entries_.end()) found = entries_.emplace(std::move(key), std::make_unique<Entry>()).first;
  // Nothing throws from here on.
  Entry& entry = *found->second;
  entry.key = &found->first;
  if (!person.state && !entry.gone) person.state = entry.person.state;
  ++entry.clients;
  entry.gone = false;
  end_absence(entry);
  if (entry.person != person) {
    entry.person = std::move(person);
    entry.changed = true;
  }
  if (!entry.told || entry.changed) touch(entry);
  return &entry;
}

void Presence::leave(Entry* entry) noexcept {
  if (--entry->clients != 0) return;
  if (entry->person.user_id.empty() || absent_count_ >= kMaxAbsent) {
    entry->gone = true;
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
  touch(*entry);
}

Presence::Entry* Presence::change(Entry* entry, ClientId client, const Identity& identity) {
  const bool same = entry->person.user_id == identity.user_id;
  Entry* const now = enter(client, identity, same ? entry->person.state : *identity.state);
  leave(entry);
  return now;
}

void Presence::restore(Person person) {
  if (absent_count_ >= kMaxAbsent) return;
  const auto [found, added] = entries_.emplace('u' + person.user_id, nullptr);
  if (!added) return;
  try {
    found->second = std::make_unique<Entry>();
    if (touched_.capacity() < entries_.size()) touched_.reserve(2 * entries_.size());
  } catch (...) {
    entries_.erase(found);
    throw;
  }
  Entry& entry = *found->second;
  entry.key = &found->first;
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
  touched_.clear();
  entries_.clear();
  absent_count_ = told_ = 0;
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
    entry->gone = true;
    touch(*entry);
  }
}

bool Presence::notice_due(std::int64_t now_ms) const {
  return (!touched_.empty() || relist_) && (!has_told_ || now_ms - last_notice_ms_ >= kNoticeIntervalMs);
}

PresenceNotice Presence::changes() const {
  PresenceNotice notice;
  for (const Entry* entry : touched_) {
    if (!entry->told && !entry->gone) notice.joined.push_back(entry->person);
    if (entry->told && entry->gone) notice.left.push_back(entry->person);
    if (entry->told && !entry->gone && entry->changed) notice.changed.push_back(entry->person);
  }
  notice.count = told_ + notice.joined.size() - notice.left.size();
  return notice;
}

bool Presence::is_nothing(const PresenceNotice& changes) const {
  return !relist_ && changes.joined.empty() && changes.left.empty() && changes.changed.empty();
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
    if (entry->gone) entries_.erase(entries_.find(*entry->key));
  }
  touched_.clear();
}

void Presence::note_told(const PresenceNotice& for_members, std::int64_t now_ms) noexcept {
  note_nothing();
  told_ = for_members.count;
  lists_ = !for_members.counts_only || level_ != PresenceLevel::full;
  relist_ = false;
  last_notice_ms_ = now_ms;
  has_told_ = true;
  kept_snapshot.reset();
}

void Presence::schedule(std::int64_t now_ms, bool retry) noexcept {
  std::int64_t due_ms = PresenceQueue::kNever;
  waits_ = !touched_.empty() || relist_;
  if (waits_) due_ms = (retry ? now_ms : last_notice_ms_) + kNoticeIntervalMs;
  if (const Entry* const first = absent_.oldest()) due_ms = std::min(due_ms, first->gone_ms);
  queue_->set(place_, due_ms);
}

PresenceNotice Presence::current(bool all) const {
  PresenceNotice notice;
  notice.count = entries_.size();
  for (const Entry* entry : touched_) notice.count -= entry->gone ? 1 : 0;
  notice.counts_only = !all && (level_ != PresenceLevel::full || notice.count > kMaxListed);
  notice.listed = !notice.counts_only;
  if (notice.listed) notice.people = people_after_changes();
  return notice;
}

PresenceNotice Presence::snapshot() const {
  PresenceNotice notice;
  notice.count = told_;
  notice.counts_only = level_ != PresenceLevel::full || !lists_;
  notice.listed = !notice.counts_only;
  if (!notice.listed) return notice;
  for (const auto& [key, entry] : entries_) {
    if (entry->told) notice.people.push_back(entry->person);
  }
  return notice;
}

}  // namespace chat
