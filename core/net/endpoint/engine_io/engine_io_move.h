// How a session moves to the loop of the WebSocket that becomes its transport: the steps of docs/architecture.md, "A session
// moves once". begin() tells that loop to expect the session (EngineIoArrival, with a second peer of each client) and makes
// the hub send the clients' events there. depart() follows when this loop has handled everything that the hub had sent to it
// before; the session goes with what waits in its outbox. arrive() is on the new loop. What has to wait until then is noted
// here meanwhile. A part of the session, of which it uses public functions only. For the thread of the loop on which the
// session is.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "net/endpoint/engine_io/engine_io_arrival.h"
#include "session/engine_io_machine.h"

namespace chat::net {

class EngineIoLocal;
class EngineIoSession;

class EngineIoMove {
 public:
  explicit EngineIoMove(EngineIoSession& session) : session_(session) {}

  bool under_way() const { return under_way_; }

  void begin(const SocketHandle& socket);
  // On the new loop, where the second peers are.
  void arrive(EngineIoLocal& local, EngineIoArrival& arrival, EngineIoArrival::States states);
  // The loop ends, so the session does not go anywhere.
  void call_off() { under_way_ = false; }

  // To be done after the arrival.
  void close_then(session::EngineIoClose reason) { closed_meanwhile_ = reason; }
  void close_orderly_then() { orderly_close_meanwhile_ = true; }
  void say_goodbye_then() { goodbye_meanwhile_ = true; }
  void pass_verdict_then(ClientId client) { verdicts_meanwhile_.push_back(client); }

 private:
  void depart();

  EngineIoSession& session_;
  bool under_way_ = false;
  SocketHandle socket_;
  std::vector<ClientId> departing_;  // the clients at the beginning; some may have been disconnected since
  std::optional<session::EngineIoClose> closed_meanwhile_;
  bool orderly_close_meanwhile_ = false;
  bool goodbye_meanwhile_ = false;
  std::vector<ClientId> verdicts_meanwhile_;
  std::string leftover_;  // what was queued, as a polling payload
};

}  // namespace chat::net
