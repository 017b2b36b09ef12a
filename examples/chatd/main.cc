// chatd, the daemon: libchat's options on a command line, its log on standard error, and the signals of a service.
// Everything else is the library's; this program uses chat.h alone.
#include <chat/chat.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "log.h"
#include "options.h"

namespace {

using chatd::log_line;

constexpr int kExitStartFailed = 1;
constexpr int kExitUsage = 2;

void on_log(chat_server*, chat_log_level level, const char* text, void*) { log_line(level, text); }

// With --lists everything is allowed; the library's own default keeps the lists of rooms and members to itself.
chat_verdict allow(chat_server*, chat_authorize_event*, void*) { return CHAT_PASS; }

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

// From here on the drain runs, and whoever is impatient need not wait for it.
void let_second_signal_exit() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM}) {
    signal(number, exit_at_once);
    sigaddset(&set, number);
  }
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void reload_tls(chat_server* server) {
  if (chat_server_reload_tls(server) == CHAT_OK) {
    log_line(CHAT_LOG_INFO, "SIGHUP: certificate and key read again");
  } else {
    log_line(CHAT_LOG_ERROR, std::string("SIGHUP: the old certificate stays: ") + chat_error_message());
  }
}

void announce(const chat_server* server, const chatd::Options& options) {
  const int port = chat_server_port(server);
  if (options.unix_path.empty()) {
    log_line(CHAT_LOG_INFO, "listening on port " + std::to_string(port));
  } else {
    log_line(CHAT_LOG_INFO, "listening on " + options.unix_path);
  }
  if (options.print_port) {
    std::printf("%d\n", port);
    std::fflush(stdout);
  }
}

int run(chatd::Options& options) {
  // Before the first thread exists: the library's threads inherit this, and sigwait() below is the one who gets them.
  const sigset_t signals = service_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  options.server.callbacks.on_log = on_log;
  if (options.lists) options.server.callbacks.on_authorize = allow;
  chat_server* started = nullptr;
  if (chat_server_start(&options.server, &started) != CHAT_OK) {
    std::fprintf(stderr, "chatd: %s\n", chat_error_message());
    return kExitStartFailed;
  }
  const Server server(started);  // freed, and drained, when this function is left
  announce(server.get(), options);

  for (;;) {
    int number = 0;
    sigwait(&signals, &number);
    // Without TLS there is nothing to reload, and SIGHUP says what it always did: the terminal has gone.
    if (number == SIGHUP && !options.tls_certificate.empty()) {
      reload_tls(server.get());
      continue;
    }
    log_line(CHAT_LOG_INFO, "stopping");
    let_second_signal_exit();
    return 0;
  }
}

}  // namespace

int main(int argc, char** argv) {
  chatd::Options options;
  const std::string wrong = chatd::parse_options(argc, argv, options);
  if (!wrong.empty()) {
    std::fprintf(stderr, "chatd: %s\nTry chatd --help.\n", wrong.c_str());
    return kExitUsage;
  }
  if (options.show_help) {
    std::fputs(chatd::help_text().c_str(), stdout);
    return 0;
  }
  if (options.show_version) {
    std::printf("chatd %s\n", chat_version());
    return 0;
  }
  return run(options);
}
