// See session_home.h.
#include "net/session/session_home.h"

#include <utility>

namespace chat::net {

SessionHome::SessionHome(EndpointContext& loop, SessionTable& table) : loop_(loop), table_(table) {
  table_.add_home(*this);
}

SessionHome::~SessionHome() = default;

SessionTable::Claim SessionHome::claim(const Endpoint& endpoint, const std::string& id, Transport transport,
                                       const std::string& address) {
  SessionTable::Claim claim = table_.claim(endpoint, id, loop_.index(), transport, address, loop_.now_ms());
  for (const SessionTable::Evicted& evicted : claim.evicted) {
    loop_.refusals().note(evicted.reason, evicted.address, "the oldest session without a client was ended");
    // Later, because the caller may be in the middle of something.
    SessionHome& home = table_.home(evicted.place.home);
    home.run_later<Session>(evicted.place.number, [](Session& session) { session.evict(); });
  }
  if (claim.result == SessionTable::Claim::Result::refused) loop_.refusals().note(claim.refusal, address);
  return claim;
}

void SessionHome::add(std::shared_ptr<Session> session) {
  const SessionNumber number = session->number();
  sessions_.emplace(number, std::move(session));
}

Session* SessionHome::find(SessionNumber number) {
  const auto found = sessions_.find(number);
  return found == sessions_.end() ? nullptr : found->second.get();
}

void SessionHome::bury(Session& session) {
  const auto found = sessions_.find(session.number());
  if (found != sessions_.end()) dead_.emplace_back();  // first, because it may throw
  table_.remove(session.number());
  if (found == sessions_.end()) return;
  dead_.back() = std::move(found->second);
  sessions_.erase(found);
  loop_.note_activity();
}

bool SessionHome::bury_dead(TimeBudget& budget) {
  while (!dead_.empty()) {
    loop_.memory().freed(MemoryRelease::kConnectionBytes);
    dead_.pop_back();
    if (!dead_.empty() && budget.over()) return false;
  }
  return true;
}

std::shared_ptr<Session> SessionHome::release(Session& session) {
  const auto found = sessions_.find(session.number());
  std::shared_ptr<Session> released = std::move(found->second);
  sessions_.erase(found);
  return released;
}

std::vector<SessionNumber> SessionHome::numbers() const {
  std::vector<SessionNumber> result;
  result.reserve(sessions_.size());
  for (const auto& [number, session] : sessions_) result.push_back(number);
  return result;
}

std::vector<Task> SessionHome::goodbyes() {
  std::vector<Task> result;
  for (const SessionNumber number : numbers()) {
    result.emplace_back([this, number] {
      if (Session* const session = find(number)) session->say_goodbye();
    });
  }
  return result;
}

void SessionHome::end_all() {
  for (const SessionNumber number : numbers()) {
    if (Session* const session = find(number)) session->end();
  }
}

}  // namespace chat::net
