/*
 * Starts servers where libwebsockets' libuv plugin is not to be found, which check_missing_plugin.sh
 * sees to: each start with TLS fails, says why, and leaves nothing behind. Without TLS a server starts.
 * What is wrong goes to descriptor 3, for nothing else may be printed at all.
 */
#include <chat/chat.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "support/tls_options.h"

static int reasons;          /* lines of log that name the plugin */
static int descriptors = -1; /* after the first start: libuv keeps two of its own for as long as the process lives */

static void on_log(chat_server *server, chat_log_level level, const char *text, void *user) {
  (void)server, (void)level, (void)user;
  if (strstr(text, "evlib_uv") != NULL) reasons++;
}

static int descriptor_count(void) {
  DIR *directory = opendir("/proc/self/fd");
  int count = 0;
  if (directory == NULL) return -1;
  while (readdir(directory) != NULL) count++;
  closedir(directory);
  return count;
}

/* The number of faults. */
static int try_start(int threads) {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  chat_server *server = (chat_server *)&options; /* to see that it becomes NULL */
  struct sigaction pipe_action;
  chat_error error;
  int faults = 0;
  options.address = "127.0.0.1";
  options.threads = threads;
  options.callbacks.on_log = on_log;
  use_tls(&options);
  reasons = 0;
  error = chat_server_start(&options, &server);
#define CHECK(condition) \
  if (!(condition)) faults++, dprintf(3, "threads = %d: not so: %s\n", threads, #condition)
  CHECK(error == CHAT_ERROR_EVENT_LOOP);
  CHECK(server == NULL);
  CHECK(strstr(chat_error_message(), "libwebsockets-evlib-uv") != NULL);
  CHECK(reasons > 0);
  CHECK(descriptors == -1 || descriptor_count() == descriptors);
  CHECK(sigaction(SIGPIPE, NULL, &pipe_action) == 0 && pipe_action.sa_handler == SIG_DFL);
  options.tls_certificate_file = options.tls_private_key_file = NULL;
  CHECK(chat_server_start(&options, &server) == CHAT_OK);
  CHECK(chat_server_free(server) == CHAT_OK);
#undef CHECK
  descriptors = descriptor_count();
  if (faults != 0) dprintf(3, "the message is: %s\n", chat_error_message());
  return faults;
}

int main(void) {
  static const int threads[] = {1, 2, 0, 4, 1};
  int faults = 0;
  size_t i;
  signal(SIGPIPE, SIG_DFL);
  for (i = 0; i < sizeof threads / sizeof threads[0]; i++) faults += try_start(threads[i]);
  return faults != 0;
}
