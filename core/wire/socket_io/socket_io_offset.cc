// See socket_io_offset.h.
#include "wire/socket_io/socket_io_offset.h"

#include "model/names.h"
#include "wire/json/json.h"

namespace chat::wire {

void append_offset(std::string& out, const Message& message, std::string_view own_room) {
  out += message.epoch;  // letters and digits only
  out += ':';
  json::append_number(out, message.seq);
  if (message.room == own_room) return;
  out += ':';
  out += message.room;
}

std::optional<SocketIoOffset> parse_offset(std::string_view text) {
  const std::size_t first = text.find(':');
  if (first == 0 || first == std::string_view::npos || first > kMaxNameBytes) return std::nullopt;
  const std::size_t second = text.find(':', first + 1);
  const std::optional<std::uint64_t> seq = json::parse_unsigned(text.substr(first + 1, second - first - 1));
  if (!seq || *seq == 0) return std::nullopt;
  SocketIoOffset offset{{std::string(text.substr(0, first)), *seq}, {}};
  if (second != std::string_view::npos) {
    offset.room = text.substr(second + 1);
    if (!check_room_name(offset.room).ok()) return std::nullopt;
  }
  return offset;
}

}  // namespace chat::wire
