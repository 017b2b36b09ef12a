// chatd's log on standard error: one line for each event. Nothing here waits for whoever reads it.
#pragma once

#include <chat/chat.h>

#include <string_view>

#include "log_format.h"
#include "log_writer.h"

namespace chatd {

class Log {
 public:
  // Lines above `highest` are left out; 0 is the library's default. Starts a thread, which inherits the signal mask. What is
  // queued at the end is written within a bounded time.
  Log(const LogStyle& style, chat_log_level highest);

  // Any thread.
  void line(chat_log_level level, std::string_view text, const LogFields& fields = {});

 private:
  const LogStyle style_;
  const chat_log_level highest_;
  LogWriter writer_;
};

// The style for standard error.
LogStyle style_of_standard_error(LogFormat format);

// Reports each line of `text` before or without a log.
void report(const LogStyle& style, chat_log_level level, std::string_view text);

}  // namespace chatd
