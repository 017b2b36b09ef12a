// Puts a Socket.IO packet and its attachments together again: a text, then as many binary packets
// as it announces. One for each Engine.IO session, since an attachment does not say which namespace
// it belongs to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wire/socket_io/socket_io_packet.h"

namespace chat::wire {

class SocketIoAssembler {
 public:
  enum class Added : std::uint8_t {
    packet,  // it is whole: packet() and attachments()
    more,    // attachments are still to come
    fault,   // malformed, or out of turn: the connection ends, as the reference server's does
  };

  // max_bytes: of a packet with all of its attachments.
  explicit SocketIoAssembler(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // One Engine.IO message; text is valid UTF-8.
  Added add(bool binary, std::string_view bytes);

  // After Added::packet, until the next add() and as long as the bytes given to the last one.
  const SocketIoPacket& packet() const { return packet_; }
  // The caller may move them away.
  std::vector<std::string>& attachments() { return attachments_; }

  // After Added::fault.
  const Status& fault() const { return fault_; }

 private:
  Added begin(std::string_view text);
  Added fail(Status status);

  const std::size_t max_bytes_;
  bool assembling_ = false;
  std::string text_;  // while attachments are awaited
  SocketIoPacket packet_;
  std::vector<std::string> attachments_;
  std::size_t bytes_ = 0;
  Status fault_;
};

}  // namespace chat::wire
