// chat.v1, our JSON protocol (docs/protocol.md): joins the reader and the writer to the Codec
// interface and remembers how many malformed frames the client has sent.
#pragma once

#include "wire/codec.h"

namespace chat::wire {

class ChatV1Codec final : public Codec, public Decoder {
 public:
  // Each packet says one thing.
  Decoded decode(bool binary, std::string_view bytes);
  void decode(bool binary, std::string_view bytes, std::vector<Decoded>& said) override {
    said.push_back(decode(binary, bytes));
  }
  Packets encode(const Message& message) const override;
  Packets encode(const Reply& reply) const override;
  WireForm form() const override;

 private:
  int malformed_count_ = 0;  // up by each malformed frame, down by each other one
};

}  // namespace chat::wire
