/*
 * The middle column of docs/porting-from-socket.io.md as a program. It answers like tests/porting/porting.mjs. Each event of
 * a client runs one line of the table, and the result is the answer.
 *
 *   porting PORT
 */
#include <chat/chat.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_GONE = 32, MAX_FOUND = 32, TEXT_BYTES = 1024 };

static char gone[MAX_GONE][64]; /* one loop thread: no lock */
static int gone_count;
static uint64_t question_ack; /* the client that requested the question waits for its answer */
static chat_client_id question_client;

static chat_message said(const char *event, const char *args) {
  chat_message message = CHAT_MESSAGE_INIT;
  message.event = event;
  message.payload = CHAT_PAYLOAD_ARGS;
  message.data = args;
  message.data_size = strlen(args);
  return message;
}

static chat_verdict on_connect(chat_server *server, chat_connect_event *event, void *user) {
  (void)user;
  if (strcmp(event->token, "secret") != 0) {
    snprintf(event->reason, sizeof(event->reason), "unknown token");
    return CHAT_REFUSE;
  }
  for (size_t i = 0; i < event->query_count; i++) {
    if (strcmp(event->query[i].name, "greeting") != 0) continue;
    chat_client_set_user(server, event->client, strdup(event->query[i].value));
  }
  return CHAT_PASS;
}

static void on_open(chat_server *server, const chat_client_event *event, void *user) {
  chat_message welcome = CHAT_MESSAGE_INIT;
  (void)user;
  welcome.event = "welcome";
  welcome.data = event->socket_id;
  welcome.data_size = strlen(event->socket_id);
  chat_send(server, event->client, &welcome);
}

static void on_disconnect(chat_server *server, const chat_client_event *event, void *user) {
  (void)server, (void)user;
  if (gone_count < MAX_GONE) snprintf(gone[gone_count++], sizeof(gone[0]), "%s", event->socket_id);
  free(event->user);
}

/* The data of a visit of clients. */
typedef struct visit {
  chat_server *server;
  chat_client_id found[MAX_FOUND];
  int count;
  char *text; /* NULL, or the text that rooms are appended to */
} visit;

static int collect(const chat_client *client, void *user) {
  visit *self = user;
  for (int i = 0; i < self->count; i++) {
    if (self->found[i] == client->id) return 0;
  }
  if (self->count < MAX_FOUND) self->found[self->count++] = client->id;
  return 0;
}

static int join_blue(const chat_client *client, void *server) { return chat_join(server, client->id, "blue"), 0; }

static int leave_blue(const chat_client *client, void *server) { return chat_leave(server, client->id, "blue"), 0; }

static int close_connection(const chat_client *client, void *server) {
  return chat_close_connection(server, client->id, NULL), 0;
}

static void add_room(char *text, const char *room) {
  if (strcmp(room, "lobby") == 0 || strcmp(room, "dev") == 0) return;
  snprintf(text + strlen(text), TEXT_BYTES - strlen(text), "%s\"%s\"", *text == '\0' ? "" : ",", room);
}

static int write_rooms(const chat_client *client, void *text) {
  for (size_t i = 0; i < client->room_count; i++) add_room(text, client->rooms[i]);
  return 0;
}

static int write_transport(const chat_client *client, void *text) {
  snprintf(text, TEXT_BYTES, "\"%s\"", client->transport == CHAT_TRANSPORT_POLLING ? "polling" : "websocket");
  return 0;
}

static int write_room(const chat_room *room, void *text) {
  if (room->member_count > 0) add_room(text, room->name);
  return 0;
}

/* io.to(["red", "blue"]).except("green") */
static void send_to_rooms(chat_server *server, const chat_message *message) {
  visit all = {server, {0}, 0, NULL}, without = all;
  chat_members(server, "red", collect, &all);
  chat_members(server, "blue", collect, &all);
  chat_members(server, "green", collect, &without);
  for (int i = 0; i < all.count; i++) {
    int excepted = 0;
    for (int j = 0; j < without.count; j++) excepted |= without.found[j] == all.found[i];
    if (!excepted) chat_send(server, all.found[i], message);
  }
}

/* Runs one line of the table. The answer is written to `result`; empty when it comes later. */
static void run(chat_server *server, const chat_message_event *event, const char *name, const char *text,
                char *result) {
  const chat_client_id self = event->client;
  chat_message message = said("said", "[\"hi\"]");
  chat_client_id client = 0;
  chat_stats stats = {0};
  visit members = {server, {0}, 0, NULL};
  char rooms[TEXT_BYTES] = "";
  if (strcmp(name, "emit") == 0) {
    message = said("said", "[1,\"two\"]");
    chat_send(server, self, &message);
  } else if (strcmp(name, "emit-bytes") == 0) {
    message.payload = CHAT_PAYLOAD_BINARY, message.data = "\1\2\3", message.data_size = 3;
    chat_send(server, self, &message);
  } else if (strcmp(name, "to-all") == 0) {
    message.room = "lobby";
    chat_publish(server, &message, NULL);
  } else if (strcmp(name, "broadcast") == 0) {
    message.room = "lobby", message.except = self;
    chat_publish(server, &message, NULL);
  } else if (strcmp(name, "join") == 0) {
    chat_join(server, self, text);
  } else if (strcmp(name, "leave") == 0) {
    chat_leave(server, self, text);
  } else if (strcmp(name, "to-room") == 0) {
    message.room = "red";
    chat_publish(server, &message, NULL);
  } else if (strcmp(name, "to-room-but-me") == 0) {
    message.room = "red", message.except = self;
    chat_publish(server, &message, NULL);
  } else if (strcmp(name, "to-rooms") == 0) {
    send_to_rooms(server, &message);
  } else if (strcmp(name, "to-id") == 0) {
    if (chat_find_client(server, text, &client) == CHAT_OK) chat_send(server, client, &message);
  } else if (strcmp(name, "has-id") == 0) {
    strcpy(result, chat_find_client(server, text, &client) == CHAT_OK ? "true" : "false");
  } else if (strcmp(name, "to-namespace") == 0) {
    message.room = "dev";
    chat_publish(server, &message, NULL);
  } else if (strcmp(name, "volatile") == 0) {
    message = said("said", "[\"tick\"]");
    chat_send(server, self, &message);
  } else if (strcmp(name, "ask") == 0) {
    message = said("question", "[42]");
    chat_send_with_ack(server, self, &message, 5000, NULL);
    *result = '\0';
  } else if (strcmp(name, "ask-patiently") == 0) {
    message = said("question", "[42]");
    chat_send_with_ack(server, self, &message, CHAT_UNLIMITED, NULL);
    *result = '\0';
  } else if (strcmp(name, "data") == 0) {
    snprintf(result, TEXT_BYTES, "\"%s\"", (const char *)event->user);
  } else if (strcmp(name, "id") == 0) {
    snprintf(result, TEXT_BYTES, "\"%s\"", event->socket_id);
  } else if (strcmp(name, "rooms") == 0) {
    chat_client_info(server, self, write_rooms, rooms);
    snprintf(result, TEXT_BYTES, "[%.900s]", rooms);
  } else if (strcmp(name, "all-rooms") == 0) {
    chat_rooms(server, write_room, rooms);
    snprintf(result, TEXT_BYTES, "[%.900s]", rooms);
  } else if (strcmp(name, "fetch") == 0) {
    chat_members(server, "red", collect, &members);
    snprintf(result, TEXT_BYTES, "%d", members.count);
  } else if (strcmp(name, "count") == 0) {
    stats.struct_size = CHAT_STATS_SIZE;
    chat_server_stats(server, &stats);
    snprintf(result, TEXT_BYTES, "%d", (int)stats.clients_now);
  } else if (strcmp(name, "transport") == 0) {
    chat_client_info(server, self, write_transport, result);
  } else if (strcmp(name, "sockets-join") == 0) {
    chat_members(server, "red", join_blue, server);
  } else if (strcmp(name, "sockets-leave") == 0) {
    chat_members(server, "red", leave_blue, server);
  } else if (strcmp(name, "go") == 0) {
    chat_kick(server, self, NULL);
  } else if (strcmp(name, "disconnect-all") == 0) {
    chat_close_connection(server, self, NULL);
  } else if (strcmp(name, "disconnect-room") == 0) {
    chat_members(server, "red", close_connection, server);
  } else if (strcmp(name, "gone") == 0 && gone_count > 0) {
    snprintf(result, TEXT_BYTES, "\"%s\"", gone[0]);
    memmove(gone, gone + 1, sizeof(gone) - sizeof(gone[0]));
    gone_count--;
  }
}

static chat_verdict on_message(chat_server *server, chat_message_event *event, void *user) {
  const chat_message *message = event->message;
  char text[TEXT_BYTES] = "", args[TEXT_BYTES + 2], result[TEXT_BYTES] = "null";
  (void)user;
  sscanf(message->data, "[\"%1000[^\"]", text); /* its only argument, if any */
  run(server, event, message->event, text, result);
  if (*result == '\0') {
    question_ack = event->ack_id;
    question_client = event->client;
    return CHAT_CONSUME;
  }
  const int size = snprintf(args, sizeof(args), "[%s]", result);
  if (event->ack_id != 0) chat_reply(server, event->client, event->ack_id, args, (size_t)size, NULL, 0);
  return CHAT_CONSUME;
}

static void on_ack(chat_server *server, const chat_ack_event *event, void *user) {
  (void)user;
  if (event->error == CHAT_OK) {
    chat_reply(server, question_client, question_ack, event->args, event->args_size, NULL, 0);
  }
}

int main(int argc, char **argv) {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  chat_server *server;
  sigset_t end;
  int number;
  setvbuf(stdout, NULL, _IOLBF, 0);
  options.address = "127.0.0.1";
  options.port = argc > 1 ? atoi(argv[1]) : 0;
  options.recovery_window_ms = CHAT_UNLIMITED;
  options.callbacks.on_connect = on_connect;
  options.callbacks.on_open = on_open;
  options.callbacks.on_disconnect = on_disconnect;
  options.callbacks.on_message = on_message;
  options.callbacks.on_ack = on_ack;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  sigaddset(&end, SIGINT);
  sigprocmask(SIG_BLOCK, &end, NULL);
  if (chat_server_start(&options, &server) != CHAT_OK) {
    fprintf(stderr, "porting: %s\n", chat_error_message());
    return 1;
  }
  printf("listening on port %d\n", chat_server_port(server));
  sigwait(&end, &number);
  chat_server_free(server);
  return 0;
}
