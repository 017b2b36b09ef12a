// The callbacks that the library calls. The options' user pointer is the Core.
#pragma once

#include "chat/chat.h"

namespace pychat {

// Sets on_authorize and on_published only when a listener exists. The presence of on_authorize changes the default
// policy.
void fill_callbacks(chat_callbacks& callbacks, bool with_authorize, bool with_published);

}  // namespace pychat
