// A queue for an Engine.IO session without the net layer.
#pragma once

#include <string>
#include <utility>

#include "session/engine_io_queue.h"
#include "wire/codec.h"
#include "wire/engine_io/engine_io.h"

namespace chat::session {

class EngineIoBuffer final : public EngineIoQueue {
 public:
  void push(const wire::Packets& packets) { packets_.insert(packets_.end(), packets.begin(), packets.end()); }

  bool empty() const override { return packets_.empty(); }

  void take(std::string& payload) override {
    for (const wire::Packet& packet : std::exchange(packets_, {})) {
      if (!payload.empty()) payload += wire::kEngineIoSeparator;
      wire::append_engine_io_message(payload, packet.binary, packet.bytes);
    }
  }

  // For a WebSocket: each packet is a frame; text already has Engine.IO's prefix 4.
  wire::Packets take_frames() {
    wire::Packets frames = std::exchange(packets_, {});
    for (wire::Packet& frame : frames) {
      if (!frame.binary) frame.bytes.insert(0, 1, '4');
    }
    return frames;
  }

 private:
  wire::Packets packets_;
};

}  // namespace chat::session
