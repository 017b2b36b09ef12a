// Reassembles a Socket.IO packet and its attachments: a text, followed by the announced number of binary packets. There
// is one per Engine.IO session, because attachments do not name a namespace.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wire/socket_io/socket_io_packet.h"

namespace chat::wire {

class SocketIoAssembler {
 public:
  enum class Added : std::uint8_t {
    packet,  // complete: see packet() and attachments()
    more,    // more attachments are expected
    fault,   // malformed or out of order: close the connection, like the reference server
  };

  // max_bytes: of a packet including its attachments.
  explicit SocketIoAssembler(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // Adds one Engine.IO message; text must be valid UTF-8.
  Added add(bool binary, std::string_view bytes);

  // Valid after Added::packet until the next add(), while the bytes of the last add() exist.
  const SocketIoPacket& packet() const { return packet_; }
  // The caller may move them out.
  std::vector<std::string>& attachments() { return attachments_; }

  // The reason of Added::fault.
  const Status& fault() const { return fault_; }

 private:
  Added begin(std::string_view text);
  Added fail(Status status);

  const std::size_t max_bytes_;
  bool assembling_ = false;
  std::string text_;  // copied while attachments are pending
  SocketIoPacket packet_;
  std::vector<std::string> attachments_;
  std::size_t bytes_ = 0;
  Status fault_;
};

}  // namespace chat::wire
