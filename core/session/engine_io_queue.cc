// See engine_io_queue.h.
#include "session/engine_io_queue.h"

#include <utility>

#include "wire/engine_io.h"

namespace chat::session {

bool EngineIoBuffer::push(const wire::Packets& packets) {
  std::size_t bytes = 0;
  for (const wire::Packet& packet : packets) bytes += packet.bytes.size();
  const bool over = bytes_ + bytes > max_bytes_ || packets_.size() + packets.size() > max_packets_;
  if (over && !empty()) return false;
  bytes_ += bytes;
  packets_.insert(packets_.end(), packets.begin(), packets.end());
  return true;
}

void EngineIoBuffer::take(std::string& payload) {
  for (const wire::Packet& packet : packets_) {
    if (packet.binary) {
      wire::append_engine_io_binary(payload, packet.bytes);
    } else {
      wire::append_engine_io(payload, wire::EngineIoType::message, packet.bytes);
    }
  }
  packets_.clear();
  bytes_ = 0;
}

wire::Packets EngineIoBuffer::take_frames() {
  wire::Packets frames;
  frames.reserve(packets_.size());
  for (wire::Packet& packet : packets_) {
    if (!packet.binary) packet.bytes.insert(0, 1, '4');
    frames.push_back(std::move(packet));
  }
  packets_.clear();
  bytes_ = 0;
  return frames;
}

}  // namespace chat::session
