/* Starts a server with the default options, prints its warnings and its port, and serves until its input ends. */
#include <chat/chat.h>
#include <stdio.h>

static void on_log(chat_server *server, chat_log_level level, const char *text, void *user) {
  (void)server, (void)user;
  if (level <= CHAT_LOG_WARNING) printf("warning: %s\n", text);
}

int main(void) {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  chat_server *server;
  options.address = "127.0.0.1";
  options.callbacks.on_log = on_log;
  if (chat_server_start(&options, &server) != CHAT_OK) {
    fprintf(stderr, "%s\n", chat_error_message());
    return 1;
  }
  printf("port %d\n", chat_server_port(server));
  fflush(stdout);
  while (getchar() != EOF) continue;
  return chat_server_free(server) == CHAT_OK ? 0 : 1;
}
