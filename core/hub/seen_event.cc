// See seen_event.h.
#include "hub/seen_event.h"

#include <string>

#include "wire/json/json.h"

namespace chat {

std::shared_ptr<Message> seen_event(std::string_view room, std::uint64_t seq, Moment now) {
  auto message = std::make_shared<Message>();
  message->room = room;
  message->event = kSeenEvent;
  message->kind = PayloadKind::args;
  message->ephemeral = true;
  message->event_kind = RoomEventKind::seen;
  message->target_seq = seq;
  message->time_ms = now.time_ms;
  message->born_ms = now.age_ms;
  std::string& out = message->payload;
  out = R"([{"room":)";
  wire::json::append_quoted(out, room);
  out += ",\"seq\":";
  wire::json::append_number(out, seq);
  out += "}]";
  return message;
}

}  // namespace chat
