/*
 * Echoes each message to its sender. Conformance suites for WebSocket servers run against it. It accepts the suites' longest
 * messages, and uses compression with clients that offer it.
 *
 *   echo_server [PORT]      the default is 0, any free port
 */
#include <chat/chat.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static chat_verdict on_message(chat_server *server, chat_message_event *event, void *user) {
  (void)user;
  if (chat_send(server, event->client, event->message) != CHAT_OK) {
    fprintf(stderr, "echo_server: %s\n", chat_error_message());
  }
  return CHAT_CONSUME;
}

int main(int argc, char **argv) {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  chat_endpoint endpoint = CHAT_ENDPOINT_INIT;
  chat_server *server = NULL;
  sigset_t end;
  int number;

  endpoint.path = "/";
  endpoint.protocol = CHAT_PROTOCOL_PLAIN;
  options.endpoints = &endpoint;
  options.endpoint_count = 1;
  options.address = "127.0.0.1";
  options.port = argc > 1 ? atoi(argv[1]) : 0;
  options.callbacks.on_message = on_message;
  options.max_message_bytes = 16 << 20;
  options.max_outbox_bytes = 64 << 20;
  options.max_outbox_messages = 1 << 20;
  options.inbound_rate = CHAT_UNLIMITED;
  options.history_off = 1;
  options.permessage_deflate = 1;

  /* Blocked before the server starts its thread, so that sigwait() receives the signals. */
  sigemptyset(&end);
  sigaddset(&end, SIGINT);
  sigaddset(&end, SIGTERM);
  sigprocmask(SIG_BLOCK, &end, NULL);
  if (chat_server_start(&options, &server) != CHAT_OK) {
    fprintf(stderr, "echo_server: %s\n", chat_error_message());
    return 1;
  }
  printf("listening on port %d\n", chat_server_port(server));
  fflush(stdout);
  sigwait(&end, &number);
  chat_server_free(server);
  return 0;
}
