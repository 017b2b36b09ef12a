// See engine_io_local.h.
#include "net/endpoint/engine_io/engine_io_local.h"

#include <utility>

#include "net/endpoint/engine_io/engine_io_session.h"

namespace chat::net {

Status sessions_status(Refusal refusal) {
  return {Error::too_many, refusal == Refusal::sessions ? "the server is full" : "too many sessions from this address"};
}

EngineIoLocal::EngineIoLocal(SessionHome& home, EngineIoShared& shared) : home_(home), shared_(shared) {
  shared_.locals.push_back(this);
}

EngineIoLocal::~EngineIoLocal() = default;

std::optional<Refusal> EngineIoLocal::add(EngineIoBirth birth, Transport transport, EngineIoSession*& session) {
  using ClaimResult = SessionTable::Claim::Result;
  std::string sid;
  SessionTable::Claim claim;
  do {
    sid = shared_.new_sid();
    claim = home_.claim(*birth.endpoint, sid, transport, birth.address);
  } while (claim.result == ClaimResult::taken);
  if (claim.result == ClaimResult::refused) return claim.refusal;
  try {
    auto added = std::make_shared<EngineIoSession>(*this, std::move(birth), claim.number, std::move(sid), transport);
    session = added.get();
    home_.add(std::move(added));
  } catch (...) {
    table().remove(claim.number);
    throw;
  }
  return std::nullopt;
}

Result<SessionNumber> EngineIoLocal::open_polling(EngineIoBirth birth, const HeldRequest& request) {
  EngineIoSession* session = nullptr;
  if (const std::optional<Refusal> refusal = add(std::move(birth), Transport::polling, session)) {
    return sessions_status(*refusal);
  }
  const SessionNumber number = session->number();
  session->open_polling(request);
  return number;
}

Status EngineIoLocal::open_websocket(EngineIoBirth birth, WebSocketLink& link) {
  EngineIoSession* session = nullptr;
  if (const std::optional<Refusal> refusal = add(std::move(birth), Transport::websocket, session)) {
    return sessions_status(*refusal);
  }
  session->open_websocket(link);
  return {};
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

void EngineIoLocal::expect(SessionNumber number, std::unique_ptr<EngineIoArrival> arrival) {
  arrivals_.emplace(number, std::move(arrival));
}

bool EngineIoLocal::expects(SessionNumber number, const SocketHandle& socket) const {
  const auto found = arrivals_.find(number);
  return found != arrivals_.end() && found->second->socket() == socket;
}

void EngineIoLocal::arrive(std::shared_ptr<Session> session, EngineIoArrival::States states) {
  const SessionNumber number = session->number();
  const auto found = arrivals_.find(number);
  const std::unique_ptr<EngineIoArrival> arrival = std::move(found->second);
  arrivals_.erase(found);
  home_.add(std::move(session));
  home_.find_as<EngineIoSession>(number)->arrive(*this, *arrival, std::move(states));
}

}  // namespace chat::net
