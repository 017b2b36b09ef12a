// See chat_v1_codec.h.
#include "wire/chat_v1/chat_v1_codec.h"

#include "wire/chat_v1/chat_v1_reader.h"
#include "wire/chat_v1/chat_v1_writer.h"

namespace chat::wire {
namespace {

constexpr int kMaxMalformedFrames = 5;
constexpr std::uint16_t kPolicyViolation = 1008;

}  // namespace

Decoded ChatV1Codec::decode(bool binary, std::string_view bytes) {
  ChatV1Reader reader(binary, bytes);
  if (!reader.malformed()) {
    if (malformed_count_ > 0) --malformed_count_;
    return reader.read();
  }
  ++malformed_count_;
  return DecodeError{reader.error(), malformed_count_ < kMaxMalformedFrames ? std::uint16_t{0} : kPolicyViolation};
}

Packets ChatV1Codec::encode(const Message& message) const {
  Packets packets(1);
  append_chat_v1(packets[0].bytes, message);
  return packets;
}

Packets ChatV1Codec::encode(const Reply& reply) const {
  Packets packets(1);
  if (!append_chat_v1(packets[0].bytes, reply)) packets.clear();
  return packets;
}

WireForm ChatV1Codec::form() const { return static_cast<WireForm>(Protocol::chat_v1) << 56; }

}  // namespace chat::wire
