// See session_table.h.
#include "net/session/session_table.h"

#include <iterator>
#include <utility>

#include "hub/source_table.h"

namespace chat::net {

SessionLimits session_limits(const ServerOptions& options) {
  return {options.max_sessions, options.max_sessions_per_address, kMaxPollingSessions,
          options.max_polling_sessions_per_address};
}

SessionTable::Entry* SessionTable::oldest(const Group& group, bool polling_only) {
  Entry* const polling = group.idle[1].empty() ? nullptr : group.idle[1].front();
  if (polling_only || group.idle[0].empty()) return polling;
  Entry* const other = group.idle[0].front();
  return polling == nullptr || other->order < polling->order ? other : polling;
}

std::optional<Refusal> SessionTable::full(bool polling, const std::string& source, std::int64_t now_ms,
                                          Entry*& victim) const {
  static const Group nobody;
  const auto found = by_source_.find(source);
  const Group& own = found == by_source_.end() ? nobody : found->second;
  const auto reached = [&](const Group& group, bool polling_only, Refusal reason) -> std::optional<Refusal> {
    victim = oldest(group, polling_only);
    if (victim != nullptr && now_ms - victim->idle_since_ms < kGraceMs) victim = nullptr;
    return reason;
  };
  // The limits of the source come first, because a source at its limit does not evict the sessions of others.
  if (!source.empty()) {
    if (polling && exceeds(own.polling + 1, limits_.polling_per_source)) {
      return reached(own, true, Refusal::sessions_per_address);
    }
    if (exceeds(own.sessions + 1, limits_.per_source)) return reached(own, false, Refusal::sessions_per_address);
  }
  if (polling && exceeds(all_.polling + 1, limits_.polling)) return reached(all_, true, Refusal::sessions);
  if (exceeds(all_.sessions + 1, limits_.total)) return reached(all_, false, Refusal::sessions);
  return std::nullopt;
}

std::optional<Refusal> SessionTable::check(Transport transport, const std::string& address, std::int64_t now_ms) const {
  const std::lock_guard lock(mutex_);
  Entry* victim = nullptr;
  const std::optional<Refusal> refusal =
      full(transport != Transport::websocket, SourceTable::key_of(address), now_ms, victim);
  return victim == nullptr ? refusal : std::nullopt;
}

SessionTable::Claim SessionTable::claim(const Endpoint& endpoint, const std::string& id, std::size_t home,
                                        Transport transport, const std::string& address, std::int64_t now_ms) {
  Claim claim;
  const std::string source = SourceTable::key_of(address);
  const std::lock_guard lock(mutex_);
  if (const auto ids = ids_.find(&endpoint); ids != ids_.end()) {
    if (const auto found = ids->second.find(id); found != ids->second.end()) {
      claim.result = Claim::Result::taken;
      claim.number = found->second;
      return claim;
    }
  }
  Entry* victim = nullptr;
  while (const std::optional<Refusal> refusal = full(transport != Transport::websocket, source, now_ms, victim)) {
    if (victim == nullptr) {
      claim.refusal = *refusal;
      return claim;
    }
    claim.evicted.push_back({victim->place, victim->address, *refusal});
    remove_entry(*victim);
  }
  claim.result = Claim::Result::claimed;
  claim.number = ++last_number_;
  Ids& ids = ids_[&endpoint];
  try {
    const auto named = ids.emplace(id, claim.number).first;
    Entry& entry = entries_[claim.number];
    entry.place = {claim.number, home, transport};
    entry.endpoint = &endpoint;
    entry.id = &*named;
    entry.address = address;
    entry.idle = true;
    entry.idle_since_ms = now_ms;
    entry.order = ++last_order_;
    entry.in_all = entry.unused_nodes.insert(entry.unused_nodes.end(), &entry);
    entry.in_source = entry.unused_nodes.insert(entry.unused_nodes.end(), &entry);
    entry.source = &*by_source_.try_emplace(source).first;
    link(entry);
  } catch (...) {  // no memory: the id must not stay taken by nobody
    if (const auto found = ids.find(id); found != ids.end()) ids.erase(found);
    entries_.erase(claim.number);
    throw;
  }
  return claim;
}

// Adds the entry to the counts and lists of its present state. Like unlink(), allocates nothing.
void SessionTable::link(Entry& entry) {
  const std::size_t list = is_polling(entry) ? 1 : 0;
  Group& own = entry.source->second;
  for (Group* group : {&all_, &own}) {
    ++group->sessions;
    if (list == 1) ++group->polling;
  }
  if (!entry.idle) return;
  // Most often the entry is the newest. One whose transport has changed keeps its age.
  const auto insert = [&](Idle& idle, Idle::iterator node) {
    auto place = idle.end();
    while (place != idle.begin() && (*std::prev(place))->order > entry.order) --place;
    idle.splice(place, entry.unused_nodes, node);
  };
  insert(all_.idle[list], entry.in_all);
  insert(own.idle[list], entry.in_source);
}

void SessionTable::unlink(Entry& entry) {
  const std::size_t list = is_polling(entry) ? 1 : 0;
  Group& own = entry.source->second;
  for (Group* group : {&all_, &own}) {
    --group->sessions;
    if (list == 1) --group->polling;
  }
  if (!entry.idle) return;
  entry.unused_nodes.splice(entry.unused_nodes.end(), all_.idle[list], entry.in_all);
  entry.unused_nodes.splice(entry.unused_nodes.end(), own.idle[list], entry.in_source);
}

std::optional<SessionTable::Place> SessionTable::find(const Endpoint& endpoint, std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto ids = ids_.find(&endpoint);
  if (ids == ids_.end()) return std::nullopt;
  const auto found = ids->second.find(id);
  if (found == ids->second.end()) return std::nullopt;
  return entries_.at(found->second).place;
}

std::optional<SessionTable::Place> SessionTable::find(SessionNumber number) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(number);
  if (found == entries_.end()) return std::nullopt;
  return found->second.place;
}

SessionTable::Entry* SessionTable::find_entry(SessionNumber number) {
  const auto found = entries_.find(number);
  return found == entries_.end() ? nullptr : &found->second;
}

void SessionTable::set_home(SessionNumber number, std::size_t home) {
  const std::lock_guard lock(mutex_);
  if (Entry* const entry = find_entry(number)) entry->place.home = home;
}

void SessionTable::set_transport(SessionNumber number, Transport transport) {
  const std::lock_guard lock(mutex_);
  Entry* const entry = find_entry(number);
  if (entry == nullptr || entry->place.transport == transport) return;
  unlink(*entry);
  entry->place.transport = transport;
  link(*entry);
}

void SessionTable::set_idle(SessionNumber number, bool idle, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  Entry* const entry = find_entry(number);
  if (entry == nullptr || entry->idle == idle) return;
  unlink(*entry);
  entry->idle = idle;
  entry->idle_since_ms = now_ms;
  entry->order = ++last_order_;
  link(*entry);
}

void SessionTable::remove(SessionNumber number) {
  const std::lock_guard lock(mutex_);
  if (Entry* const entry = find_entry(number)) remove_entry(*entry);
}

void SessionTable::remove_entry(Entry& entry) {
  unlink(entry);
  if (entry.source->second.sessions == 0) by_source_.erase(by_source_.find(entry.source->first));
  Ids& ids = ids_.find(entry.endpoint)->second;
  ids.erase(ids.find(entry.id->first));
  entries_.erase(entry.place.number);
}

std::size_t SessionTable::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace chat::net
