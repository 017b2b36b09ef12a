// How a line of the log looks: as text with its time and level, as text for systemd's journal, which keeps both itself, or as
// a JSON object.
#pragma once

#include <chat/chat.h>
#include <sys/time.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chatd {

enum class LogFormat { text = 1, json = 2 };

// Names and values beside time, level and message. Only the JSON format shows them.
using LogFields = std::vector<std::pair<std::string_view, std::string>>;

struct LogStyle {
  LogFormat format = LogFormat::text;
  bool journal = false;  // begin each line with its priority, "<6>", as sd-daemon(3) describes
};

// One line with its newline, of at most kMaxLineBytes. The text may quote what clients sent: control characters and bytes that
// are not UTF-8 become '?', so that it cannot forge another line or control a terminal.
std::string format_line(const LogStyle& style, timeval time, chat_log_level level, std::string_view text,
                        const LogFields& fields = {});

// Whether the descriptor is connected to the journal (JOURNAL_STREAM, systemd.exec(5)).
bool is_journal(int fd);

}  // namespace chatd
