// A codec encodes messages and replies as packets of one wire format; a decoder decodes packets into commands. Both do
// no I/O and read no clock. A packet is the payload of one message of a WebSocket or an Engine.IO session; a carrier
// frames it (net/deliver/carrier.h). Each client has its own instance, which keeps the decoding state of that client. Packets that are
// shared by several clients depend on the form only.
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

struct PacketView {
  bool binary = false;
  std::string_view bytes;
};
struct Packet {
  bool binary = false;
  std::string bytes;

  operator PacketView() const { return {binary, bytes}; }  // NOLINT(google-explicit-constructor): as std::string does
};
using Packets = std::vector<Packet>;

// Takes packets one by one, and copies their bytes.
class PacketSink {
 public:
  virtual void add(const PacketView& packet) = 0;

 protected:
  ~PacketSink() = default;
};

// Clients with equal forms and the same carrier receive identical bytes for a message. The highest byte is the protocol;
// the codec defines the rest.
using WireForm = std::uint64_t;

// The error reply for bad input, and whether the connection is closed.
struct DecodeError {
  ErrorReply reply;
  std::uint16_t close_code = 0;  // 0: keep the connection; otherwise a code of RFC 6455 section 7.4
};

using Decoded = std::variant<Command, DecodeError>;

// For formats in which each packet is decoded on its own.
class Decoder {
 public:
  virtual ~Decoder() = default;

  // Decodes one packet of the client: complete, within the size limit, and valid UTF-8 when it is text. Appends the
  // commands and errors that it contains, in order; there may be none.
  virtual void decode(bool binary, std::string_view bytes, std::vector<Decoded>& said) = 0;
};

// Belongs to its client's loop; not thread-safe.
class Codec {
 public:
  virtual ~Codec() = default;

  // The result depends only on the message and form().
  virtual Packets encode(const Message& message) const = 0;
  // For formats in which the form depends on the room of the message: the form of messages of this room; constant.
  virtual WireForm form_in(std::string_view room) const {
    (void)room;
    return form();
  }
  // The result depends only on the message and the form, which form_in() gave for its room.
  virtual Packets encode_in_form(const Message& message, WireForm form) const {
    (void)form;
    return encode(message);
  }
  // The packets of encode_in_form(), without a list of them. A codec may do without copies of its own.
  virtual void encode_to(PacketSink& sink, const Message& message, WireForm form) const {
    for (const Packet& packet : encode_in_form(message, form)) sink.add(packet);
  }
  // Encodes a message that asks this client for an acknowledgement with this id. Empty when the format has no
  // acknowledgements.
  virtual Packets encode_with_ack(const Message&, std::uint64_t) const { return {}; }
  // Empty when the format cannot express the reply.
  virtual Packets encode(const Reply& reply) const = 0;

  // For formats in which a client may subscribe to a room several times: what all subscriptions with this form receive
  // for a message, one packet without its head. nullopt where the format has no subscriptions or cannot express the
  // message.
  virtual std::optional<Packet> encode_body(const Message&, WireForm) const { return std::nullopt; }
  // What goes before that body for one subscription. Depends only on the arguments. Short: the body is shared, the head
  // is not.
  virtual std::string encode_head(const Message&, WireForm, std::string_view) const { return {}; }

  // Identifies the encoding of messages for this client; constant.
  virtual WireForm form() const = 0;
  // For formats in which messages to one client and to everyone go to subscriptions too: the form of their bodies;
  // constant. 0: encode() encodes them.
  virtual WireForm direct_form() const { return 0; }

  // A client of this format joins a room when it connects. Otherwise it is opened without a room, and joins rooms by commands.
  virtual bool has_first_room() const { return true; }
};

}  // namespace chat::wire
