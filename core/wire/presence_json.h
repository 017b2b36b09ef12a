// Presence notices as JSON, the same in all protocols: docs/presence.md.
#pragma once

#include <string>

#include "model/presence.h"

namespace chat::wire {

// Appends the members of the object, without its braces: "count":3,"people":[...]
void append_presence(std::string& out, const PresenceNotice& notice);

}  // namespace chat::wire
