// Plain frames: no envelope in either direction (docs/protocol.md, "Plain"). What is sent is the
// message, what arrives is the message, and nothing else is ever said. An ephemeral message of another event than
// "chat message" is not: here nobody could tell it from what is said.
#pragma once

#include "wire/codec.h"

namespace chat::wire {

class PlainCodec final : public Codec, public Decoder {
 public:
  // Each packet says one thing.
  Decoded decode(bool binary, std::string_view bytes);
  void decode(bool binary, std::string_view bytes, std::vector<Decoded>& said) override {
    said.push_back(decode(binary, bytes));
  }
  Packets encode(const Message& message) const override;
  Packets encode(const Reply& reply) const override;
  WireForm form() const override;
};

}  // namespace chat::wire
