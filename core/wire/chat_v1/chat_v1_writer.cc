// See chat_v1_writer.h.
#include "wire/chat_v1/chat_v1_writer.h"

#include <cjson/cJSON.h>

#include <algorithm>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include "wire/base64.h"
#include "wire/error_text.h"
#include "wire/json/json.h"
#include "wire/presence_json.h"

namespace chat::wire {
namespace {

constexpr std::size_t kEnvelopeBytes = 192;  // upper bound for the fixed parts of a message
constexpr std::size_t kLengthDigits = 12;    // of an attachment, with its comma
constexpr std::size_t kReactionBytes = 64;   // about those of a reaction with its count

void append_ref(std::string& out, const std::string& ref) {
  if (ref.empty()) return;
  out += ",\"ref\":";
  out += ref;
}

void append_attachments(std::string& out, const std::vector<std::string>& attachments, bool as_lengths) {
  if (attachments.empty()) return;
  out += ",\"attachments\":";
  char before = '[';
  for (const std::string& attachment : attachments) {
    out += before;
    before = ',';
    if (as_lengths) {
      json::append_number(out, attachment.size());
      continue;
    }
    out += '"';
    append_base64(out, attachment);
    out += '"';
  }
  out += ']';
}

// Other protocols allow duplicate names and use the first. A JSON object needs unique names.
void append_attributes(std::string& out, const Pairs& attributes) {
  if (attributes.empty()) return;
  out += ",\"attributes\":";
  char before = '{';
  for (auto attribute = attributes.begin(); attribute != attributes.end(); ++attribute) {
    const auto same = [&](const Pair& pair) { return pair.name == attribute->name; };
    if (std::find_if(attributes.begin(), attribute, same) != attribute) continue;
    out += before;
    before = ',';
    json::append_quoted(out, attribute->name);
    out += ':';
    json::append_quoted(out, attribute->value);
  }
  out += '}';
}

std::size_t size_estimate(const Message& message, const ChatV1Form& form) {
  std::size_t bytes = kEnvelopeBytes + message.room.size() + message.epoch.size() + message.event.size() +
                      message.sender.name.size() + message.payload.size();
  for (const std::string& attachment : message.attachments) {
    bytes += form.binary ? kLengthDigits : base64_size(attachment.size()) + 4;
  }
  for (const Pair& attribute : message.attributes) bytes += attribute.name.size() + attribute.value.size() + 8;
  bytes += message.extra->reactions.size() * kReactionBytes;
  return bytes;
}

// Builds a small reply with cJSON. Failed allocations throw std::bad_alloc.
class SmallReply {
 public:
  explicit SmallReply(const char* type, const std::string& ref = {}) {
    check(root_ != nullptr);
    text("type", type);
    if (!ref.empty()) raw("ref", ref);
  }

  SmallReply& text(const char* name, const std::string& value) {
    check(cJSON_AddStringToObject(root_.get(), name, value.c_str()) != nullptr);
    return *this;
  }
  SmallReply& reason(std::string value) { return text("reason", valid_reason(std::move(value))); }
  // Writes raw digits, because cJSON's doubles lose the sixteenth digit.
  SmallReply& number(const char* name, std::uint64_t value) { return raw(name, std::to_string(value)); }
  SmallReply& raw(const char* name, const std::string& json) {
    check(cJSON_AddRawToObject(root_.get(), name, json.c_str()) != nullptr);
    return *this;
  }
  SmallReply& boolean(const char* name, bool value) {
    check(cJSON_AddBoolToObject(root_.get(), name, value) != nullptr);
    return *this;
  }

  // The client in a room. Guests and members learn of no role: it allows nothing.
  SmallReply& standing(Role role, std::int64_t slow_mode_ms) {
    if (role > Role::member) text("role", std::string(role_name(role)));
    return slow_mode_ms > 0 ? number("slow_mode_ms", static_cast<std::uint64_t>(slow_mode_ms)) : *this;
  }

  void append_to(std::string& out) const {
    const std::unique_ptr<char, decltype(&cJSON_free)> text(cJSON_PrintUnformatted(root_.get()), &cJSON_free);
    check(text != nullptr);
    out += text.get();
  }

 private:
  static void check(bool done) {
    if (!done) throw std::bad_alloc();
  }

  std::unique_ptr<cJSON, decltype(&cJSON_Delete)> root_{cJSON_CreateObject(), &cJSON_Delete};
};

}  // namespace

namespace {

void append_presence_event(std::string& out, const Message& message) {
  out += R"({"type":"presence","room":)";
  json::append_quoted(out, message.room);
  out += ",\"time\":";
  json::append_number(out, message.time_ms);
  out += ',';
  append_presence(out, *message.presence);
  out += '}';
}

// The payload is [{...}], and its members become those of the frame.
void append_moderation_event(std::string& out, const Message& message) {
  out += R"({"type":"moderation","room":)";
  json::append_quoted(out, message.room);
  out += ",\"time\":";
  json::append_number(out, message.time_ms);
  out += ',';
  out.append(message.payload, 2, message.payload.size() - 3);
}

// The same. The object has the room.
void append_seen_event(std::string& out, const Message& message) {
  out += R"({"type":"seen",)";
  out.append(message.payload, 2, message.payload.size() - 3);
}

}  // namespace

namespace {

std::string_view type_of(const Message& message) {
  switch (message.event_kind) {
    case RoomEventKind::edit:
      return "edit";
    case RoomEventKind::redaction:
      return "delete";
    case RoomEventKind::reaction:
      return "react";
    default:
      return "message";
  }
}

void append_payload(std::string& out, const Message& message, const ChatV1Form& form) {
  if (message.kind == PayloadKind::text) {
    out += ",\"text\":";
    json::append_quoted(out, message.payload);
  } else {
    out += ",\"args\":";
    out += message.payload;
  }
  append_attachments(out, message.attachments, form.binary);
}

void append_reaction(std::string& out, std::string_view text, std::uint64_t count) {
  out += "\"reaction\":";
  json::append_quoted(out, text);
  out += ",\"count\":";
  json::append_number(out, count);
}

// What an event does to its target.
void append_change(std::string& out, const Message& event, const ChatV1Form& form) {
  out += ",\"target\":";
  json::append_number(out, event.target_seq);
  if (event.event_kind == RoomEventKind::edit) append_payload(out, event, form);
  if (event.event_kind != RoomEventKind::reaction) return;
  out += event.extra->added ? ",\"added\":true," : ",\"added\":false,";
  append_reaction(out, event.payload, event.extra->count);
}

void append_extra(std::string& out, const MessageExtra& extra) {
  if (extra.reply_to != 0) {
    out += ",\"reply_to\":";
    json::append_number(out, extra.reply_to);
  }
  if (extra.edited_ms != 0) {
    out += ",\"edited\":";
    json::append_number(out, extra.edited_ms);
  }
  if (extra.redacted) out += ",\"deleted\":true";
  if (extra.reactions.empty()) return;
  out += ",\"reactions\":";
  char before = '[';
  for (const Reaction& reaction : extra.reactions) {
    out += before;
    before = ',';
    out += '{';
    append_reaction(out, reaction.text, reaction.users->size());
    out += '}';
  }
  out += ']';
}

}  // namespace

void append_chat_v1(std::string& out, const Message& message, const ChatV1Form& form) {
  if (message.presence) return append_presence_event(out, message);
  if (message.event_kind == RoomEventKind::moderation) return append_moderation_event(out, message);
  if (message.event_kind == RoomEventKind::seen) return append_seen_event(out, message);
  if (const std::size_t bytes = out.size() + size_estimate(message, form); bytes > out.capacity()) out.reserve(bytes);
  out += R"({"type":")";
  out += type_of(message);
  out += '"';
  if (!message.room.empty()) {
    out += ",\"room\":";
    json::append_quoted(out, message.room);
  }
  if (message.seq != 0) {
    out += ",\"seq\":";
    json::append_number(out, message.seq);
  }
  if (!message.epoch.empty()) {
    out += ",\"epoch\":";
    json::append_quoted(out, message.epoch);
  }
  out += ",\"time\":";
  json::append_number(out, message.time_ms);
  out += ",\"from\":{";
  if (message.sender.id != 0) {
    out += "\"id\":\"";
    json::append_number(out, message.sender.id);
    out += "\",";
  }
  out += "\"name\":";
  json::append_quoted(out, message.sender.name);
  out += '}';
  if (message.changes_message()) {
    append_change(out, message, form);
    out += '}';
    return;
  }
  out += ",\"event\":";
  json::append_quoted(out, message.event);
  append_payload(out, message, form);
  append_attributes(out, message.attributes);
  if (message.extra.made()) append_extra(out, *message.extra);
  if (message.seq == 0) out += ",\"ephemeral\":true";
  out += '}';
}

namespace {

void append_count(std::string& out, std::string_view name, std::uint64_t count) {
  out += name;
  json::append_number(out, count);
}

// The part of these two replies that is the same for all receivers. Written without cJSON, since lists can be long.
std::string members_text(const MemberList& list) {
  std::string out = ",\"members\":[";
  for (const MemberInfo& member : list.items) {
    out += &member == list.items.data() ? "{\"id\":\"" : ",{\"id\":\"";
    json::append_number(out, member.id);
    out += "\",\"name\":";
    json::append_quoted(out, member.name);
    out += '}';
  }
  out += list.complete ? "]}" : "],\"complete\":false}";
  return out;
}

std::string rooms_text(const RoomList& list) {
  std::string out = ",\"rooms\":[";
  for (const RoomInfo& room : list.items) {
    out += &room == list.items.data() ? "{\"name\":" : ",{\"name\":";
    json::append_quoted(out, room.name);
    out += ",\"epoch\":";
    json::append_quoted(out, room.epoch);
    append_count(out, ",\"seq\":", room.seq);
    append_count(out, ",\"members\":", room.member_count);
    append_count(out, ",\"history\":", room.history_count);
    out += '}';
  }
  out += list.complete ? "]}" : "],\"complete\":false}";
  return out;
}

class ReplyWriter {
 public:
  ReplyWriter(std::string& out, const ChatV1Form& form) : out_(out), form_(form) {}

  bool operator()(const Welcome& reply) {
    SmallReply small("welcome");
    small.text("id", std::to_string(reply.id)).text("name", reply.name).text("room", reply.room);
    small.text("epoch", reply.epoch).number("seq", reply.seq);
    small.boolean("resumed", reply.resumed).boolean("complete", reply.complete);
    if (!reply.user_id.empty()) small.text("user", reply.user_id);
    small.standing(reply.role, reply.slow_mode_ms);
    if (reply.seen != 0) small.number("seen", reply.seen);
    if (form_.binary) small.number("max_message_bytes", form_.max_message_bytes);
    small.append_to(out_);
    return true;
  }

  bool operator()(const AckReply& reply) {
    if (reply.ref.empty()) return false;
    open("ack", reply.ref);
    if (reply.seq != 0) {
      out_ += ",\"seq\":";
      json::append_number(out_, reply.seq);
      out_ += ",\"epoch\":";
      json::append_quoted(out_, reply.epoch);
    }
    out_ += reply.repeated ? ",\"repeated\":true}" : "}";
    return true;
  }

  bool operator()(const AnswerReply& reply) {
    if (reply.ref.empty()) return false;
    open("ack", reply.ref);
    out_ += ",\"args\":";
    out_ += reply.args;
    append_attachments(out_, reply.attachments, form_.binary);
    out_ += '}';
    return true;
  }

  bool operator()(const JoinedReply& reply) {
    SmallReply small("joined", reply.ref);
    small.text("room", reply.room).text("epoch", reply.epoch).number("seq", reply.seq);
    small.boolean("resumed", reply.resumed).boolean("complete", reply.complete);
    small.standing(reply.role, reply.slow_mode_ms);
    if (reply.seen != 0) small.number("seen", reply.seen);
    small.append_to(out_);
    return true;
  }

  bool operator()(const LeftReply& reply) {
    SmallReply small("left", reply.ref);
    small.text("room", reply.room);
    if (!reply.reason.empty()) small.reason(reply.reason);
    small.append_to(out_);
    return true;
  }

  bool operator()(const RenamedReply& reply) {
    SmallReply("named", reply.ref).text("name", reply.name).append_to(out_);
    return true;
  }

  bool operator()(const HistoryReply& reply) {
    std::size_t bytes = kEnvelopeBytes;
    for (const MessagePtr& message : reply.messages) bytes += size_estimate(*message, form_);
    out_.reserve(out_.size() + bytes);
    open(reply.searched ? "search" : "history", reply.ref);
    out_ += ",\"room\":";
    json::append_quoted(out_, reply.room);
    out_ += ",\"epoch\":";
    json::append_quoted(out_, reply.epoch);
    out_ += ",\"seq\":";
    json::append_number(out_, reply.seq);
    out_ += reply.complete ? ",\"complete\":true" : ",\"complete\":false";
    if (reply.before_seq != 0) {
      out_ += ",\"before\":";
      json::append_number(out_, reply.before_seq);
    }
    out_ += ",\"messages\":[";
    bool first = true;
    for (const MessagePtr& message : reply.messages) {
      if (!first) out_ += ',';
      first = false;
      append_chat_v1(out_, *message, form_);
    }
    out_ += "]}";
    return true;
  }

  bool operator()(const MembersReply& reply) {
    open("members", reply.ref);
    out_ += ",\"room\":";
    json::append_quoted(out_, reply.room);
    out_ += reply.list->encoded(members_text);
    return true;
  }

  bool operator()(const PresenceReply& reply) {
    open("presence", reply.ref);
    out_ += ",\"room\":";
    json::append_quoted(out_, reply.room);
    out_ += ',';
    append_presence(out_, *reply.notice);
    out_ += '}';
    return true;
  }

  bool operator()(const ModeratedReply& reply) {
    SmallReply small("moderated", reply.ref);
    small.text("room", reply.room).text("action", std::string(action_name(reply.action))).append_to(out_);
    return true;
  }

  bool operator()(const RoomsReply& reply) {
    open("rooms", reply.ref);
    out_ += reply.list->encoded(rooms_text);
    return true;
  }

  bool operator()(const GapReply& reply) {
    SmallReply small("gap");
    if (!reply.room.empty()) small.text("room", reply.room);
    if (!reply.epoch.empty()) small.text("epoch", reply.epoch);
    if (reply.first_seq != 0) small.number("from", reply.first_seq).number("to", reply.last_seq);
    small.number("dropped", reply.dropped).append_to(out_);
    return true;
  }

  bool operator()(const PongReply& reply) {
    open("pong", reply.ref);
    out_ += '}';
    return true;
  }

  // chat.v1 has no such reply: its clients close the WebSocket.
  bool operator()(const DisconnectedReply&) { return false; }

  bool operator()(const ErrorReply& reply) {
    SmallReply small("error", reply.ref);
    small.text("code", error_name(reply.code)).reason(reply.reason);
    if (reply.retry_after_ms > 0) small.number("retry_after_ms", static_cast<std::uint64_t>(reply.retry_after_ms));
    small.append_to(out_);
    return true;
  }

 private:
  void open(std::string_view type, const std::string& ref) {
    out_ += "{\"type\":\"";
    out_ += type;
    out_ += '"';
    append_ref(out_, ref);
  }

  std::string& out_;
  const ChatV1Form& form_;
};

}  // namespace

bool append_chat_v1(std::string& out, const Reply& reply, const ChatV1Form& form) {
  return std::visit(ReplyWriter(out, form), reply);
}

}  // namespace chat::wire
