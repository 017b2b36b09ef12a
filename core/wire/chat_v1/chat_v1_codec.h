// chat.v1, our JSON protocol (docs/protocol.md). Combines the reader and the writer behind the Codec interface and
// counts malformed frames of the client.
#pragma once

#include "wire/codec.h"

namespace chat::wire {

class ChatV1Codec final : public Codec, public Decoder {
 public:
  // A packet holds exactly one command or error.
  Decoded decode(bool binary, std::string_view bytes);
  void decode(bool binary, std::string_view bytes, std::vector<Decoded>& said) override {
    said.push_back(decode(binary, bytes));
  }
  Packets encode(const Message& message) const override;
  Packets encode(const Reply& reply) const override;
  WireForm form() const override;

 private:
  int malformed_count_ = 0;  // incremented by a malformed frame, decremented by a valid one
};

}  // namespace chat::wire
