// chatd's log: one line on standard error for each event, with its time (UTC) and level. Any thread.
#pragma once

#include <chat/chat.h>

#include <string_view>

namespace chatd {

void log_line(chat_log_level level, std::string_view text);

}  // namespace chatd
