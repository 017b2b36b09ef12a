// See chat_v1_codec.h.
#include "wire/chat_v1/chat_v1_codec.h"

#include <utility>

#include "wire/chat_v1/chat_v1_binary.h"
#include "wire/chat_v1/chat_v1_reader.h"

namespace chat::wire {
namespace {

constexpr int kMaxMalformedFrames = 5;
constexpr std::uint16_t kPolicyViolation = 1008;

}  // namespace

Decoded ChatV1Codec::decode(bool binary, std::string_view bytes) {
  ChatV1Reader reader(binary, bytes, form_.binary);
  if (!reader.malformed()) {
    if (malformed_count_ > 0) --malformed_count_;
    return reader.read();
  }
  ++malformed_count_;
  return DecodeError{reader.error(), malformed_count_ < kMaxMalformedFrames ? std::uint16_t{0} : kPolicyViolation};
}

Packets ChatV1Codec::encode(const Message& message) const {
  Packets packets(1);
  if (form_.binary) {
    if (std::optional<Packet> packet = encode_chat_v1_binary(message)) {
      packets[0] = *std::move(packet);
      return packets;
    }
  }
  append_chat_v1(packets[0].bytes, message, form_);
  return packets;
}

Packets ChatV1Codec::encode(const Reply& reply) const {
  Packets packets(1);
  if (form_.binary) {
    if (std::optional<Packet> packet = encode_chat_v1_binary(reply)) {
      packets[0] = *std::move(packet);
      return packets;
    }
  }
  if (!append_chat_v1(packets[0].bytes, reply, form_)) packets.clear();
  return packets;
}

WireForm ChatV1Codec::form() const {
  return static_cast<WireForm>(Protocol::chat_v1) << 56 | static_cast<WireForm>(form_.binary);
}

}  // namespace chat::wire
