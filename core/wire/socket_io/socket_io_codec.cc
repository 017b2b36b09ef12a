// See socket_io_codec.h.
#include "wire/socket_io/socket_io_codec.h"

#include <utility>

#include "wire/error_text.h"
#include "wire/json/json.h"
#include "wire/payload.h"
#include "wire/presence_json.h"
#include "wire/socket_io/socket_io_offset.h"

namespace chat::wire {
namespace {

constexpr WireForm kRecovery = WireForm{1} << 55;

// The text between the brackets of a checked array, without surrounding white space.
std::string_view inside_of(std::string_view array) {
  constexpr std::string_view kSpace = " \t\r\n";
  array = array.substr(array.find('[') + 1);
  array = array.substr(0, array.rfind(']'));
  const std::size_t first = array.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return array.substr(first, array.find_last_not_of(kSpace) - first + 1);
}

void append_attachments(Packets& packets, const std::vector<std::string>& attachments) {
  for (const std::string& attachment : attachments) packets.push_back({true, attachment});
}

}  // namespace

SocketIoCodec::SocketIoCodec(SocketIoNamespacePtr nsp, std::string_view sid, std::string pid)
    : nsp_(std::move(nsp)), sid_(sid), pid_(std::move(pid)) {}

Decoded SocketIoCodec::decode(const SocketIoPacket& packet, std::vector<std::string> attachments) const {
  const auto refuse = [&](Error code, std::string reason) {
    return DecodeError{ErrorReply{std::string(packet.ack_id), code, std::move(reason), true}};
  };
  if (!packet.fault.ok()) return refuse(packet.fault.code, packet.fault.detail);
  SocketIoEvent event = split_event(packet);
  if (!event.name) return refuse(Error::invalid_event, "event name is not UTF-8");

  SendCommand command;
  command.draft().room = nsp_->room;
  command.draft().event = *std::move(event.name);
  command.draft().attachments = std::move(attachments);
  set_checked_args(command.draft(), event.args);
  command.ref = packet.ack_id;
  command.acknowledge_last = true;
  return Command(std::move(command));
}

Packets SocketIoCodec::encode(const Message& message) const { return encode_event(message, {}); }

Packets SocketIoCodec::encode_with_ack(const Message& message, std::uint64_t ack_id) const {
  return encode_event(message, std::to_string(ack_id));
}

Packets SocketIoCodec::encode_event(const Message& message, std::string_view ack_id) const {
  Packets packets(1);
  std::string& text = packets[0].bytes;
  text.reserve(64 + nsp_->name.size() + message.event.size() + message.payload.size());
  append_socket_io(text, SocketIoType::event, nsp_->name, message.attachments.size(), ack_id);
  text += '[';
  json::append_quoted(text, message.event);
  if (message.presence) {
    text += ",{";
    append_presence(text, *message.presence);
    text += '}';
  } else if (message.kind == PayloadKind::text) {
    text += ',';
    json::append_quoted(text, message.payload);
  } else if (const std::string_view args = inside_of(message.payload); !args.empty()) {
    text += ',';
    text += args;
  }
  if (!pid_.empty() && ack_id.empty()) {
    if (message.seq != 0) {
      std::string offset;
      append_offset(offset, message, nsp_->room);
      text += ',';
      json::append_quoted(text, offset);
    } else if (text.ends_with('"')) {
      text += ",null";
    }
  }
  text += ']';
  append_attachments(packets, message.attachments);
  return packets;
}

Packets SocketIoCodec::encode_ack(const std::string& ref, std::string_view args,
                                  const std::vector<std::string>& attachments) const {
  if (ref.empty()) return {};
  Packets packets(1);
  append_socket_io(packets[0].bytes, SocketIoType::ack, nsp_->name, attachments.size(), ref);
  packets[0].bytes += args;
  append_attachments(packets, attachments);
  return packets;
}

Packets SocketIoCodec::encode(const Reply& reply) const {
  if (std::holds_alternative<Welcome>(reply)) return {{false, encode_connect(nsp_->name, sid_, pid_)}};
  if (const auto* answer = std::get_if<AnswerReply>(&reply))
    return encode_ack(answer->ref, answer->args, answer->attachments);
  if (const auto* ack = std::get_if<AckReply>(&reply)) {
    std::string args = "[{";
    if (ack->seq != 0) {
      args += "\"seq\":";
      json::append_number(args, ack->seq);
      args += ",\"epoch\":";
      json::append_quoted(args, ack->epoch);
    }
    args += "}]";
    return encode_ack(ack->ref, args);
  }
  if (const auto* error = std::get_if<ErrorReply>(&reply)) {
    std::string args = "[{\"error\":";
    json::append_quoted(args, error_name(error->code));
    args += ",\"reason\":";
    json::append_quoted(args, valid_reason(error->reason));
    if (error->retry_after_ms != 0) {
      args += ",\"retry_after_ms\":";
      json::append_number(args, error->retry_after_ms);
    }
    args += "}]";
    return encode_ack(error->ref, args);
  }
  return {};
}

Packets SocketIoCodec::disconnect() const { return {{false, encode_disconnect(nsp_->name)}}; }

WireForm SocketIoCodec::form() const {
  return static_cast<WireForm>(Protocol::socket_io) << 56 | (pid_.empty() ? 0 : kRecovery) | nsp_->id;
}

}  // namespace chat::wire
