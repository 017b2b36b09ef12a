// Any bytes as frames of a client of chat.v1 and of chat.v1.binary. Every accepted message must be encoded as valid JSON, in
// chat.v1 and in Socket.IO, and as the same message when its frame is sent again, as text and as bytes.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz.h"
#include "model/utf8.h"
#include "wire/chat_v1/chat_v1_binary.h"
#include "wire/chat_v1/chat_v1_codec.h"
#include "wire/json/json.h"
#include "wire/socket_io/socket_io_codec.h"

using namespace chat;
using namespace chat::fuzz;
using namespace chat::wire;

namespace {

constexpr std::size_t kEnvelopeDepth = 4;

// What the rest of the program takes for granted.
void check_text(const std::string& text) { require(is_utf8(text)); }

// A string of at most 64 bytes with its quotes, or a number.
void check_ref(const std::string& ref) { require(ref.empty() || (ref.size() <= 66 && json::check(ref).ok())); }

void check_draft(const MessageDraft& draft) {
  check_text(draft.room);
  check_text(draft.event);
  check_text(draft.payload);
  require(draft.attachments.size() <= kMaxAttachments && check_attributes(draft.attributes).ok());
  if (draft.kind == PayloadKind::args) require(check_args(draft.payload, draft.attachments.size()).ok());
}

void check_command(const Command& command) {
  std::visit([](const auto& c) { check_ref(c.ref); }, command);
  if (const auto* send = std::get_if<SendCommand>(&command)) check_draft(send->draft());
  if (const auto* join = std::get_if<JoinCommand>(&command)) {
    check_text(join->room);
    if (join->since) check_text(join->since->epoch);
  }
  if (const auto* leave = std::get_if<LeaveCommand>(&command)) check_text(leave->room);
  if (const auto* rename = std::get_if<RenameCommand>(&command)) check_text(rename->name);
  if (const auto* history = std::get_if<HistoryCommand>(&command)) check_text(history->room);
  if (const auto* members = std::get_if<MembersCommand>(&command)) check_text(members->room);
  if (const auto* seen = std::get_if<SeenCommand>(&command)) check_text(seen->room);
}

constexpr ChatV1Form kBinaryForm{true, 65'536};

void send_again(ChatV1Codec codec, const Packet& packet, const MessageDraft& draft) {
  constexpr std::string_view kType = R"({"type":"message")";
  constexpr std::string_view kSend = R"({"type":"send"   )";
  static_assert(kType.size() == kSend.size());
  std::string frame = packet.bytes;
  const std::size_t at = packet.binary ? kChatV1LengthBytes : 0;
  require(std::string_view(frame).substr(at).starts_with(kType));
  frame.replace(at, kType.size(), kSend);
  const Decoded decoded = codec.decode(packet.binary, frame);
  require(std::holds_alternative<Command>(decoded));
  const auto& same = std::get<SendCommand>(std::get<Command>(decoded)).draft();
  require(same.event == draft.event && same.kind == draft.kind && same.payload == draft.payload);
  require(same.attachments == draft.attachments && same.attributes == draft.attributes);
}

void relay(const MessageDraft& draft) {
  if (!check_event_name(draft.event).ok() || !check_attributes(draft.attributes).ok()) return;
  Message message;
  static_cast<MessageDraft&>(message) = draft;
  message.room = "lobby";
  message.seq = 1;
  message.epoch = "e";
  const Packets frames = ChatV1Codec().encode(message);
  require(frames.size() == 1 && json::check(frames[0].bytes, json::kMaxDepth + kEnvelopeDepth).ok());
  send_again(ChatV1Codec(), frames[0], draft);
  const Packets bytes = ChatV1Codec(kBinaryForm).encode(message);
  require(bytes.size() == 1 && bytes[0].binary == !message.attachments.empty());
  send_again(ChatV1Codec(kBinaryForm), bytes[0], draft);

  static SocketIoNamespaces namespaces("lobby");
  const SocketIoCodec codec(*namespaces.find("/"), "sid", "");
  const Packets packets = codec.encode(message);
  require(packets.size() == 1 + message.attachments.size());
  const Result<SocketIoPacket> packet = decode_socket_io(packets[0].bytes);
  require(packet.ok() && packet->attachment_count == message.attachments.size());
}

void check(const ChatV1Codec& codec, const Decoded& decoded) {
  if (const auto* error = std::get_if<DecodeError>(&decoded)) {
    for (const Packet& packet : codec.encode(Reply(error->reply)))
      require(json::check(packet.bytes, json::kMaxDepth + kEnvelopeDepth).ok());
    return;
  }
  check_command(std::get<Command>(decoded));
  if (const auto* send = std::get_if<SendCommand>(&std::get<Command>(decoded))) relay(send->draft());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view frame(reinterpret_cast<const char*>(data), size);
  ChatV1Codec codec;
  require(std::holds_alternative<DecodeError>(codec.decode(true, frame)));
  ChatV1Codec binary_codec(kBinaryForm);
  check(binary_codec, binary_codec.decode(true, frame));
  if (is_utf8(frame)) check(codec, codec.decode(false, frame));
  return 0;
}
