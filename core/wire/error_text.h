// How protocols report an error to a client: its name, and a reason that is safe to send. Pure functions.
#pragma once

#include <string>

#include "model/types.h"

namespace chat::wire {

// The lower-case name of a chat_error. Errors that are never sent to clients are "internal".
const char* error_name(Error code);

// Makes a text from the application valid UTF-8. The application may have cut it inside a character; in that case every
// byte outside ASCII is replaced by "?".
std::string valid_reason(std::string reason);

}  // namespace chat::wire
