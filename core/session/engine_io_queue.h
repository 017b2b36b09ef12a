// What waits to be sent to an Engine.IO client while none of its GETs is held. The machine takes it when it can be sent. The
// net layer implements this with an outbox.
#pragma once

#include <string>

namespace chat::session {

class EngineIoQueue {
 public:
  virtual ~EngineIoQueue() = default;

  virtual bool empty() const = 0;

  // Moves everything to the end of `payload`, in the format of polling: with a separator before each packet, except at the
  // beginning of the payload.
  virtual void take(std::string& payload) = 0;
};

// Of a session that sends by its WebSocket.
class NoEngineIoQueue final : public EngineIoQueue {
 public:
  bool empty() const override { return true; }
  void take(std::string&) override {}
};

}  // namespace chat::session
