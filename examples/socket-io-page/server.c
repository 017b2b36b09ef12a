/*
 * The server of this page in C: relays messages to all, and typing, arrivals and departures to the others.
 *
 *   server [PORT [DIR]]        the defaults are 3000 and the current folder; PORT 0 takes any free port
 *   cc -o server server.c $(pkg-config --cflags --libs libchat)
 */
#include <chat/chat.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM "lobby" /* the namespace "/" */

static void publish(chat_server *server, const char *event, const char *text, chat_client_id except) {
  chat_message message = CHAT_MESSAGE_INIT;
  message.room = ROOM;
  message.event = event;
  message.data = text;
  message.data_size = strlen(text);
  message.except = except;
  message.ephemeral = 1;
  chat_publish(server, &message, NULL);
}

/* io.on("connection", (socket) => socket.broadcast.emit("user connected", "a user connected")) */
static void on_open(chat_server *server, const chat_client_event *event, void *user) {
  (void)user;
  publish(server, "user connected", "a user connected", event->client);
}

/* socket.on("disconnect", () => io.emit("user disconnected", "a user disconnected")) */
static void on_disconnect(chat_server *server, const chat_client_event *event, void *user) {
  (void)event, (void)user;
  publish(server, "user disconnected", "a user disconnected", 0);
}

static chat_verdict on_message(chat_server *server, chat_message_event *event, void *user) {
  const chat_message *said = event->message;
  (void)server, (void)user;
  /* socket.on("chat message", (text) => io.emit("chat message", text)) */
  if (strcmp(said->event, "chat message") == 0) return CHAT_PASS;
  /* socket.on("typing", (id) => socket.broadcast.emit("typing", id)) */
  if (strcmp(said->event, "typing") == 0) {
    chat_message message = *said;
    message.except = event->client;
    message.ephemeral = 1;
    chat_message_event_replace(event, &message);
    return CHAT_PASS;
  }
  return CHAT_CONSUME; /* other events have no listener */
}

int main(int argc, char **argv) {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  chat_static_mount files = CHAT_STATIC_MOUNT_INIT;
  chat_server *server;
  sigset_t end;
  int number;

  setvbuf(stdout, NULL, _IOLBF, 0);
  files.path = "/";
  files.directory = argc > 2 ? argv[2] : ".";
  options.static_mounts = &files;
  options.static_mount_count = 1;
  options.port = argc > 1 ? atoi(argv[1]) : 3000;
  options.callbacks.on_open = on_open;
  options.callbacks.on_disconnect = on_disconnect;
  options.callbacks.on_message = on_message;
  sigemptyset(&end);
  sigaddset(&end, SIGINT);
  sigaddset(&end, SIGTERM);
  sigprocmask(SIG_BLOCK, &end, NULL);
  if (chat_server_start(&options, &server) != CHAT_OK) {
    fprintf(stderr, "server: %s\n", chat_error_message());
    return 1;
  }
  printf("listening on port %d\n", chat_server_port(server));
  sigwait(&end, &number);
  chat_server_free(server);
  return 0;
}
