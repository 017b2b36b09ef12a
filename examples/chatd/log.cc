// See log.h.
#include "log.h"

#include <unistd.h>

#include <string>

namespace chatd {
namespace {

timeval now() {
  timeval time{};
  gettimeofday(&time, nullptr);
  return time;
}

std::string dropped_line(const LogStyle& style, std::size_t count) {
  const std::string number = std::to_string(count);
  return format_line(style, now(), CHAT_LOG_WARNING, number + " log lines were dropped, because the log was not read",
                     {{"dropped", number}});
}

}  // namespace

Log::Log(const LogStyle& style, chat_log_level highest)
    : style_(style),
      highest_(highest == 0 ? CHAT_LOG_INFO : highest),
      writer_(STDERR_FILENO, [style](std::size_t count) { return dropped_line(style, count); }) {}

void Log::line(chat_log_level level, std::string_view text, const LogFields& fields) {
  if (level <= highest_) writer_.write(format_line(style_, now(), level, text, fields));
}

LogStyle style_of_standard_error(LogFormat format) { return {format, is_journal(STDERR_FILENO)}; }

void report(const LogStyle& style, chat_log_level level, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const bool plain = style.format == LogFormat::text && !style.journal;
    write_briefly(STDERR_FILENO, plain ? "chatd: " + line + "\n" : format_line(style, now(), level, line));
  }
}

}  // namespace chatd
