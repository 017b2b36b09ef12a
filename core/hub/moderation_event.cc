// See moderation_event.h.
#include "hub/moderation_event.h"

#include <string>
#include <string_view>

#include "wire/json/json.h"

namespace chat {
namespace {

namespace json = wire::json;

void append_text(std::string& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  out += ",\"";
  out += name;
  out += "\":";
  json::append_quoted(out, text);
}

std::shared_ptr<Message> event_in(const std::string& room) {
  auto message = std::make_shared<Message>();
  message->room = room;
  message->event = kModerationEvent;
  message->kind = PayloadKind::args;
  message->ephemeral = true;
  message->event_kind = RoomEventKind::moderation;
  return message;
}

void append_value(std::string& out, const Moderation& what) {
  switch (what.action) {
    case ModerationAction::ban:
    case ModerationAction::mute:
      out += ",\"duration_ms\":";
      json::append_number(out, what.duration_ms);
      break;
    case ModerationAction::slow_mode:
    case ModerationAction::no_repeats:
    case ModerationAction::no_links:
    case ModerationAction::hold_first:
      out += ",\"value\":";
      json::append_number(out, what.value);
      break;
    case ModerationAction::members_only:
    case ModerationAction::read_only:
      out += what.value != 0 ? ",\"value\":true" : ",\"value\":false";
      break;
    case ModerationAction::role:
      append_text(out, "value", role_name(static_cast<Role>(what.value)));
      break;
    default:
      break;
  }
}

}  // namespace

std::shared_ptr<Message> moderation_event(const AuditRecord& record) {
  auto message = event_in(record.what.room);
  std::string& out = message->payload;
  out = R"([{"action":")";
  out += action_name(record.what.action);
  out += '"';
  const bool decides =
      record.what.action == ModerationAction::approve || record.what.action == ModerationAction::reject;
  if (decides && record.what.client != 0) append_text(out, "client", std::to_string(record.what.client));
  append_text(out, "user", record.what.user_id);
  append_text(out, "name", record.target_name);
  append_text(out, "by", record.actor.name);
  append_value(out, record.what);
  append_text(out, "reason", record.what.reason);
  out += "}]";
  return message;
}

std::shared_ptr<Message> held_event(const MessageDraft& held, std::int64_t left_ms) {
  auto message = event_in(held.room);
  std::string& out = message->payload;
  out = R"([{"action":"held")";
  append_text(out, "client", std::to_string(held.sender.id));
  append_text(out, "user", held.sender.user_id);
  append_text(out, "name", held.sender.name);
  out += ",\"duration_ms\":";
  json::append_number(out, left_ms);
  append_text(out, "event", held.event);
  if (held.kind == PayloadKind::text) {
    out += ",\"text\":";
    json::append_quoted(out, held.payload);
  } else {
    out += ",\"args\":";
    out += held.payload;
  }
  out += "}]";
  return message;
}

}  // namespace chat
