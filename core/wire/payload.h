// How an event's list of arguments becomes the payload of a draft, the same from every protocol and
// from the C API: a lone string of a "chat message" is text, a lone attachment is bytes
// (is_single_binary), anything else stays as it was written.
#pragma once

#include <string_view>

#include "model/message.h"
#include "model/types.h"

namespace chat::wire {

// Sets kind and payload. The draft has its event and its attachments already. Errors are those of
// check_args().
Status set_args(MessageDraft& draft, std::string_view args);

// The same for arguments that check_args() has passed already.
void set_checked_args(MessageDraft& draft, std::string_view args);

}  // namespace chat::wire
