// See rest_codec.h.
#include "wire/rest/rest_codec.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "wire/chat_v1/chat_v1_writer.h"
#include "wire/rest/rest_answer.h"

namespace chat::wire {
namespace {

constexpr WireForm kForm = static_cast<WireForm>(Protocol::http) << 56;

std::string_view ref_of(const Reply& reply) {
  return std::visit(
      [](const auto& specific) -> std::string_view {
        if constexpr (requires { specific.ref; }) return specific.ref;
        return {};
      },
      reply);
}

std::string_view name_of(const Message& message) {
  switch (message.event_kind) {
    case RoomEventKind::edit:
      return "edit";
    case RoomEventKind::redaction:
      return "delete";
    case RoomEventKind::reaction:
      return "reaction";
    case RoomEventKind::presence:
      return "presence";
    case RoomEventKind::moderation:
      return kModerationEvent;
    case RoomEventKind::seen:
      return kSeenEvent;
    default:
      return {};
  }
}

struct EventName {
  std::string_view operator()(const Welcome&) const { return "welcome"; }
  std::string_view operator()(const JoinedReply&) const { return "joined"; }
  std::string_view operator()(const LeftReply&) const { return "left"; }
  std::string_view operator()(const RenamedReply&) const { return "named"; }
  std::string_view operator()(const GapReply&) const { return "gap"; }
  // Not `error`, which EventSource uses for itself.
  std::string_view operator()(const ErrorReply&) const { return "problem"; }
  template <class Other>
  std::string_view operator()(const Other&) const {
    return {};
  }
};

}  // namespace

Packets RestCodec::encode(const Reply& reply) const {
  if (std::holds_alternative<Welcome>(reply)) return {Packet{false, pack_rest_answer(kOpen, {})}};
  const std::optional<RestAnswer> answer = rest_answer(reply);
  if (!answer) return {};
  return {Packet{false, pack_rest_answer(ref_of(reply), *answer)}};
}

WireForm RestCodec::form() const { return kForm; }

Packets EventStreamCodec::encode(const Message& message) const {
  std::string json;
  append_chat_v1(json, message);
  Packets packets(1);
  append_event(packets[0].bytes, name_of(message), json);
  return packets;
}

Packets EventStreamCodec::encode(const Reply& reply) const {
  const std::string_view name = std::visit(EventName(), reply);
  if (name.empty()) return {};
  std::string json;
  append_chat_v1(json, reply);
  Packets packets(1);
  append_event(packets[0].bytes, name, json);
  return packets;
}

WireForm EventStreamCodec::form() const { return kForm | 1; }

WireForm EventStreamCodec::form_in(std::string_view room) const {
  return !room.empty() && room == room_with_ids_ ? kForm | 2 : form();
}

// As session::EventPositions writes the id of a stream of one room.
Packets EventStreamCodec::encode_in_form(const Message& message, WireForm form) const {
  Packets packets = encode(message);
  if (form == this->form() || message.seq == 0) return packets;
  std::string id = "id: " + message.epoch + ':' + std::to_string(message.seq) + '\n';
  packets[0].bytes.insert(0, id);
  return packets;
}

void append_event(std::string& out, std::string_view name, std::string_view json) {
  out.reserve(out.size() + name.size() + json.size() + 20);
  if (!name.empty()) {
    out += "event: ";
    out += name;
    out += '\n';
  }
  out += "data: ";
  const std::size_t begin = out.size();
  out += json;
  // Arguments are relayed as they were written. Strings contain no line ends, so these are white space.
  std::replace_if(
      out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  out += "\n\n";
}

}  // namespace chat::wire
