// The offset of connection state recovery. The server appends it to an event as the last argument, and the client
// returns it when it reconnects. Clients treat it as opaque; here it identifies a message.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/command.h"
#include "model/message.h"

namespace chat::wire {

struct SocketIoOffset {
  Position position;
  std::string room;  // empty: the namespace's room
};

// Appends "epoch:seq", followed by ":room" for a message of a room other than own_room.
void append_offset(std::string& out, const Message& message, std::string_view own_room);

// Returns nullopt when the text is not an offset of this server, for example because the client's last event ended with
// another string.
std::optional<SocketIoOffset> parse_offset(std::string_view text);

}  // namespace chat::wire
