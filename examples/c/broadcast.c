/*
 * A chat in thirty lines: all clients of /chat receive all messages, and this program prints what happens.
 *
 *   broadcast [PORT]        the default is 3000; 0 takes any free port
 *   wscat -c ws://localhost:3000/chat
 */
#include <chat/chat.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void on_open(chat_server *server, const chat_client_event *event, void *user) {
  (void)server, (void)user;
  printf("%s has come to %s\n", event->name, event->room);
}

static void on_disconnect(chat_server *server, const chat_client_event *event, void *user) {
  (void)server, (void)user;
  printf("%s has gone (%d)\n", event->name, event->close_code);
}

/* The message has a length: it may contain NUL and is not terminated by one. */
static chat_verdict on_message(chat_server *server, chat_message_event *event, void *user) {
  const chat_message *message = event->message;
  (void)server, (void)user;
  printf("%s in %s: ", message->from_name, message->room);
  fwrite(message->data, 1, message->data_size, stdout);
  putchar('\n');
  return CHAT_PASS; /* all members of the room receive it */
}

int main(int argc, char **argv) {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  chat_server *server;
  sigset_t end;
  int number;

  setvbuf(stdout, NULL, _IOLBF, 0);
  options.port = argc > 1 ? atoi(argv[1]) : 3000;
  options.callbacks.on_open = on_open;
  options.callbacks.on_disconnect = on_disconnect;
  options.callbacks.on_message = on_message;

  /* Blocked before the server starts its threads, so that sigwait() below receives the signals. */
  sigemptyset(&end);
  sigaddset(&end, SIGINT);
  sigaddset(&end, SIGTERM);
  sigprocmask(SIG_BLOCK, &end, NULL);

  if (chat_server_start(&options, &server) != CHAT_OK) {
    fprintf(stderr, "broadcast: %s\n", chat_error_message());
    return 1;
  }
  printf("listening on port %d\n", chat_server_port(server));

  sigwait(&end, &number);
  chat_server_free(server); /* closes all connections first */
  return 0;
}
