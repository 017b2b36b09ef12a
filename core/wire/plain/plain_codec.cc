// See plain_codec.h.
#include "wire/plain/plain_codec.h"

namespace chat::wire {

void PlainCodec::decode(bool binary, std::string_view bytes, std::vector<Decoded>& said) {
  Decoded& one = said.emplace_back(std::in_place_type<Command>, std::in_place_type<SendCommand>);
  MessageDraft& draft = std::get<SendCommand>(std::get<Command>(one)).draft();
  if (binary) {
    draft.kind = PayloadKind::args;
    draft.payload = kSingleBinaryArgs;
    draft.attachments.emplace_back(bytes);
  } else {
    draft.payload = bytes;
  }
}

void PlainCodec::encode_to(PacketSink& sink, const Message& message, WireForm) const {
  if (message.presence || message.changes_message() || message.extra->redacted) return;
  // Without its event name, a typing notice or a cursor position would look like a chat message.
  if (message.ephemeral && message.event != kDefaultEvent) return;
  if (!is_single_binary(message)) sink.add({false, message.payload});
  for (const std::string& attachment : message.attachments) sink.add({true, attachment});
}

Packets PlainCodec::encode(const Message& message) const {
  struct List final : PacketSink {
    void add(const PacketView& packet) override { packets.push_back({packet.binary, std::string(packet.bytes)}); }
    Packets packets;
  } list;
  encode_to(list, message, form());
  return std::move(list.packets);
}

Packets PlainCodec::encode(const Reply&) const { return {}; }

WireForm PlainCodec::form() const { return static_cast<WireForm>(Protocol::plain) << 56; }

}  // namespace chat::wire
