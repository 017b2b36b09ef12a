// See engine_io_registry.h.
#include "net/engine_io_registry.h"

namespace chat::net {

Status EngineIoRegistry::check_locked(const Entry& entry, const std::string& address) const {
  if (exceeds(static_cast<std::int64_t>(sessions_.size()) + 1, max_sessions_) ||
      (is_polling(entry) && polling_ == kMaxPollingSessions)) {
    return {Error::too_many, "the server is full"};
  }
  const auto count = by_address_.find(address);
  if (!address.empty() && exceeds((count == by_address_.end() ? 0 : count->second) + 1, max_sessions_per_address_)) {
    return {Error::too_many, "too many clients from this address"};
  }
  return {};
}

Status EngineIoRegistry::check(const Entry& entry, const std::string& address) const {
  const std::lock_guard lock(mutex_);
  return check_locked(entry, address);
}

Status EngineIoRegistry::add(const std::string& sid, const Entry& entry, const std::string& address) {
  const std::lock_guard lock(mutex_);
  Status status = check_locked(entry, address);
  if (!status.ok()) return status;
  if (!address.empty() && max_sessions_per_address_ >= 0) ++by_address_[address];
  sessions_.emplace(sid, Session{entry, address});
  if (is_polling(entry)) ++polling_;
  return {};
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

void EngineIoRegistry::set_transport(std::string_view sid, session::EngineIoTransport transport) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(sid);
  if (found != sessions_.end()) set_locked(found->second, {found->second.entry.home, transport});
}

void EngineIoRegistry::set_locked(Session& session, const Entry& entry) {
  if (is_polling(session.entry)) --polling_;
  if (is_polling(entry)) ++polling_;
  session.entry = entry;
}

void EngineIoRegistry::remove(std::string_view sid) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(sid);
  if (found == sessions_.end()) return;
  if (const auto count = by_address_.find(found->second.address); count != by_address_.end() && --count->second == 0) {
    by_address_.erase(count);
  }
  if (is_polling(found->second.entry)) --polling_;
  sessions_.erase(found);
}

std::size_t EngineIoRegistry::size() const {
  const std::lock_guard lock(mutex_);
  return sessions_.size();
}

}  // namespace chat::net
