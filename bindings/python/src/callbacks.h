// The functions that the library calls; they find the Core in the options' user pointer.
#pragma once

#include "chat/chat.h"

namespace pychat {

// on_authorize is only there when somebody answers it, since its presence changes what is allowed.
void fill_callbacks(chat_callbacks& callbacks, bool with_authorize, bool with_published);

}  // namespace pychat
