// Each line is written with one call, so that lines of several threads do not mix.
#include "log.h"

#include <sys/time.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <string>

namespace chatd {
namespace {

const char* name_of(chat_log_level level) {
  switch (level) {
    case CHAT_LOG_ERROR:
      return "error";
    case CHAT_LOG_WARNING:
      return "warning";
    case CHAT_LOG_INFO:
      return "info";
    case CHAT_LOG_DEBUG:
      return "debug";
  }
  return "?";
}

// A line may quote client data, which must not forge another line or control the terminal.
void append_printable(std::string& line, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    line += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
}

}  // namespace

void log_line(chat_log_level level, std::string_view text) {
  timeval now{};
  tm utc{};
  gettimeofday(&now, nullptr);
  gmtime_r(&now.tv_sec, &utc);
  char time[32];
  const std::size_t length = strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(time + length, sizeof(time) - length, ".%03dZ", static_cast<int>(now.tv_usec / 1000));

  std::string line = time;
  line += ' ';
  line += name_of(level);
  line += " chatd: ";
  append_printable(line, text);
  line += '\n';
  // A failed write of a log line must not stop the server.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace chatd
