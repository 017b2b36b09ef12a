// The Engine.IO sessions of one loop: those at home here, those on their way to here, and the sockets here that want to
// become a session's. For the loop's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/refusal.h"
#include "model/string_map.h"
#include "model/types.h"
#include "net/base/time_budget.h"
#include "net/endpoint/endpoint_context.h"
#include "net/endpoint/engine_io/engine_io_arrival.h"
#include "net/endpoint/engine_io/engine_io_birth.h"
#include "net/endpoint/engine_io/engine_io_shared.h"
#include "net/endpoint/engine_io/engine_io_socket.h"
#include "net/http/exchange.h"

namespace chat::net {

class EngineIoSession;
class WebSocketLink;

// For people: why there is no session.
Status sessions_status(Refusal refusal);

class EngineIoLocal {
 public:
  // Of the next loop of the shared. Both must outlive this.
  EngineIoLocal(EndpointContext& loop, EngineIoShared& shared);
  ~EngineIoLocal();

  EndpointContext& loop() { return loop_; }
  EngineIoShared& shared() { return shared_; }
  // Any thread. Those of another loop, for a task that is posted to it.
  EngineIoLocal& at(std::size_t loop) { return *shared_.sessions[loop]; }

  // A new session; its sid. The request is answered with the handshake. too_many above a limit.
  Result<std::string> open_polling(EngineIoBirth birth, const HeldRequest& request);
  // A new session whose transport the link is. Its user is replaced, unless this fails.
  Status open_websocket(EngineIoBirth birth, WebSocketLink& link);

  // The session whose home is here, or nullptr.
  EngineIoSession* find(std::string_view sid);
  // It has ended: destroyed at the end of the round.
  void bury(EngineIoSession& session);
  // False when the time was over before all were.
  bool bury_dead(TimeBudget& budget);

  EngineIoSocket* find_candidate(std::uint64_t connection);
  void add_candidate(std::uint64_t connection, EngineIoSocket& socket) { candidates_.emplace(connection, &socket); }
  void remove_candidate(std::uint64_t connection) { candidates_.erase(connection); }
  // What a candidate has said and its session has not heard yet, also when its link has ended since.
  EngineIoSocket::Backlog take_backlog(std::uint64_t connection);
  // Its link has ended. Its session takes this, or drops it when it has heard of the end.
  void keep_last_words(std::uint64_t connection, EngineIoSocket::Backlog words);
  void drop_last_words(std::uint64_t connection) { last_words_.erase(connection); }

  // A session moves between loops.
  std::shared_ptr<EngineIoSession> release(EngineIoSession& session);
  void take_back(std::shared_ptr<EngineIoSession> session);
  void expect(std::string sid, std::unique_ptr<EngineIoArrival> arrival);
  bool expects(std::string_view sid, const SocketHandle& socket) const;
  void arrive(std::shared_ptr<EngineIoSession> session, EngineIoArrival::States states);

  void say_goodbye(std::string_view sid);
  // Of all sessions at home here.
  std::vector<std::string> sids() const;
  bool empty() const { return sessions_.empty() && arrivals_.empty(); }
  // Every session ends, now.
  void end_all();

 private:
  std::optional<Refusal> add(EngineIoBirth birth, bool websocket, EngineIoSession*& session);

  EndpointContext& loop_;
  EngineIoShared& shared_;
  StringMap<std::shared_ptr<EngineIoSession>> sessions_;
  StringMap<std::unique_ptr<EngineIoArrival>> arrivals_;
  std::unordered_map<std::uint64_t, EngineIoSocket*> candidates_;
  std::unordered_map<std::uint64_t, EngineIoSocket::Backlog> last_words_;
  std::vector<std::shared_ptr<EngineIoSession>> dead_;
};

}  // namespace chat::net
