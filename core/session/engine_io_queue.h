// What waits to be sent to an Engine.IO client while no request of it is held. The session asks for
// it when it can be sent; the net layer may put its own outbox behind this.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "wire/codec.h"

namespace chat::session {

class EngineIoQueue {
 public:
  virtual ~EngineIoQueue() = default;

  virtual bool empty() const = 0;

  // Moves everything to the end of `payload`, as polling has it: with a separator before each
  // packet unless the payload is empty.
  virtual void take(std::string& payload) = 0;
};

// One that holds Socket.IO packets, bounded in bytes and in count. When it is full the packet is
// refused: the caller closes the session, since a gap in a Socket.IO stream is nobody's wish.
class EngineIoBuffer final : public EngineIoQueue {
 public:
  EngineIoBuffer(std::size_t max_bytes, std::size_t max_packets) : max_bytes_(max_bytes), max_packets_(max_packets) {}

  // All of a message's packets or none of them. False: it is full. A message that alone is too
  // large still goes in when nothing else waits.
  [[nodiscard]] bool push(const wire::Packets& packets);

  bool empty() const override { return packets_.empty(); }
  void take(std::string& payload) override;

  // For a WebSocket: each packet is a frame, text already with Engine.IO's 4 in front.
  wire::Packets take_frames();

  std::size_t bytes() const { return bytes_; }
  std::size_t packets() const { return packets_.size(); }

 private:
  const std::size_t max_bytes_;
  const std::size_t max_packets_;
  std::deque<wire::Packet> packets_;
  std::size_t bytes_ = 0;
};

}  // namespace chat::session
