// Any bytes as Socket.IO packets: the text up to the first byte 0xFF, its attachments behind. What
// is read as an event must come out again as one that is read the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/utf8.h"
#include "wire/json.h"
#include "wire/socket_io_assembler.h"
#include "wire/socket_io_codec.h"
#include "wire/socket_io_offset.h"

using namespace chat;
using namespace chat::wire;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

using Added = SocketIoAssembler::Added;

Decoded decode(const SocketIoCodec& codec, const Packets& packets) {
  SocketIoAssembler assembler(1 << 20);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const Added added = assembler.add(packets[i].binary, packets[i].bytes);
    require(added == (i + 1 == packets.size() ? Added::packet : Added::more));
  }
  return codec.decode(assembler.packet(), assembler.attachments());
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
  static_cast<MessageDraft&>(message) = command.draft;
  if (message.kind == PayloadKind::args) {
    require(check_args(message.payload, message.attachments.size()).ok());
  } else {
    require(is_utf8(message.payload));
  }

  const Packets packets = codec.encode(message);
  Decoded again = decode(codec, packets);
  require(std::holds_alternative<Command>(again));
  const auto& same = std::get<SendCommand>(std::get<Command>(again));
  require(same.draft.event == message.event && same.draft.kind == message.kind);
  require(same.draft.attachments == message.attachments);
  require(codec.encode(message)[0].bytes == packets[0].bytes);

  message.seq = 1;
  message.epoch = "e";
  message.room = command.draft.room;
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
  SocketIoAssembler assembler(1 << 20);
  Added added = assembler.add(false, text);
  while (added == Added::more) {
    bytes.remove_prefix(std::min(bytes.size(), bytes.find('\xFF') + 1));
    added = assembler.add(true, bytes.substr(0, bytes.find('\xFF')));
    if (bytes.find('\xFF') == std::string_view::npos) bytes = {};
  }
  if (added != Added::packet) return 0;
  const SocketIoPacket& packet = assembler.packet();
  require(assembler.attachments().size() == packet.attachment_count);
  if (packet.type == SocketIoType::connect) (void)read_recovery(packet);
  if (packet.type == SocketIoType::event) relay(packet, std::move(assembler.attachments()));
  return 0;
}
