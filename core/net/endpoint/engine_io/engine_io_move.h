// How a session moves to the loop of the WebSocket that becomes its transport: the steps of docs/architecture.md, "A session
// moves once". begin() tells that loop to expect the session (EngineIoArrival, with a second peer of each client) and makes
// the hub send the clients' events there. depart() follows when this loop has handled everything that the hub had sent to it
// before; the session goes with what waits in its outbox. arrive() is on the new loop. What has to wait until then is noted
// here meanwhile. A part of the session, of which it uses public functions only. For the thread of the loop on which the
// session is.
#pragma once

#include <cstddef>
#include <memory>
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

  bool under_way() const { return course_ != nullptr; }

  void begin(const SocketHandle& socket);
  // On the new loop, where the second peers are.
  void arrive(EngineIoLocal& local, EngineIoArrival& arrival, EngineIoArrival::States states);
  // The loop ends, so the session does not go anywhere.
  void call_off() { course_.reset(); }

  // To be done after the arrival. Only while the move is under way.
  void close_then(session::EngineIoClose reason) { course_->closed = reason; }
  void close_orderly_then() { course_->orderly_close = true; }
  void say_goodbye_then() { course_->goodbye = true; }
  void pass_verdict_then(ClientId client) { course_->verdicts.push_back(client); }

 private:
  struct Course {
    SocketHandle socket;
    std::vector<ClientId> departing;  // the clients at the beginning; some may have been disconnected since
    std::string leftover;             // what was queued, as a polling payload
    // What came meanwhile.
    std::optional<session::EngineIoClose> closed;
    bool orderly_close = false;
    bool goodbye = false;
    std::vector<ClientId> verdicts;
  };

  void depart();

  EngineIoSession& session_;
  std::unique_ptr<Course> course_;  // while the move is under way
};

}  // namespace chat::net
