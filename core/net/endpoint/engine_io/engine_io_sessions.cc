// See engine_io_sessions.h.
#include "net/endpoint/engine_io/engine_io_sessions.h"

#include "net/base/random_id.h"
#include "net/endpoint/engine_io/engine_io_host.h"

namespace chat::net {

Status sessions_status(Refusal refusal) {
  return {Error::too_many, refusal == Refusal::sessions ? "the server is full" : "too many sessions from this address"};
}

EngineIoSessions::EngineIoSessions(EndpointContext& loop, EngineIoService& service) : loop_(loop), service_(service) {
  service_.sessions.push_back(this);
}

EngineIoSessions::~EngineIoSessions() = default;

std::optional<Refusal> EngineIoSessions::add(EngineIoBirth birth, bool websocket, EngineIoHost*& host) {
  const Transport transport = websocket ? Transport::websocket : Transport::polling;
  std::string sid = random_id();
  std::vector<EngineIoRegistry::Evicted> evicted;
  const std::optional<Refusal> refusal =
      service_.registry.add(sid, {loop_.index(), transport}, birth.address, loop_.now_ms(), evicted);
  for (const EngineIoRegistry::Evicted& gone : evicted) {
    loop_.refusals().note(gone.reason, gone.address, "the oldest session without a namespace was ended");
    // Later: this may be in the middle of whatever has made the new one.
    EngineIoSessions& home = at(gone.home);
    home.loop().post_task([&home, sid = gone.sid] {
      if (EngineIoHost* old = home.find(sid)) old->evict();
    });
  }
  if (refusal) {
    loop_.refusals().note(*refusal, birth.address);
    return refusal;
  }
  auto added = std::make_shared<EngineIoHost>(*this, std::move(birth), sid, transport);
  host = added.get();
  hosts_.emplace(std::move(sid), std::move(added));
  return std::nullopt;
}

Result<std::string> EngineIoSessions::open_polling(EngineIoBirth birth, const HeldRequest& request) {
  EngineIoHost* host = nullptr;
  if (const std::optional<Refusal> refusal = add(std::move(birth), false, host)) return sessions_status(*refusal);
  std::string sid = host->sid();
  host->open_polling(request);
  return sid;
}

Status EngineIoSessions::open_websocket(EngineIoBirth birth, WebSocketLink& link) {
  EngineIoHost* host = nullptr;
  if (const std::optional<Refusal> refusal = add(std::move(birth), true, host)) return sessions_status(*refusal);
  host->open_websocket(link);
  return {};
}

EngineIoHost* EngineIoSessions::find(std::string_view sid) {
  const auto found = hosts_.find(sid);
  return found == hosts_.end() ? nullptr : found->second.get();
}

void EngineIoSessions::bury(EngineIoHost& host) {
  const auto found = hosts_.find(host.sid());
  if (found == hosts_.end()) return;
  dead_.push_back(std::move(found->second));
  hosts_.erase(found);
  loop_.note_activity();
}

bool EngineIoSessions::bury_dead(TimeBudget& budget) {
  while (!dead_.empty()) {
    loop_.memory().freed(MemoryRelease::kConnectionBytes);
    dead_.pop_back();
    if (!dead_.empty() && budget.over()) return false;
  }
  return true;
}

EngineIoSocket* EngineIoSessions::find_candidate(std::uint64_t connection) {
  const auto found = candidates_.find(connection);
  return found == candidates_.end() ? nullptr : found->second;
}

EngineIoSocket::Backlog EngineIoSessions::take_backlog(std::uint64_t connection) {
  if (auto last = last_words_.extract(connection)) return std::move(last.mapped());
  EngineIoSocket* const found = find_candidate(connection);
  return found == nullptr ? EngineIoSocket::Backlog() : found->take_backlog();
}

void EngineIoSessions::keep_last_words(std::uint64_t connection, EngineIoSocket::Backlog words) {
  if (!words.empty()) last_words_.insert_or_assign(connection, std::move(words));
}

std::shared_ptr<EngineIoHost> EngineIoSessions::release(EngineIoHost& host) {
  const auto found = hosts_.find(host.sid());
  std::shared_ptr<EngineIoHost> released = std::move(found->second);
  hosts_.erase(found);
  return released;
}

void EngineIoSessions::take_back(std::shared_ptr<EngineIoHost> host) {
  std::string sid = host->sid();
  hosts_.emplace(std::move(sid), std::move(host));
}

void EngineIoSessions::expect(std::string sid, std::unique_ptr<EngineIoArrival> arrival) {
  arrivals_.emplace(std::move(sid), std::move(arrival));
}

bool EngineIoSessions::expects(std::string_view sid, const SocketHandle& socket) const {
  const auto found = arrivals_.find(sid);
  return found != arrivals_.end() && found->second->socket() == socket;
}

void EngineIoSessions::arrive(std::shared_ptr<EngineIoHost> host, EngineIoArrival::States states) {
  const auto found = arrivals_.find(host->sid());
  const std::unique_ptr<EngineIoArrival> arrival = std::move(found->second);
  arrivals_.erase(found);
  EngineIoHost& arrived = *host;
  take_back(std::move(host));
  arrived.arrive(*this, *arrival, std::move(states));
}

void EngineIoSessions::say_goodbye(std::string_view sid) {
  if (EngineIoHost* host = find(sid)) host->say_goodbye();
}

std::vector<std::string> EngineIoSessions::sids() const {
  std::vector<std::string> result;
  result.reserve(hosts_.size());
  for (const auto& [sid, host] : hosts_) result.push_back(sid);
  return result;
}

void EngineIoSessions::end_all() {
  for (const std::string& sid : sids()) {
    if (EngineIoHost* host = find(sid)) host->end();
  }
}

}  // namespace chat::net
