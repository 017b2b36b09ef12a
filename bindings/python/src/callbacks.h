// The callbacks that the library calls. The options' user pointer is the Core.
#pragma once

#include "chat/chat.h"
#include "core.h"

namespace pychat {

// Sets those of `wanted`, and all others always. The presence of on_authorize changes the default policy.
void fill_callbacks(chat_callbacks& callbacks, const Wanted& wanted);

}  // namespace pychat
