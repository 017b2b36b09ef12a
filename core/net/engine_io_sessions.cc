// See engine_io_sessions.h.
#include "net/engine_io_sessions.h"

#include "net/engine_io_host.h"
#include "net/engine_io_service.h"
#include "net/loop.h"
#include "net/random_id.h"
#include "net/server.h"

namespace chat::net {

using session::EngineIoTransport;

EngineIoSessions::EngineIoSessions(Loop& loop) : loop_(loop) {}
EngineIoSessions::~EngineIoSessions() = default;

Result<EngineIoHost*> EngineIoSessions::add(EngineIoBirth birth, bool websocket) {
  const EngineIoTransport transport = websocket ? EngineIoTransport::websocket : EngineIoTransport::polling;
  std::string sid = random_id();
  Status status = loop_.server().engine_io().registry.add(sid, {loop_.index(), transport}, birth.address);
  if (!status.ok()) return status;
  auto host = std::make_shared<EngineIoHost>(loop_, std::move(birth), sid, transport);
  EngineIoHost* const added = host.get();
  hosts_.emplace(std::move(sid), std::move(host));
  return added;
}

Result<std::string> EngineIoSessions::open_polling(EngineIoBirth birth, const HeldRequest& request) {
  Result<EngineIoHost*> host = add(std::move(birth), false);
  if (!host.ok()) return host.status();
  std::string sid = (*host)->sid();
  (*host)->open_polling(request);
  return sid;
}

Status EngineIoSessions::open_websocket(EngineIoBirth birth, WebSocketLink& link) {
  Result<EngineIoHost*> host = add(std::move(birth), true);
  if (!host.ok()) return host.status();
  (*host)->open_websocket(link);
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

void EngineIoSessions::bury_dead() {
  if (dead_.empty()) return;
  loop_.memory().freed(dead_.size() * MemoryRelease::kConnectionBytes);
  dead_.clear();
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
  arrived.arrive(loop_, *arrival, std::move(states));
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
