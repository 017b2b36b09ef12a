// Converts an event's arguments into the payload of a draft. All protocols and the C API share it: a single string of a
// "chat message" becomes text, a single attachment becomes bytes (is_single_binary), and other arguments are kept as
// written.
#pragma once

#include <string_view>

#include "model/message.h"
#include "model/types.h"

namespace chat::wire {

// Sets kind and payload of a draft whose event and attachments are set. Errors: those of check_args().
Status set_args(MessageDraft& draft, std::string_view args);

// Like set_args(), for arguments that check_args() has already accepted.
void set_checked_args(MessageDraft& draft, std::string_view args);

}  // namespace chat::wire
