// chat.v1, our JSON protocol (docs/protocol.md), and chat.v1.binary, the same with attachments as bytes. Combines the
// reader and the writers behind the Codec interface and counts malformed frames of the client.
#pragma once

#include <cstdint>

#include "wire/chat_v1/chat_v1_writer.h"
#include "wire/codec.h"

namespace chat::wire {

class ChatV1Codec final : public Codec, public Decoder {
 public:
  ChatV1Codec() = default;
  // For a client of chat.v1.binary. Its welcome gives the size limit of its messages.
  explicit ChatV1Codec(ChatV1Form form) : form_(form) {}

  // A packet holds exactly one command or error.
  Decoded decode(bool binary, std::string_view bytes);
  void decode(bool binary, std::string_view bytes, std::vector<Decoded>& said) override {
    said.push_back(decode(binary, bytes));
  }
  Packets encode(const Message& message) const override;
  Packets encode(const Reply& reply) const override;
  WireForm form() const override;

 private:
  const ChatV1Form form_{};
  int malformed_count_ = 0;  // incremented by a malformed frame, decremented by a valid one
};

}  // namespace chat::wire
