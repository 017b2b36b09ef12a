// What waits to be sent to an Engine.IO client while no request of it is held. The session asks for it when it can be sent;
// the net layer's outbox is behind it.
#pragma once

#include <string>

namespace chat::session {

class EngineIoQueue {
 public:
  virtual ~EngineIoQueue() = default;

  virtual bool empty() const = 0;

  // Moves everything to the end of `payload`, as polling has it: with a separator before each packet unless the payload is
  // empty.
  virtual void take(std::string& payload) = 0;
};

}  // namespace chat::session
