// libchat as a program embeds it: the default endpoints and history, one thread unless told otherwise. The limits that a load
// from one machine would reach are off. Uses only chat.h.
//
// `broadcast COUNT BYTES` on standard input calls chat_broadcast() so many times from the main thread, and prints a line.
#include <chat/chat.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

namespace {

constexpr const char* kRoom = "room0";

// Messages that begin with '!' are handled by the application and not published.
chat_verdict consume(chat_server*, chat_message_event* event, void*) {
  const chat_message& message = *event->message;
  return message.data_size != 0 && *static_cast<const char*>(message.data) == '!' ? CHAT_CONSUME : CHAT_PASS;
}

double seconds_on(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void broadcast(chat_server* server, long count, std::size_t size) {
  static constexpr std::string_view kLabel = "@99999 0000000000 ";
  std::string text(std::max(size, kLabel.size()), 'x');
  text.replace(0, kLabel.size(), kLabel);
  const double begin_s = seconds_on(CLOCK_MONOTONIC);
  const double cpu_begin_s = seconds_on(CLOCK_THREAD_CPUTIME_ID);
  long failed = 0;
  for (long i = 0; i < count; ++i) failed += chat_broadcast(server, kRoom, text.data(), text.size()) != CHAT_OK;
  std::printf("{\"calls\":%ld,\"failed\":%ld,\"seconds\":%.6f,\"caller_cpu_s\":%.6f}\n", count, failed,
              seconds_on(CLOCK_MONOTONIC) - begin_s, seconds_on(CLOCK_THREAD_CPUTIME_ID) - cpu_begin_s);
  std::fflush(stdout);
}

// Returns false at the end of the input.
bool execute_input(chat_server* server) {
  char line[128];
  const ssize_t size = read(STDIN_FILENO, line, sizeof line - 1);
  if (size <= 0) return false;
  line[size] = '\0';
  if (std::strncmp(line, "broadcast ", 10) == 0) {
    char* end = nullptr;
    const long count = std::strtol(line + 10, &end, 10);
    broadcast(server, count, std::strtoul(end, nullptr, 10));
  }
  return true;
}

bool set_option(chat_server_options& options, std::string_view name, const char* value) {
  const std::map<std::string_view, int64_t*> numbers = {{"--flush-interval-ms", &options.flush_interval_ms},
                                                        {"--ping-interval-ms", &options.ping_interval_ms},
                                                        {"--inbound-rate", &options.inbound_rate},
                                                        {"--outbox-messages", &options.max_outbox_messages},
                                                        {"--outbox-bytes", &options.max_outbox_bytes}};
  const long number = std::atol(value);
  if (const auto found = numbers.find(name); found != numbers.end()) {
    *found->second = number;
  } else if (name == "--port") {
    options.port = static_cast<int>(number);
  } else if (name == "--threads") {
    options.threads = static_cast<int>(number);
  } else if (name == "--tls-certificate") {
    options.tls_certificate_file = value;
  } else if (name == "--tls-key") {
    options.tls_private_key_file = value;
  } else if (name == "--history") {
    options.history_path = value;
  } else if (name == "--cluster") {
    options.cluster = value;
  } else if (name == "--history-search") {
    options.history_search = static_cast<chat_history_search>(number);
  } else if (name == "--presence") {
    options.presence = static_cast<chat_presence_level>(number);
  } else if (name == "--consume") {
    options.callbacks.on_message = number != 0 ? consume : nullptr;
  } else {
    return false;
  }
  return true;
}

int usage() {
  std::fputs(
      "usage: bench_chat_server [--port P] [--threads N] [--flush-interval-ms N] [--ping-interval-ms N]\n"
      "                         [--inbound-rate N] [--outbox-messages N --outbox-bytes N]\n"
      "                         [--tls-certificate FILE --tls-key FILE] [--consume 1] [--history FILE "
      "[--history-search KIND]] [--cluster URL]\n"
      "                         [--presence LEVEL]\n",
      stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  // Blocked before the server starts its threads, so that the descriptor receives the signals.
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGINT);
  sigaddset(&end, SIGTERM);
  sigprocmask(SIG_BLOCK, &end, nullptr);

  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  options.address = "127.0.0.1";
  options.default_room = kRoom;
  options.inbound_rate = CHAT_UNLIMITED;
  // All clients connect from this machine.
  options.max_clients_per_address = CHAT_UNLIMITED;
  options.max_connections_per_address = CHAT_UNLIMITED;
  options.max_queued_bytes_per_address = CHAT_UNLIMITED;
  options.max_rooms_per_address = CHAT_UNLIMITED;
  options.max_memberships_per_address = CHAT_UNLIMITED;
  options.drain_timeout_ms = 1;
  if (argc % 2 == 0) return usage();
  for (int i = 1; i < argc; i += 2) {
    if (!set_option(options, argv[i], argv[i + 1])) return usage();
  }

  chat_server* server = nullptr;
  if (chat_server_start(&options, &server) != CHAT_OK) {
    std::fprintf(stderr, "chat_server: %s\n", chat_error_message());
    return 1;
  }
  std::printf("listening on port %d\n", chat_server_port(server));
  std::fflush(stdout);

  pollfd waited[] = {{signalfd(-1, &end, SFD_CLOEXEC), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  while (poll(waited, 2, -1) >= 0 && waited[0].revents == 0) {
    if (waited[1].revents != 0 && !execute_input(server)) waited[1].fd = -1;
  }
  chat_server_free(server);
  return 0;
}
