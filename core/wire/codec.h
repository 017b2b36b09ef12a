// A codec turns messages and replies into packets of one wire format. A decoder turns packets into commands. They do no
// I/O and read no clock. A packet is one message of a WebSocket or of an Engine.IO session; a carrier frames it
// (net/deliver/carrier.h). Each client has its own codec and decoder, because decoding may need a state. What is
// encoded for many clients depends on the form alone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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

// Two clients with equal forms and the same carrier receive the same bytes for a message. The highest byte is the
// protocol; the rest belongs to the codec.
using WireForm = std::uint64_t;

// What the client is told of bad input, and whether its connection ends.
struct DecodeError {
  ErrorReply reply;
  std::uint16_t close_code = 0;  // 0: go on. Otherwise RFC 6455 section 7.4
};

using Decoded = std::variant<Command, DecodeError>;

// For formats whose packets come whole, one after the other.
class Decoder {
 public:
  virtual ~Decoder() = default;

  // One packet from the client: whole, within the size limit, and valid UTF-8 when it is text. Appends no, one or
  // several commands or errors, in order.
  virtual void decode(bool binary, std::string_view bytes, std::vector<Decoded>& said) = 0;
};

class Codec {
 public:
  virtual ~Codec() = default;

  // Depends only on the message and form().
  virtual Packets encode(const Message& message) const = 0;
  // The same for one client, which is asked to acknowledge it by this number. No packets where the format has no
  // acknowledgements.
  virtual Packets encode_with_ack(const Message&, std::uint64_t) const { return {}; }
  // No packets where the format cannot express the reply.
  virtual Packets encode(const Reply& reply) const = 0;

  // For formats in which a client may subscribe to a room several times: what all subscriptions with this form receive
  // for a message, one packet without its head. nullopt where the format has no subscriptions or cannot express the
  // message.
  virtual std::optional<Packet> encode_body(const Message&, WireForm) const { return std::nullopt; }
  // What goes before that body for one subscription. Depends only on the arguments. Short: the body is shared, the head
  // is not.
  virtual std::string encode_head(const Message&, WireForm, std::string_view) const { return {}; }

  virtual WireForm form() const = 0;
};

}  // namespace chat::wire
