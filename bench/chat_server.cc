// libchat as a program embeds it: one thread, the default endpoint and history. Only the inbound rate limit is off,
// because the benchmark's publishers send as fast as they can. Uses only chat.h.
#include <chat/chat.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  // Blocked before the server starts its threads, so that sigwait() below receives the signals.
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGINT);
  sigaddset(&end, SIGTERM);
  sigprocmask(SIG_BLOCK, &end, nullptr);

  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  options.address = "127.0.0.1";
  options.port = argc > 1 ? std::atoi(argv[1]) : 0;
  options.threads = 1;
  options.inbound_rate = CHAT_UNLIMITED;
  // All clients connect from this machine.
  options.max_clients_per_address = CHAT_UNLIMITED;
  options.max_connections_per_address = CHAT_UNLIMITED;
  options.max_queued_bytes_per_address = CHAT_UNLIMITED;
  options.drain_timeout_ms = 1;

  chat_server* server = nullptr;
  if (chat_server_start(&options, &server) != CHAT_OK) {
    std::fprintf(stderr, "chat_server: %s\n", chat_error_message());
    return 1;
  }
  std::printf("listening on port %d\n", chat_server_port(server));
  std::fflush(stdout);

  int number = 0;
  sigwait(&end, &number);
  chat_server_free(server);
  return 0;
}
