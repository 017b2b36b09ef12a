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

void append_value(std::string& out, const Moderation& what) {
  switch (what.action) {
    case ModerationAction::ban:
    case ModerationAction::mute:
      out += ",\"duration_ms\":";
      json::append_number(out, what.duration_ms);
      break;
    case ModerationAction::slow_mode:
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
  auto message = std::make_shared<Message>();
  message->room = record.what.room;
  message->event = kModerationEvent;
  message->kind = PayloadKind::args;
  message->ephemeral = true;
  message->event_kind = RoomEventKind::moderation;
  std::string& out = message->payload;
  out = R"([{"action":")";
  out += action_name(record.what.action);
  out += '"';
  append_text(out, "user", record.what.user_id);
  append_text(out, "name", record.target_name);
  append_text(out, "by", record.actor.name);
  append_value(out, record.what);
  append_text(out, "reason", record.what.reason);
  out += "}]";
  return message;
}

}  // namespace chat
