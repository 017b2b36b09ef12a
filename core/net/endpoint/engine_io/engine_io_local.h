// What Engine.IO keeps on each loop beside the sessions: how they begin, sessions that are on their way to this loop, and the
// WebSockets here that want to become a session's transport. For the loop's thread.
#pragma once

#include <memory>
#include <unordered_map>

#include "model/refusal.h"
#include "model/types.h"
#include "net/endpoint/engine_io/engine_io_arrival.h"
#include "net/endpoint/engine_io/engine_io_birth.h"
#include "net/endpoint/engine_io/engine_io_shared.h"
#include "net/endpoint/engine_io/engine_io_socket.h"
#include "net/http/exchange.h"
#include "net/session/session_home.h"

namespace chat::net {

class EngineIoSession;
class WebSocketLink;

// For people: why there is no session.
Status sessions_status(Refusal refusal);

class EngineIoLocal {
 public:
  // Those of the next loop of the server. The arguments must outlive this.
  EngineIoLocal(SessionHome& home, EngineIoShared& shared);
  ~EngineIoLocal();

  SessionHome& home() { return home_; }
  EndpointContext& loop() { return home_.loop(); }
  SessionTable& table() { return home_.table(); }
  EngineIoShared& shared() { return shared_; }
  // Any thread. Those of another loop, for a task that is posted to it.
  EngineIoLocal& at(std::size_t loop) { return *shared_.locals[loop]; }

  // A new session. The request is answered with the handshake. too_many above a limit.
  Result<SessionNumber> open_polling(EngineIoBirth birth, const HeldRequest& request);
  // A new session whose transport the link is. The session becomes the link's user, unless this fails.
  Status open_websocket(EngineIoBirth birth, WebSocketLink& link);

  EngineIoSocket* find_candidate(std::uint64_t connection);
  void add_candidate(std::uint64_t connection, EngineIoSocket& socket) { candidates_.emplace(connection, &socket); }
  void remove_candidate(std::uint64_t connection) { candidates_.erase(connection); }
  // What a candidate has received and its session has not taken yet, even if its link has ended since.
  EngineIoSocket::Backlog take_backlog(std::uint64_t connection);
  // The candidate's link has ended. Its session takes this, or drops it when it hears that the link has ended.
  void keep_last_words(std::uint64_t connection, EngineIoSocket::Backlog words);
  void drop_last_words(std::uint64_t connection) { last_words_.erase(connection); }

  // A session is on its way to this loop.
  void expect(SessionNumber number, std::unique_ptr<EngineIoArrival> arrival);
  bool expects(SessionNumber number, const SocketHandle& socket) const;
  bool expects_any() const { return !arrivals_.empty(); }
  void arrive(std::shared_ptr<Session> session, EngineIoArrival::States states);

 private:
  std::optional<Refusal> add(EngineIoBirth birth, Transport transport, EngineIoSession*& session);

  SessionHome& home_;
  EngineIoShared& shared_;
  std::unordered_map<SessionNumber, std::unique_ptr<EngineIoArrival>> arrivals_;
  std::unordered_map<std::uint64_t, EngineIoSocket*> candidates_;
  std::unordered_map<std::uint64_t, EngineIoSocket::Backlog> last_words_;
};

}  // namespace chat::net
