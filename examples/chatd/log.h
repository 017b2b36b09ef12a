// chatd's log on standard error: one line per event. Logging does not block on the reader.
#pragma once

#include <chat/chat.h>

#include <string_view>

#include "log_format.h"
#include "log_writer.h"

namespace chatd {

class Log {
 public:
  // Starts a thread, which inherits the signal mask. Lines above `highest` are omitted; 0 is the library's default. The
  // destructor writes queued lines within a bounded time.
  Log(const LogStyle& style, chat_log_level highest);

  // Any thread may call it.
  void line(chat_log_level level, std::string_view text, const LogFields& fields = {});

 private:
  const LogStyle style_;
  const chat_log_level highest_;
  LogWriter writer_;
};

// The style for standard error.
LogStyle style_of_standard_error(LogFormat format);

// Writes each line of `text` when there is no log yet or any more.
void report(const LogStyle& style, chat_log_level level, std::string_view text);

}  // namespace chatd
