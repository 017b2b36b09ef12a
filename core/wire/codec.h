// A codec turns the packets of one wire format into commands, and messages and replies into packets. It does no I/O and
// reads no clock. A packet is one message of a WebSocket or of an Engine.IO session: framing it is not the codec's business. One instance for each client, for what a client's bytes need remembered; what is encoded for many
// clients depends on the form alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/command.h"
#include "model/message.h"

namespace chat::wire {

struct Packet {
  bool binary = false;
  std::string bytes;
};
using Packets = std::vector<Packet>;

// Two clients with equal forms (and equal framing) receive the same bytes for a message. The highest byte is the
// protocol; the rest belongs to the codec.
using WireForm = std::uint64_t;

// What the client is told of bad input, and whether its connection ends.
struct DecodeError {
  ErrorReply reply;
  std::uint16_t close_code = 0;  // 0: go on. Otherwise RFC 6455 section 7.4
};

using Decoded = std::variant<Command, DecodeError>;

class Codec {
 public:
  virtual ~Codec() = default;

  // One packet from the client: whole, within the size limit, and valid UTF-8 when it is text.
  virtual Decoded decode(bool binary, std::string_view bytes) = 0;

  // Depends on nothing but the message and form().
  virtual Packets encode(const Message& message) const = 0;
  // The same for one client, which shall acknowledge it by this number. No packets where the format has no acknowledgements.
  virtual Packets encode_with_ack(const Message&, std::uint64_t) const { return {}; }
  // No packets where the format has no word for it.
  virtual Packets encode(const Reply& reply) const = 0;

  virtual WireForm form() const = 0;
};

}  // namespace chat::wire
