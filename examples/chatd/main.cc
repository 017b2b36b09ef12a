// chatd, the daemon: libchat's options on a command line or in a file, its log on standard error, and the signals of a
// service.
// Everything else is the library's; this program uses chat.h alone.
#include <chat/chat.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "check.h"
#include "log.h"
#include "options.h"

namespace {

constexpr int kExitStartFailed = 1;
constexpr int kExitUsage = 2;

void on_log(chat_server*, chat_log_level level, const char* text, void*) { chatd::log_line(level, text); }

// Log lines of chatd itself, filtered by the log level.
void log(const chatd::Options& options, chat_log_level level, const std::string& text) {
  const chat_log_level highest = options.server.log_level;
  if (level <= (highest == 0 ? CHAT_LOG_INFO : highest)) chatd::log_line(level, text);
}

bool has_joined(chat_server* server, chat_client_id client, const char* room) {
  struct Search {
    std::string_view room;
    bool found = false;
  } search{room};
  const auto look = [](const chat_client* seen, void* user) {
    auto* wanted = static_cast<Search*>(user);
    for (std::size_t i = 0; i < seen->room_count; ++i) wanted->found |= wanted->room == seen->rooms[i];
    return 0;
  };
  return chat_client_info(server, client, look, &search) == CHAT_OK && search.found;
}

// By default the library does not let clients list rooms and members. --lists allows both. With the chat page, clients
// may list the members of rooms that they are in.
chat_verdict on_authorize(chat_server* server, chat_authorize_event* event, void* user) {
  const auto& options = *static_cast<const chatd::Options*>(user);
  if (options.lists) return CHAT_PASS;
  const bool refused = event->action == CHAT_ACTION_ROOMS ||
                       (event->action == CHAT_ACTION_MEMBERS && !has_joined(server, event->client, event->room));
  if (refused) std::snprintf(event->reason, sizeof event->reason, "not allowed on this server");
  return refused ? CHAT_REFUSE : CHAT_PASS;
}

struct ServerDeleter {
  void operator()(chat_server* server) const { chat_server_free(server); }
};
using Server = std::unique_ptr<chat_server, ServerDeleter>;

sigset_t service_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
  return set;
}

void exit_at_once(int number) { _exit(128 + number); }

// The drain runs from here on. A second signal ends the process without waiting for it.
void let_second_signal_exit() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM}) {
    signal(number, exit_at_once);
    sigaddset(&set, number);
  }
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

// Whether the terminal from which chatd was started still exists.
bool has_terminal() {
  const int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

// Without a terminal chatd is a daemon. With nohup(1), which ignores SIGHUP, it must outlive its terminal.
bool ends_with_terminal() {
  struct sigaction action {};
  return sigaction(SIGHUP, nullptr, &action) == 0 && action.sa_handler != SIG_IGN && has_terminal();
}

void reload_tls(chat_server* server, const chatd::Options& options) {
  if (options.tls_certificate.empty()) {
    log(options, CHAT_LOG_INFO, "SIGHUP: without TLS there is nothing to reload");
  } else if (chat_server_reload_tls(server) == CHAT_OK) {
    log(options, CHAT_LOG_INFO, "SIGHUP: certificate and key reloaded");
  } else {
    log(options, CHAT_LOG_ERROR,
        std::string("SIGHUP: reloading failed, the old certificate stays in use: ") + chat_error_message());
  }
}

void announce(const chat_server* server, const chatd::Options& options) {
  const int port = chat_server_port(server);
  if (options.unix_path.empty()) {
    log(options, CHAT_LOG_INFO, "listening on port " + std::to_string(port));
  } else {
    log(options, CHAT_LOG_INFO, "listening on " + options.unix_path);
  }
  if (options.print_port) {
    std::printf("%d\n", port);
    std::fflush(stdout);
  }
}

int run(chatd::Options& options) {
  // This runs before the first thread exists. The library's threads inherit the mask, so only sigwait() below receives
  // the signals.
  const sigset_t signals = service_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  const bool ends_with_its_terminal = ends_with_terminal();

  options.server.callbacks.on_log = on_log;
  options.server.user = &options;
  if (options.lists || options.server.chat_page_path != nullptr) options.server.callbacks.on_authorize = on_authorize;
  chat_server* started = nullptr;
  if (chat_server_start(&options.server, &started) != CHAT_OK) {
    std::fprintf(stderr, "chatd: %s\n", options.explain(chat_error_message()).c_str());
    return kExitStartFailed;
  }
  const Server server(started);  // drained and freed when this function returns
  announce(server.get(), options);

  for (;;) {
    int number = 0;
    sigwait(&signals, &number);
    if (number == SIGHUP && !(ends_with_its_terminal && !has_terminal())) {
      reload_tls(server.get(), options);
      continue;
    }
    log(options, CHAT_LOG_INFO, "stopping");
    let_second_signal_exit();
    return 0;
  }
}

int check(chatd::Options& options) {
  const std::string wrong = chatd::find_fault(options);
  if (wrong.empty()) {
    std::puts("ok");
    return 0;
  }
  std::fprintf(stderr, "chatd: %s\n", wrong.c_str());
  return kExitStartFailed;
}

}  // namespace

int main(int argc, char** argv) {
  chatd::Options options;
  const chatd::Parsed parsed = chatd::parse_options(argc, argv, options);
  switch (parsed.next) {
    case chatd::Parsed::Next::print:
      std::fputs(parsed.text.c_str(), stdout);
      return 0;
    case chatd::Parsed::Next::refuse:
      std::fprintf(stderr, "chatd: %s\nTry chatd --help.\n", parsed.text.c_str());
      return kExitUsage;
    case chatd::Parsed::Next::start:
      break;
  }
  return options.check_only ? check(options) : run(options);
}
