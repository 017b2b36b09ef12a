/*
 * A Socket.IO server program in C for the official clients: it checks the token of `auth`, greets each client and waits for
 * its answer, answers an event, hides one event from its sender, and disconnects a client. Other events are relayed.
 *
 *   socket_io_app [PORT]        the default is 3000; 0 takes any free port. Tokens: ann-secret, bob-secret
 *
 *   const socket = io("http://localhost:3000", { auth: { token: "ann-secret" } });
 *   socket.on("welcome", (name, answer) => answer("hello", Uint8Array.of(1, 2)));
 *   socket.emit("upload", "a.bin", Uint8Array.of(1, 2, 3), ({ size }, begin) => ...);
 *   socket.emit("typing", { draft: 12 });       socket.emit("bye");
 */
#include <chat/chat.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *token, *user_id, *name;
} accounts[] = {{"ann-secret", "u-1", "Ann"}, {"bob-secret", "u-2", "Bob"}};

/* io.use((socket, next) => ...). A call of chat_accept() or chat_refuse() is the verdict, not the return value. */
static chat_verdict on_connect(chat_server *server, chat_connect_event *event, void *user) {
  (void)user;
  for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++) {
    chat_identity identity = CHAT_IDENTITY_INIT;
    if (strcmp(accounts[i].token, event->token) != 0) continue;
    identity.user_id = accounts[i].user_id;
    identity.name = accounts[i].name;
    chat_accept(server, event->client, &identity);
    return CHAT_PASS;
  }
  chat_refuse(server, event->client, "unknown token", "{\"code\":401}"); /* connect_error: message and data */
  return CHAT_REFUSE;
}

/* io.on("connection", (socket) => socket.timeout(5000).emit("welcome", name, (error, ...args) => ...)) */
static void on_open(chat_server *server, const chat_client_event *event, void *user) {
  chat_message message = CHAT_MESSAGE_INIT;
  (void)user;
  message.event = "welcome";
  message.data = event->name; /* text: one string argument */
  message.data_size = strlen(event->name);
  chat_send_with_ack(server, event->client, &message, 5000, NULL);
}

static void on_ack(chat_server *server, const chat_ack_event *event, void *user) {
  (void)server, (void)user;
  if (event->error != CHAT_OK) {
    printf("no answer: %s\n", chat_strerror(event->error));
    return;
  }
  printf("the answer: %.*s, attachments: %zu\n", (int)event->args_size, event->args, event->attachment_count);
}

static void on_disconnect(chat_server *server, const chat_client_event *event, void *user) {
  (void)server, (void)user;
  printf("%s has gone: %s\n", event->name, event->reason);
}

/* socket.on("upload", (name, file, answer) => answer({ size }, file.subarray(0, 4))) */
static chat_verdict answer_upload(chat_server *server, chat_message_event *event) {
  const chat_message *message = event->message;
  char args[80];
  chat_blob begin;
  int size;
  if (message->attachment_count != 1) {
    snprintf(event->reason, sizeof(event->reason), "a name and a file are wanted");
    return CHAT_REFUSE; /* the answer is {"error":"forbidden","reason":...} */
  }
  begin = message->attachments[0];
  size = snprintf(args, sizeof(args), "[{\"size\":%zu},{\"_placeholder\":true,\"num\":0}]", begin.size_bytes);
  if (begin.size_bytes > 4) begin.size_bytes = 4;
  if (event->ack_id != 0) chat_reply(server, event->client, event->ack_id, args, (size_t)size, &begin, 1);
  return CHAT_CONSUME; /* not published */
}

static chat_verdict on_message(chat_server *server, chat_message_event *event, void *user) {
  (void)user;
  if (strcmp(event->message->event, "upload") == 0) return answer_upload(server, event);
  if (strcmp(event->message->event, "typing") == 0) { /* socket.broadcast.emit("typing", ...args) */
    chat_message message = *event->message;
    message.except = event->client;
    message.ephemeral = 1;
    chat_message_event_replace(event, &message);
  } else if (strcmp(event->message->event, "bye") == 0) {
    chat_kick(server, event->client, "it said bye"); /* socket.disconnect() */
    return CHAT_CONSUME;
  }
  return CHAT_PASS; /* io.of(socket.nsp.name).emit(event, ...args) */
}

int main(int argc, char **argv) {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  chat_server *server;
  sigset_t end;
  int number;

  setvbuf(stdout, NULL, _IOLBF, 0);
  options.port = argc > 1 ? atoi(argv[1]) : 3000;
  options.callbacks.on_connect = on_connect;
  options.callbacks.on_open = on_open;
  options.callbacks.on_ack = on_ack;
  options.callbacks.on_message = on_message;
  options.callbacks.on_disconnect = on_disconnect;
  sigemptyset(&end);
  sigaddset(&end, SIGINT);
  sigaddset(&end, SIGTERM);
  sigprocmask(SIG_BLOCK, &end, NULL);
  if (chat_server_start(&options, &server) != CHAT_OK) {
    fprintf(stderr, "socket_io_app: %s\n", chat_error_message());
    return 1;
  }
  printf("listening on port %d\n", chat_server_port(server));
  sigwait(&end, &number);
  chat_server_free(server);
  return 0;
}
