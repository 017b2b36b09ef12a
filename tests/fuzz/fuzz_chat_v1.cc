// Any bytes as frames of a chat.v1 client. What it may send must come out as JSON, in chat.v1 and
// in Socket.IO.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "hub/utf8.h"
#include "wire/chat_v1_codec.h"
#include "wire/json.h"
#include "wire/socket_io_codec.h"

using namespace chat;
using namespace chat::wire;

namespace {

constexpr std::size_t kEnvelopeDepth = 4;

void require(bool condition) {
  if (!condition) std::abort();
}

void relay(const MessageDraft& draft) {
  if (!check_event_name(draft.event).ok() || !check_attributes(draft.attributes).ok()) return;
  Message message;
  static_cast<MessageDraft&>(message) = draft;
  message.room = "lobby";
  message.seq = 1;
  message.epoch = "e";
  for (const Packet& packet : ChatV1Codec().encode(message))
    require(json::check(packet.bytes, json::kMaxDepth + kEnvelopeDepth).ok());

  static SocketIoNamespaces namespaces("lobby");
  const SocketIoCodec codec(*namespaces.find("/"), "sid", "");
  const Packets packets = codec.encode(message);
  require(packets.size() == 1 + message.attachments.size());
  const Result<SocketIoPacket> packet = decode_socket_io(packets[0].bytes);
  require(packet.ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view frame(reinterpret_cast<const char*>(data), size);
  ChatV1Codec codec;
  (void)codec.decode(true, frame);
  if (!is_utf8(frame)) return 0;
  const Decoded decoded = codec.decode(false, frame);
  if (const auto* error = std::get_if<DecodeError>(&decoded)) {
    for (const Packet& packet : codec.encode(Reply(error->reply)))
      require(json::check(packet.bytes, json::kMaxDepth + kEnvelopeDepth).ok());
    return 0;
  }
  if (const auto* send = std::get_if<SendCommand>(&std::get<Command>(decoded))) relay(send->draft);
  return 0;
}
