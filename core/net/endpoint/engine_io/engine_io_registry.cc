// See engine_io_registry.h.
#include "net/endpoint/engine_io/engine_io_registry.h"

#include <iterator>
#include <utility>

#include "hub/source_table.h"

namespace chat::net {

EngineIoRegistry::Session* EngineIoRegistry::oldest(const Group& group, bool polling_only) {
  Session* const polling = group.idle[1].empty() ? nullptr : group.idle[1].front();
  if (polling_only || group.idle[0].empty()) return polling;
  Session* const other = group.idle[0].front();
  return polling == nullptr || other->order < polling->order ? other : polling;
}

std::optional<Refusal> EngineIoRegistry::full(const Entry& entry, const std::string& source, std::int64_t now_ms,
                                              Session*& victim) const {
  static const Group nobody;
  const auto found = by_source_.find(source);
  const Group& own = found == by_source_.end() ? nobody : found->second;
  const bool polling = is_polling(entry);
  const auto reached = [&](const Group& group, bool polling_only, Refusal reason) -> std::optional<Refusal> {
    victim = oldest(group, polling_only);
    if (victim != nullptr && now_ms - victim->idle_since_ms < kGraceMs) victim = nullptr;
    return reason;
  };
  // What is told of the source first: it does not make others go.
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

std::optional<Refusal> EngineIoRegistry::check(const Entry& entry, const std::string& address,
                                               std::int64_t now_ms) const {
  const std::lock_guard lock(mutex_);
  Session* victim = nullptr;
  const std::optional<Refusal> refusal = full(entry, SourceTable::key_of(address), now_ms, victim);
  return victim == nullptr ? refusal : std::nullopt;
}

std::optional<Refusal> EngineIoRegistry::add(const std::string& sid, const Entry& entry, const std::string& address,
                                             std::int64_t now_ms, std::vector<Evicted>& evicted) {
  std::string source = SourceTable::key_of(address);
  const std::lock_guard lock(mutex_);
  Session* victim = nullptr;
  while (const std::optional<Refusal> refusal = full(entry, source, now_ms, victim)) {
    if (victim == nullptr) return refusal;
    evicted.push_back({victim->sid, victim->entry.home, victim->address, *refusal});
    remove_locked(sessions_.find(victim->sid));
  }
  const auto [added, is_new] = sessions_.try_emplace(sid);
  Session& session = added->second;
  session.sid = sid;
  session.entry = entry;
  session.address = address;
  session.source = std::move(source);
  session.idle = true;
  session.idle_since_ms = now_ms;
  session.order = ++last_order_;
  link(session);
  return std::nullopt;
}

// Into the counts and lists, by its present entry.
void EngineIoRegistry::link(Session& session) {
  const std::size_t list = is_polling(session.entry) ? 1 : 0;
  Group& own = by_source_[session.source];
  for (Group* group : {&all_, &own}) {
    ++group->sessions;
    if (list == 1) ++group->polling;
  }
  if (!session.idle) return;
  // Most often it is the newest. One that has moved keeps its place.
  const auto insert = [&](Idle& idle) {
    auto place = idle.end();
    while (place != idle.begin() && (*std::prev(place))->order > session.order) --place;
    return idle.insert(place, &session);
  };
  session.in_all = insert(all_.idle[list]);
  session.in_source = insert(own.idle[list]);
}

void EngineIoRegistry::unlink(Session& session) {
  const std::size_t list = is_polling(session.entry) ? 1 : 0;
  const auto own = by_source_.find(session.source);
  for (Group* group : {&all_, &own->second}) {
    --group->sessions;
    if (list == 1) --group->polling;
  }
  if (session.idle) {
    all_.idle[list].erase(session.in_all);
    own->second.idle[list].erase(session.in_source);
  }
  if (own->second.sessions == 0) by_source_.erase(own);
}

std::optional<EngineIoRegistry::Entry> EngineIoRegistry::find(std::string_view sid) const {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(sid);
  if (found == sessions_.end()) return std::nullopt;
  return found->second.entry;
}

void EngineIoRegistry::set(std::string_view sid, const Entry& entry) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(sid);
  if (found != sessions_.end()) set_locked(found->second, entry);
}

void EngineIoRegistry::set_transport(std::string_view sid, Transport transport) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(sid);
  if (found != sessions_.end()) set_locked(found->second, {found->second.entry.home, transport});
}

void EngineIoRegistry::set_locked(Session& session, const Entry& entry) {
  if (is_polling(session.entry) == is_polling(entry)) {
    session.entry = entry;
    return;
  }
  unlink(session);
  session.entry = entry;
  link(session);
}

void EngineIoRegistry::set_idle(std::string_view sid, bool idle, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(sid);
  if (found == sessions_.end() || found->second.idle == idle) return;
  Session& session = found->second;
  unlink(session);
  session.idle = idle;
  session.idle_since_ms = now_ms;
  session.order = ++last_order_;
  link(session);
}

void EngineIoRegistry::remove(std::string_view sid) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(sid);
  if (found != sessions_.end()) remove_locked(found);
}

void EngineIoRegistry::remove_locked(Sessions::iterator session) {
  unlink(session->second);
  sessions_.erase(session);
}

std::size_t EngineIoRegistry::size() const {
  const std::lock_guard lock(mutex_);
  return sessions_.size();
}

}  // namespace chat::net
