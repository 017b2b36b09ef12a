// See socket_io_codec.h.
#include "wire/socket_io/socket_io_codec.h"

#include <utility>

#include "model/names.h"
#include "wire/error_text.h"
#include "wire/json/json.h"
#include "wire/payload.h"
#include "wire/presence_json.h"
#include "wire/socket_io/socket_io_offset.h"

namespace chat::wire {
namespace {

constexpr WireForm kRecovery = WireForm{1} << 55;

// Removes the last of checked arguments if it is {"messageId":ID}.
Status take_id(std::string& args, std::string& id) {
  std::string_view last;
  json::ElementReader elements(args);
  for (std::string_view element; elements.next(element);) last = element;
  if (last.empty() || json::kind_of(last) != json::Kind::object) return {};
  json::MemberReader members(last);
  json::Member member;
  if (!members.next(member) || !json::equals(member.name, "messageId")) return {};
  const std::string_view value = member.value;
  if (members.next(member) || json::kind_of(value) != json::Kind::string) return {};
  id = json::unescape(value).value_or(std::string());
  if (Status status = check_message_id(id); !status.ok()) return status;
  args.resize(static_cast<std::size_t>(last.data() - args.data()));
  args.resize(args.find_last_not_of(" \t\r\n,") + 1);
  args += ']';
  return {};
}

void append_attachments(Packets& packets, const std::vector<std::string>& attachments) {
  for (const std::string& attachment : attachments) packets.push_back({true, attachment});
}

}  // namespace

SocketIoCodec::SocketIoCodec(SocketIoNamespacePtr nsp, std::string_view sid, std::string pid, bool takes_ids)
    : nsp_(std::move(nsp)), sid_(sid), pid_(std::move(pid)), takes_ids_(takes_ids) {}

Decoded SocketIoCodec::decode(const SocketIoPacket& packet, std::vector<std::string> attachments) const {
  const auto refuse = [&](Error code, std::string reason) {
    return DecodeError{ErrorReply{std::string(packet.ack_id), code, std::move(reason), true}};
  };
  if (!packet.fault.ok()) return refuse(packet.fault.code, packet.fault.detail);
  SocketIoEvent event = split_event(packet);
  if (!event.name) return refuse(Error::invalid_event, "event name is not UTF-8");

  SendCommand command;
  if (std::optional<Decoded> change = decode_change(*event.name, event.args, attachments, packet.ack_id)) {
    return *std::move(change);
  }
  if (std::optional<Decoded> seen = decode_seen(*event.name, event.args, packet.ack_id)) return *std::move(seen);
  command.draft().room = nsp_->room;
  command.draft().event = *std::move(event.name);
  command.draft().attachments = std::move(attachments);
  if (takes_ids_ && !packet.ack_id.empty()) {
    if (const Status status = take_id(event.args, command.draft().id); !status.ok())
      return refuse(status.code, status.detail);
  }
  set_checked_args(command.draft(), event.args);
  command.ref = packet.ack_id;
  command.acknowledge_last = true;
  return Command(std::move(command));
}

std::string_view SocketIoCodec::change_name(RoomEventKind kind) const {
  const SocketIoChangeNames& names = nsp_->changes;
  return kind == RoomEventKind::edit ? names.edit : kind == RoomEventKind::redaction ? names.redaction : names.reaction;
}

std::optional<Decoded> SocketIoCodec::decode_change(std::string_view name, std::string_view args,
                                                    std::vector<std::string>& attachments,
                                                    std::string_view ack_id) const {
  std::optional<RoomEventKind> kind;
  for (const RoomEventKind one : {RoomEventKind::edit, RoomEventKind::redaction, RoomEventKind::reaction}) {
    if (!name.empty() && name == change_name(one)) kind = one;
  }
  if (!kind) return std::nullopt;
  std::vector<std::string_view> elements;
  json::ElementReader reader(args, json::TokenReader::kDepthCeiling);
  for (std::string_view element; reader.next(element);) elements.push_back(element);
  const std::optional<std::uint64_t> seq = elements.empty() ? std::nullopt : json::parse_unsigned(elements[0]);
  if (!seq) return std::nullopt;

  SendCommand command;
  MessageDraft& draft = command.draft();
  draft.room = nsp_->room;
  draft.event_kind = *kind;
  draft.target_seq = *seq;
  command.ref = ack_id;
  command.acknowledge_last = true;
  if (*kind == RoomEventKind::edit) {
    if (elements.size() < 2) return std::nullopt;
    draft.attachments = std::move(attachments);
    const auto rest = static_cast<std::size_t>(elements[1].data() - args.data());
    set_checked_args(draft, '[' + std::string(args.substr(rest)));
  } else if (*kind == RoomEventKind::reaction) {
    if (elements.size() < 2 || json::kind_of(elements[1]) != json::Kind::string) return std::nullopt;
    std::optional<std::string> text = json::unescape(elements[1]);
    if (!text) return std::nullopt;
    draft.payload = *std::move(text);
    draft.extra.make().added = elements.size() < 3 || elements[2] != "false";
  }
  return Command(std::move(command));
}

std::optional<Decoded> SocketIoCodec::decode_seen(std::string_view name, std::string_view args,
                                                  std::string_view ack_id) const {
  if (name.empty() || name != nsp_->changes.seen) return std::nullopt;
  json::ElementReader reader(args, json::TokenReader::kDepthCeiling);
  std::string_view first;
  const std::optional<std::uint64_t> seq = reader.next(first) ? json::parse_unsigned(first) : std::nullopt;
  if (!seq) return std::nullopt;
  return Command(SeenCommand{nsp_->room, *seq, std::string(ack_id)});
}

Packets SocketIoCodec::encode_seen(std::uint64_t seq) const {
  if (nsp_->changes.seen.empty()) return {};
  Packets packets(1);
  std::string& text = packets[0].bytes;
  append_socket_io(text, SocketIoType::event, nsp_->name, 0, {});
  text += '[';
  json::append_quoted(text, nsp_->changes.seen);
  text += ',';
  json::append_number(text, seq);
  text += ']';
  return packets;
}

Packets SocketIoCodec::encode(const Message& message) const { return encode_event(message, {}); }

Packets SocketIoCodec::encode_with_ack(const Message& message, std::uint64_t ack_id) const {
  return encode_event(message, std::to_string(ack_id));
}

// An event that changes a message: the seq of the message, and then what an edit or a reaction says.
void SocketIoCodec::append_change(std::string& text, const Message& event) {
  text += ',';
  json::append_number(text, event.target_seq);
  if (event.event_kind == RoomEventKind::redaction) return;
  if (event.kind == PayloadKind::text) {
    text += ',';
    json::append_quoted(text, event.payload);
  } else if (const std::string_view args = json::inside_of(event.payload); !args.empty()) {
    text += ',';
    text += args;
  }
  if (event.event_kind != RoomEventKind::reaction) return;
  text += event.extra->added ? ",true," : ",false,";
  json::append_number(text, event.extra->count);
}

Packets SocketIoCodec::encode_event(const Message& message, std::string_view ack_id) const {
  const std::string_view name = message.changes_message() ? change_name(message.event_kind) : message.event;
  if (message.changes_message() && name.empty()) return {};
  if (message.event_kind == RoomEventKind::message && message.extra->redacted) return {};
  // Of another room, which only the application can have let it join, the number alone would mean nothing.
  if (message.event_kind == RoomEventKind::seen) {
    return message.room == nsp_->room ? encode_seen(message.target_seq) : Packets();
  }
  Packets packets(1);
  std::string& text = packets[0].bytes;
  text.reserve(64 + nsp_->name.size() + message.event.size() + message.payload.size());
  append_socket_io(text, SocketIoType::event, nsp_->name, message.attachments.size(), ack_id);
  text += '[';
  json::append_quoted(text, name);
  if (message.changes_message()) {
    append_change(text, message);
  } else if (message.presence) {
    text += ",{";
    append_presence(text, *message.presence);
    text += '}';
  } else if (message.kind == PayloadKind::text) {
    text += ',';
    json::append_quoted(text, message.payload);
  } else if (const std::string_view args = json::inside_of(message.payload); !args.empty()) {
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
  if (const auto* welcome = std::get_if<Welcome>(&reply)) {
    Packets packets{{false, encode_connect(nsp_->name, sid_, pid_)}};
    if (welcome->seen == 0) return packets;
    for (Packet& packet : encode_seen(welcome->seen)) packets.push_back(std::move(packet));
    return packets;
  }
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
