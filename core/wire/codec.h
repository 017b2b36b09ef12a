// A codec turns messages and replies into packets of one wire format, and a decoder packets into commands. They do no I/O and
// read no clock. A packet is one message of a WebSocket or of an Engine.IO session: framing it is not the codec's business. One instance for each client, for what a client's bytes need remembered; what is encoded for many
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

// Of formats whose packets come whole, one after the other.
class Decoder {
 public:
  virtual ~Decoder() = default;

  // One packet from the client: whole, within the size limit, and valid UTF-8 when it is text. Appends what it says: nothing, one
  // thing or several, in order.
  virtual void decode(bool binary, std::string_view bytes, std::vector<Decoded>& said) = 0;
};

class Codec {
 public:
  virtual ~Codec() = default;

  // Depends on nothing but the message and form().
  virtual Packets encode(const Message& message) const = 0;
  // The same for one client, which shall acknowledge it by this number. No packets where the format has no acknowledgements.
  virtual Packets encode_with_ack(const Message&, std::uint64_t) const { return {}; }
  // No packets where the format has no word for it.
  virtual Packets encode(const Reply& reply) const = 0;

  virtual WireForm form() const = 0;

  // A client of this format joins a room when it connects. Otherwise it is opened without a room, and joins rooms by commands.
  virtual bool has_first_room() const { return true; }
};

}  // namespace chat::wire
