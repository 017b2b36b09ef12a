// What the protocols tell of an error: its name, and a reason that can be sent.
#pragma once

#include <string>

#include "model/types.h"

namespace chat::wire {

// The lower-case name of chat_error. Numbers that no client is ever told are "internal".
const char* error_name(Error code);

// Text for people that may come from the application, which may have cut it in the middle of a
// character: then ? stands for every byte that is not ASCII.
std::string valid_reason(std::string reason);

}  // namespace chat::wire
