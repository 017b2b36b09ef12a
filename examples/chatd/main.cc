// chatd, the daemon: libchat's options on the command line or in a file, a log on standard error, and signal handling.
// The library does the rest; this program uses only chat.h.
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "check.h"
#include "cluster_status.h"
#include "daemon.h"
#include "log.h"
#include "options.h"

namespace {

constexpr int kExitFaulty = 1;
constexpr int kExitUsage = 2;

std::string lines_of(const std::vector<chatd::Fault>& faults) {
  std::string lines;
  for (const chatd::Fault& fault : faults) lines += fault.text + "\n";
  return lines;
}

int check(chatd::Options& options, const chatd::LogStyle& style) {
  const int code = options.faults.empty() ? kExitFaulty : kExitUsage;
  const chatd::Findings found = chatd::check(options);
  chatd::report(style, CHAT_LOG_ERROR, lines_of(found.faults));
  chatd::report(style, CHAT_LOG_WARNING, lines_of(found.warnings));
  if (!found.faults.empty()) return code;
  std::puts("ok");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  chatd::Options options;
  const chatd::Parsed parsed = chatd::parse_options(argc, argv, options);
  const chatd::LogStyle style = chatd::style_of_standard_error(options.log_format);
  switch (parsed.next) {
    case chatd::Parsed::Next::print:
      std::fputs(parsed.text.c_str(), stdout);
      return 0;
    case chatd::Parsed::Next::refuse:
      chatd::report(style, CHAT_LOG_ERROR, parsed.text);
      chatd::write_briefly(STDERR_FILENO, "Try chatd --help.\n");
      return kExitUsage;
    case chatd::Parsed::Next::start:
      break;
  }
  if (options.cluster_status) return chatd::print_cluster_status(options);
  return options.check_only ? check(options, style) : chatd::run(options);
}
