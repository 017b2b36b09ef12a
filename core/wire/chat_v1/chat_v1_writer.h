// Writes the server's messages in chat.v1 (docs/protocol.md). Frequent messages (message, ack, pong) and payloads are
// appended directly; cJSON builds the other replies, whose strings contain no NUL.
#pragma once

#include <string>

#include "model/command.h"
#include "model/message.h"

namespace chat::wire {

// Appends the JSON text of a message.
void append_chat_v1(std::string& out, const Message& message);

// Appends the JSON text of a reply. Returns false when there is nothing to send, for example an ack without a ref.
bool append_chat_v1(std::string& out, const Reply& reply);

}  // namespace chat::wire
