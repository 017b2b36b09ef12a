// Any bytes as Socket.IO packets: the text up to the first byte 0xFF, its attachments behind. What
// is read must be read the same when it is written again, and an event must come out as JSON for
// the clients of chat.v1.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz.h"
#include "model/utf8.h"
#include "wire/chat_v1/chat_v1_codec.h"
#include "wire/json/json.h"
#include "wire/socket_io/socket_io_assembler.h"
#include "wire/socket_io/socket_io_codec.h"
#include "wire/socket_io/socket_io_offset.h"

using namespace chat;
using namespace chat::fuzz;
using namespace chat::wire;

namespace {

constexpr std::size_t kEnvelopeDepth = 1;

using Added = SocketIoAssembler::Added;

Decoded decode(const SocketIoCodec& codec, const Packets& packets) {
  SocketIoAssembler assembler(1 << 20);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const Added added = assembler.add(packets[i].binary, packets[i].bytes);
    require(added == (i + 1 == packets.size() ? Added::packet : Added::more));
  }
  return codec.decode(assembler.packet(), assembler.attachments());
}

void write_and_read(const SocketIoPacket& packet) {
  std::string text;
  append_socket_io(text, packet.type, packet.nsp, packet.attachment_count, packet.ack_id);
  text += packet.payload;
  const Exact again(text);
  const Result<SocketIoPacket> same = decode_socket_io(again.view());
  require(same.ok() && same->type == packet.type && same->attachment_count == packet.attachment_count);
  require(same->nsp == packet.nsp && same->ack_id == packet.ack_id && same->payload == packet.payload);
  require(same->fault.ok() == packet.fault.ok());
}

void check_recovery(const SocketIoPacket& packet) {
  const std::optional<SocketIoRecovery> recovery = read_recovery(packet.payload);
  if (!recovery) return;
  require(is_utf8(recovery->pid));
  if (!recovery->offset) return;
  require(is_utf8(*recovery->offset));
  (void)parse_offset(*recovery->offset);
}

void relay(const SocketIoPacket& packet, std::vector<std::string> attachments) {
  static SocketIoNamespaces namespaces("lobby");
  Result<SocketIoNamespacePtr> nsp = namespaces.find(packet.nsp);
  if (!nsp.ok()) return;
  const SocketIoCodec codec(*nsp, "sid", "");
  Decoded decoded = codec.decode(packet, std::move(attachments));
  if (std::holds_alternative<DecodeError>(decoded)) return;
  const auto& command = std::get<SendCommand>(std::get<Command>(decoded));
  Message message;
  static_cast<MessageDraft&>(message) = command.draft();
  if (message.kind == PayloadKind::args) {
    require(check_args(message.payload, message.attachments.size()).ok());
  } else {
    require(is_utf8(message.payload));
  }

  const Packets packets = codec.encode(message);
  Decoded again = decode(codec, packets);
  require(std::holds_alternative<Command>(again));
  const auto& same = std::get<SendCommand>(std::get<Command>(again));
  require(same.draft().event == message.event && same.draft().kind == message.kind);
  require(same.draft().attachments == message.attachments);
  require(codec.encode(message)[0].bytes == packets[0].bytes);

  const Packets frames = ChatV1Codec().encode(message);
  require(frames.size() == 1 && json::check(frames[0].bytes, json::kMaxDepth + kEnvelopeDepth).ok());

  message.seq = 1;
  message.epoch = "e";
  message.room = command.draft().room;
  const SocketIoCodec recovering(*nsp, "sid", "pid");
  require(std::holds_alternative<Command>(decode(recovering, recovering.encode(message))));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)parse_offset(bytes);
  const std::size_t end = bytes.find('\xFF');
  const std::string_view text = bytes.substr(0, end);
  if (!is_utf8(text)) return 0;
  std::optional<Exact> exact(text);
  SocketIoAssembler assembler(1 << 20);
  Added added = assembler.add(false, exact->view());
  if (added == Added::more) exact.reset();  // the assembler has what it needs
  while (added == Added::more) {
    bytes.remove_prefix(std::min(bytes.size(), bytes.find('\xFF') + 1));
    const Exact attachment(bytes.substr(0, bytes.find('\xFF')));
    added = assembler.add(true, attachment.view());
    if (bytes.find('\xFF') == std::string_view::npos) bytes = {};
  }
  if (added != Added::packet) return 0;
  const SocketIoPacket& packet = assembler.packet();
  require(assembler.attachments().size() == packet.attachment_count);
  write_and_read(packet);
  if (packet.type == SocketIoType::connect) check_recovery(packet);
  if (packet.type == SocketIoType::event) relay(packet, std::move(assembler.attachments()));
  return 0;
}
