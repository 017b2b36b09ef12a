// Formats log lines: as text with time and level, as text for systemd's journal, which records both itself, or as JSON
// objects.
#pragma once

#include <chat/chat.h>
#include <sys/time.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chatd {

enum class LogFormat { text = 1, json = 2 };

// Additional names and values, which only the JSON format shows.
using LogFields = std::vector<std::pair<std::string_view, std::string>>;

struct LogStyle {
  LogFormat format = LogFormat::text;
  bool journal = false;  // start each line with its priority, "<6>" (sd-daemon(3))
};

// Returns one line with a newline, at most kMaxLineBytes. The text may quote clients, so control characters and invalid
// UTF-8 are replaced by '?': a client cannot forge a line or control a terminal.
std::string format_line(const LogStyle& style, timeval time, chat_log_level level, std::string_view text,
                        const LogFields& fields = {});

// True when the descriptor is connected to the journal (JOURNAL_STREAM, systemd.exec(5)).
bool is_journal(int fd);

}  // namespace chatd
