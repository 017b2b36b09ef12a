// See log_format.h.
#include "log_format.h"

#include <cjson/cJSON.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>

namespace chatd {
namespace {

// Even when every character needs an escape in JSON, a line of this size stays below kMaxLineBytes.
constexpr std::size_t kMaxTextBytes = 1'900;

struct Level {
  const char* name;
  char priority;  // syslog priority
};

Level describe(chat_log_level level) {
  switch (level) {
    case CHAT_LOG_ERROR:
      return {"error", '3'};
    case CHAT_LOG_WARNING:
      return {"warning", '4'};
    case CHAT_LOG_INFO:
      return {"info", '6'};
    case CHAT_LOG_DEBUG:
      return {"debug", '7'};
  }
  return {"?", '5'};
}

bool continues(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
}

// Returns the length of the first UTF-8 character (RFC 3629); 0 when it is invalid or a control character.
std::size_t printable_bytes(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  if (first < 0xc2 || first > 0xf4 || !continues(text, 1)) return 0;
  const unsigned char second = at(1);
  // U+0080 to U+009F are control characters too.
  if (first < 0xe0) return first == 0xc2 && second < 0xa0 ? 0 : 2;
  if (!continues(text, 2)) return 0;
  if (first < 0xf0) {
    const bool overlong = first == 0xe0 && second < 0xa0;
    const bool surrogate = first == 0xed && second >= 0xa0;
    return overlong || surrogate ? 0 : 3;
  }
  const bool out_of_range = (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90);
  return out_of_range || !continues(text, 3) ? 0 : 4;
}

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty() && result.size() < kMaxTextBytes) {
    const std::size_t size = printable_bytes(text);
    if (size == 0) {
      result += '?';
    } else {
      result += text.substr(0, size);
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return text.empty() ? result : result + "...";
}

// ISO 8601, UTC.
std::string time_text(timeval time) {
  tm utc{};
  gmtime_r(&time.tv_sec, &utc);
  char text[40];
  const std::size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text + length, sizeof text - length, ".%03dZ", static_cast<int>(time.tv_usec / 1000));
  return text;
}

std::string json_text(timeval time, const char* level, const std::string& message, const LogFields& fields) {
  const std::unique_ptr<cJSON, decltype(&cJSON_Delete)> object(cJSON_CreateObject(), cJSON_Delete);
  cJSON_AddStringToObject(object.get(), "time", time_text(time).c_str());
  cJSON_AddStringToObject(object.get(), "level", level);
  cJSON_AddStringToObject(object.get(), "message", message.c_str());
  for (const auto& [name, value] : fields) {
    cJSON_AddStringToObject(object.get(), std::string(name).c_str(), printable(value).c_str());
  }
  const std::unique_ptr<char, decltype(&cJSON_free)> text(cJSON_PrintUnformatted(object.get()), cJSON_free);
  return text ? text.get() : "{}";
}

}  // namespace

std::string format_line(const LogStyle& style, timeval time, chat_log_level level, std::string_view text,
                        const LogFields& fields) {
  const Level described = describe(level);
  const std::string message = printable(text);
  std::string line;
  if (style.journal) line.append("<").append(1, described.priority).append(">");
  if (style.format == LogFormat::json) {
    line += json_text(time, described.name, message, fields);
  } else {
    if (!style.journal) line += time_text(time) + " " + described.name + " chatd: ";
    line += message;
  }
  return line + "\n";
}

bool is_journal(int fd) {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status;
  if (stream == nullptr || fstat(fd, &status) != 0) return false;
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) == stream;
}

}  // namespace chatd
