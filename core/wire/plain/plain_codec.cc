// See plain_codec.h.
#include "wire/plain/plain_codec.h"

namespace chat::wire {

Decoded PlainCodec::decode(bool binary, std::string_view bytes) {
  SendCommand command;
  if (binary) {
    command.draft().kind = PayloadKind::args;
    command.draft().payload = kSingleBinaryArgs;
    command.draft().attachments.emplace_back(bytes);
  } else {
    command.draft().payload = bytes;
  }
  return Command(std::move(command));
}

Packets PlainCodec::encode(const Message& message) const {
  // Without its event name, a typing notice or a cursor position would look like a chat message.
  if (message.ephemeral && message.event != kDefaultEvent) return {};
  Packets packets;
  if (!is_single_binary(message)) packets.push_back({false, message.payload});
  for (const std::string& attachment : message.attachments) packets.push_back({true, attachment});
  return packets;
}

Packets PlainCodec::encode(const Reply&) const { return {}; }

WireForm PlainCodec::form() const { return static_cast<WireForm>(Protocol::plain) << 56; }

}  // namespace chat::wire
