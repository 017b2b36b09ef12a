// The offset of connection state recovery: what the server appends to an event as a last argument,
// and the client gives back when it reconnects. To the client it is any string; here it names the
// message.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/command.h"
#include "model/message.h"

namespace chat::wire {

struct SocketIoOffset {
  Position position;
  std::string room;  // empty: the namespace's own
};

// epoch:seq, and :room behind it for a message of another room than the namespace's.
void append_offset(std::string& out, const Message& message, std::string_view own_room);

// nullopt: not one of ours, as when the last string that the client heard was none.
std::optional<SocketIoOffset> parse_offset(std::string_view text);

}  // namespace chat::wire
