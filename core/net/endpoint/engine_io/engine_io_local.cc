// See engine_io_local.h.
#include "net/endpoint/engine_io/engine_io_local.h"

#include "net/base/random_id.h"
#include "net/endpoint/engine_io/engine_io_session.h"

namespace chat::net {

Status sessions_status(Refusal refusal) {
  return {Error::too_many, refusal == Refusal::sessions ? "the server is full" : "too many sessions from this address"};
}

EngineIoLocal::EngineIoLocal(EndpointContext& loop, EngineIoShared& shared) : loop_(loop), shared_(shared) {
  shared_.sessions.push_back(this);
}

EngineIoLocal::~EngineIoLocal() = default;

std::optional<Refusal> EngineIoLocal::add(EngineIoBirth birth, bool websocket, EngineIoSession*& session) {
  const Transport transport = websocket ? Transport::websocket : Transport::polling;
  std::string sid = random_id();
  std::vector<EngineIoRegistry::Evicted> evicted;
  const std::optional<Refusal> refusal =
      shared_.registry.add(sid, {loop_.index(), transport}, birth.address, loop_.now_ms(), evicted);
  for (const EngineIoRegistry::Evicted& gone : evicted) {
    loop_.refusals().note(gone.reason, gone.address, "the oldest session without a namespace was ended");
    // Later: this may be in the middle of whatever has made the new one.
    EngineIoLocal& home = at(gone.home);
    home.loop().post_task([&home, sid = gone.sid] {
      if (EngineIoSession* old = home.find(sid)) old->evict();
    });
  }
  if (refusal) {
    loop_.refusals().note(*refusal, birth.address);
    return refusal;
  }
  auto added = std::make_shared<EngineIoSession>(*this, std::move(birth), sid, transport);
  session = added.get();
  sessions_.emplace(std::move(sid), std::move(added));
  return std::nullopt;
}

Result<std::string> EngineIoLocal::open_polling(EngineIoBirth birth, const HeldRequest& request) {
  EngineIoSession* session = nullptr;
  if (const std::optional<Refusal> refusal = add(std::move(birth), false, session)) return sessions_status(*refusal);
  std::string sid = session->sid();
  session->open_polling(request);
  return sid;
}

Status EngineIoLocal::open_websocket(EngineIoBirth birth, WebSocketLink& link) {
  EngineIoSession* session = nullptr;
  if (const std::optional<Refusal> refusal = add(std::move(birth), true, session)) return sessions_status(*refusal);
  session->open_websocket(link);
  return {};
}

EngineIoSession* EngineIoLocal::find(std::string_view sid) {
  const auto found = sessions_.find(sid);
  return found == sessions_.end() ? nullptr : found->second.get();
}

void EngineIoLocal::bury(EngineIoSession& session) {
  const auto found = sessions_.find(session.sid());
  if (found == sessions_.end()) return;
  dead_.push_back(std::move(found->second));
  sessions_.erase(found);
  loop_.note_activity();
}

bool EngineIoLocal::bury_dead(TimeBudget& budget) {
  while (!dead_.empty()) {
    loop_.memory().freed(MemoryRelease::kConnectionBytes);
    dead_.pop_back();
    if (!dead_.empty() && budget.over()) return false;
  }
  return true;
}

EngineIoSocket* EngineIoLocal::find_candidate(std::uint64_t connection) {
  const auto found = candidates_.find(connection);
  return found == candidates_.end() ? nullptr : found->second;
}

EngineIoSocket::Backlog EngineIoLocal::take_backlog(std::uint64_t connection) {
  if (auto last = last_words_.extract(connection)) return std::move(last.mapped());
  EngineIoSocket* const found = find_candidate(connection);
  return found == nullptr ? EngineIoSocket::Backlog() : found->take_backlog();
}

void EngineIoLocal::keep_last_words(std::uint64_t connection, EngineIoSocket::Backlog words) {
  if (!words.empty()) last_words_.insert_or_assign(connection, std::move(words));
}

std::shared_ptr<EngineIoSession> EngineIoLocal::release(EngineIoSession& session) {
  const auto found = sessions_.find(session.sid());
  std::shared_ptr<EngineIoSession> released = std::move(found->second);
  sessions_.erase(found);
  return released;
}

void EngineIoLocal::take_back(std::shared_ptr<EngineIoSession> session) {
  std::string sid = session->sid();
  sessions_.emplace(std::move(sid), std::move(session));
}

void EngineIoLocal::expect(std::string sid, std::unique_ptr<EngineIoArrival> arrival) {
  arrivals_.emplace(std::move(sid), std::move(arrival));
}

bool EngineIoLocal::expects(std::string_view sid, const SocketHandle& socket) const {
  const auto found = arrivals_.find(sid);
  return found != arrivals_.end() && found->second->socket() == socket;
}

void EngineIoLocal::arrive(std::shared_ptr<EngineIoSession> session, EngineIoArrival::States states) {
  const auto found = arrivals_.find(session->sid());
  const std::unique_ptr<EngineIoArrival> arrival = std::move(found->second);
  arrivals_.erase(found);
  EngineIoSession& arrived = *session;
  take_back(std::move(session));
  arrived.arrive(*this, *arrival, std::move(states));
}

void EngineIoLocal::say_goodbye(std::string_view sid) {
  if (EngineIoSession* session = find(sid)) session->say_goodbye();
}

std::vector<std::string> EngineIoLocal::sids() const {
  std::vector<std::string> result;
  result.reserve(sessions_.size());
  for (const auto& [sid, session] : sessions_) result.push_back(sid);
  return result;
}

void EngineIoLocal::end_all() {
  for (const std::string& sid : sids()) {
    if (EngineIoSession* session = find(sid)) session->end();
  }
}

}  // namespace chat::net
