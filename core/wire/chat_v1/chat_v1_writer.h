// Writes what the server says in chat.v1 (docs/protocol.md). What is said for every message
// (message, ack, pong) and what holds payloads is appended by hand; cJSON builds the rare and small
// replies, whose strings hold no NUL.
#pragma once

#include <string>

#include "model/command.h"
#include "model/message.h"

namespace chat::wire {

void append_chat_v1(std::string& out, const Message& message);

// False: there is nothing to say, as for an ack without a ref.
bool append_chat_v1(std::string& out, const Reply& reply);

}  // namespace chat::wire
