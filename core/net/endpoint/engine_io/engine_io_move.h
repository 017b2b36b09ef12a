// A session's way to the loop of the WebSocket that becomes its transport: the steps of docs/architecture.md, "A session
// moves". It tells that loop to expect it (EngineIoArrival, with a second peer of each client), has the hub send the clients'
// events there from now on, waits until everything that the hub sent here before has come, and goes, with what it has not
// sent in its outbox. A part of the session, which is handed in: what happens to that meanwhile is put off.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "net/endpoint/engine_io/engine_io_arrival.h"
#include "session/engine_io_machine.h"

namespace chat::net {

class EngineIoSession;
class EngineIoLocal;

class EngineIoMove {
 public:
  bool under_way() const { return under_way_; }

  void begin(EngineIoSession& session, std::size_t new_loop);
  // On the new loop, where its second peers are.
  void arrive(EngineIoSession& session, EngineIoLocal& home, EngineIoArrival& arrival, EngineIoArrival::States states);
  // The loop ends: there is nothing to go to.
  void call_off() { under_way_ = false; }

  // When it has arrived.
  void close_then(session::EngineIoClose reason) { closed_meanwhile_ = reason; }
  void close_orderly_then() { orderly_close_meanwhile_ = true; }
  void say_goodbye_then() { goodbye_meanwhile_ = true; }

 private:
  void depart(EngineIoSession& session);

  bool under_way_ = false;
  std::vector<ClientId> departing_;  // who was there when it began, some may have been disconnected since
  std::optional<session::EngineIoClose> closed_meanwhile_;
  bool orderly_close_meanwhile_ = false;
  bool goodbye_meanwhile_ = false;
  std::string leftover_;  // what was queued, as a polling payload
};

}  // namespace chat::net
