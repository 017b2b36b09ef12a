// Plain frames without an envelope (docs/protocol.md, "Plain"): the payload of a frame is the message, and there are no
// replies. Ephemeral messages are sent only for the event "chat message", because receivers could not distinguish other
// events.
#pragma once

#include "wire/codec.h"

namespace chat::wire {

class PlainCodec final : public Codec, public Decoder {
 public:
  // A packet holds exactly one message.
  void decode(bool binary, std::string_view bytes, std::vector<Decoded>& said) override;
  Packets encode(const Message& message) const override;
  Packets encode(const Reply& reply) const override;
  void encode_to(PacketSink& sink, const Message& message, WireForm form) const override;
  WireForm form() const override;
};

}  // namespace chat::wire
