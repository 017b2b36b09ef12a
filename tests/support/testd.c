/*
 * Embeds one or more servers and does in their callbacks what a test asks for, to test what a daemon cannot do. It reports
 * each event as a JSON object on one line of standard output. Commands are lines of standard input with words separated by
 * tabs; each is answered by a line of type "result". The end of input stops the servers and the program.
 *
 *   testd [NAME=VALUE ...]    servers=2, stop_in=on_open, and the options of testd_options.h
 *
 * testd_application.h describes the requests of clients, testd_speech.h the form of events.
 */
#include <chat/chat.h>
#include <poll.h>
#include <unistd.h>

#include "support/json_line.h"
#include "support/testd_application.h"
#include "support/testd_options.h"

enum { MAX_SERVERS = 4, MAX_WORDS = 24, LINE_BYTES = 1 << 22 };

static instance instances[MAX_SERVERS];

static int visit_client(const chat_client *client, void *user) {
  json_line line = begin("client", user);
  json_id(&line, "client", client->id);
  json_string(&line, "name", client->identity->name);
  json_string(&line, "user_id", client->identity->user_id);
  json_string(&line, "address", client->address);
  json_string(&line, "socket_id", client->socket_id);
  json_number(&line, "protocol", client->protocol);
  json_number(&line, "transport", client->transport);
  json_number(&line, "connected_at_ms", client->connected_at_ms);
  json_open(&line, "rooms", "[");
  for (size_t i = 0; i < client->room_count; i++) json_string(&line, NULL, client->rooms[i]);
  json_close(&line, "]");
  json_end(&line);
  return 0;
}

static int visit_room(const chat_room *room, void *user) {
  json_line line = begin("room", user);
  json_string(&line, "name", room->name);
  json_string(&line, "epoch", room->epoch);
  json_number(&line, "seq", (int64_t)room->seq);
  json_number(&line, "members", (int64_t)room->member_count);
  json_number(&line, "history", (int64_t)room->history_count);
  json_end(&line);
  return 0;
}

static int visit_message(const chat_message *message, void *user) {
  json_line line = begin("kept", user);
  print_message(&line, message);
  json_end(&line);
  return 0;
}

static chat_error print_stats(instance *self) {
  chat_stats stats;
  chat_error error;
  json_line line = begin("stats", self);
  memset(&stats, 0, sizeof(stats));
  stats.struct_size = CHAT_STATS_SIZE;
  error = chat_server_stats(self->server, &stats);
  json_number(&line, "connections_now", (int64_t)stats.connections_now);
  json_number(&line, "clients_now", (int64_t)stats.clients_now);
  json_number(&line, "clients_total", (int64_t)stats.clients_total);
  json_number(&line, "rooms_now", (int64_t)stats.rooms_now);
  json_number(&line, "messages_in", (int64_t)stats.messages_in);
  json_number(&line, "messages_refused", (int64_t)stats.messages_refused);
  json_number(&line, "messages_published", (int64_t)stats.messages_published);
  json_number(&line, "deliveries", (int64_t)stats.deliveries);
  json_number(&line, "drops", (int64_t)stats.drops);
  json_number(&line, "slow_disconnects", (int64_t)stats.slow_disconnects);
  json_number(&line, "bytes_in", (int64_t)stats.bytes_in);
  json_number(&line, "bytes_out", (int64_t)stats.bytes_out);
  json_number(&line, "http_requests", (int64_t)stats.http_requests);
  json_number(&line, "plain_now", (int64_t)stats.clients_now_by_protocol[CHAT_PROTOCOL_PLAIN]);
  json_number(&line, "chat_v1_now", (int64_t)stats.clients_now_by_protocol[CHAT_PROTOCOL_CHAT_V1]);
  json_number(&line, "socket_io_now", (int64_t)stats.clients_now_by_protocol[CHAT_PROTOCOL_SOCKET_IO]);
  json_number(&line, "socket_io_in", (int64_t)stats.messages_in_by_protocol[CHAT_PROTOCOL_SOCKET_IO]);
  json_number(&line, "socket_io_deliveries", (int64_t)stats.deliveries_by_protocol[CHAT_PROTOCOL_SOCKET_IO]);
  json_number(&line, "stomp_now", (int64_t)stats.clients_now_by_protocol[CHAT_PROTOCOL_STOMP]);
  json_number(&line, "http_now", (int64_t)stats.clients_now_by_protocol[CHAT_PROTOCOL_HTTP]);
  json_number(&line, "http_in", (int64_t)stats.messages_in_by_protocol[CHAT_PROTOCOL_HTTP]);
  json_number(&line, "http_deliveries", (int64_t)stats.deliveries_by_protocol[CHAT_PROTOCOL_HTTP]);
  json_number(&line, "websocket_now", (int64_t)stats.clients_now_by_transport[0]);
  json_number(&line, "polling_now", (int64_t)stats.clients_now_by_transport[1]);
  json_number(&line, "streaming_now", (int64_t)stats.clients_now_by_transport[2]);
  json_end(&line);
  return error;
}

/* Reports "found" with the client, or 0 if there is none. */
static chat_error find_client(instance *self, const char *socket_id) {
  chat_client_id client = 1;
  const chat_error error = chat_find_client(self->server, socket_id, &client);
  json_line line = begin("found", self);
  json_id(&line, "client", client);
  json_end(&line);
  return error;
}

/* Parses [EVENT ARGS FLAGS ...] from the words, starting at `from`. Flags: see take_flags(). */
static void take_speech(speech *said, const char *room, char **words, int count, int from) {
  memset(said, 0, sizeof(*said));
  said->message = args_message(room, words[from], words[from + 1]);
  if (count > from + 2) take_flags(said, words + from + 2, count - from - 2);
}

/*
 * The commands that publish or send, with the words after the server:
 *
 *   broadcast ROOM TEXT                            publish ROOM EVENT ARGS [FLAG ...]
 *   send CLIENT TEXT, or EVENT ARGS [FLAG ...]     send-user USER_ID, the same
 *   send-ack CLIENT EVENT ARGS TIMEOUT_MS [FLAG ...]; the result has the ack_id, the event "ack" comes later
 *   reply CLIENT ACK_ID ARGS [bin:HEX ...]
 */
static int run_speech(const instance *self, char **words, int count, chat_error *error, uint64_t *ack_id) {
  chat_server *server = self->server;
  const char *name = words[0], *room = words[2];
  const chat_client_id client = room == NULL ? 0 : strtoull(room, NULL, 10);
  speech said;
  if (strcmp(name, "broadcast") == 0) {
    *error = chat_broadcast(server, room, words[3], strlen(words[3]));
  } else if (strcmp(name, "publish") == 0) {
    take_speech(&said, room, words, count, 3);
    *error = chat_publish(server, &said.message, NULL);
  } else if (strcmp(name, "send") == 0 || strcmp(name, "send-user") == 0) {
    take_speech(&said, NULL, words, count, 3);
    if (count <= 4) said.message = text_message(NULL, words[3] == NULL ? "" : words[3]);
    *error = strcmp(name, "send") == 0 ? chat_send(server, client, &said.message)
                                       : chat_send_user(server, room, &said.message);
  } else if (strcmp(name, "send-ack") == 0) {
    take_speech(&said, NULL, words, count, 3);
    *error = chat_send_with_ack(server, client, &said.message, atoll(words[5]), ack_id);
  } else if (strcmp(name, "reply") == 0) {
    take_speech(&said, NULL, words, count, 3);
    *error = reply(server, client, strtoull(words[3], NULL, 10), &said.message);
  } else {
    return 0;
  }
  return 1;
}

/* decide SERVER CLIENT DECISION pass|refuse|consume [REASON] [TEXT]; TEXT replaces the message. */
static chat_error decide_later(chat_server *server, chat_client_id client, char **words) {
  const chat_verdict verdict = strcmp(words[1], "pass") == 0     ? CHAT_PASS
                               : strcmp(words[1], "refuse") == 0 ? CHAT_REFUSE
                                                                 : CHAT_CONSUME;
  const int replaces = words[3] != NULL && *words[3] != '\0';
  const chat_message message = text_message(NULL, replaces ? words[3] : "");
  return chat_decide(server, client, strtoull(words[0], NULL, 10), verdict, words[2], replaces ? &message : NULL);
}

/* moderate SERVER ROOM ACTION USER DURATION_MS VALUE REASON */
static chat_error moderate(chat_server *server, char **words) {
  chat_moderation moderation = CHAT_MODERATION_INIT;
  moderation.room = words[2];
  moderation.action = (chat_moderation_action)atoi(words[3]);
  moderation.user_id = words[4];
  moderation.duration_ms = atoll(words[5]);
  moderation.value = atoll(words[6]);
  moderation.reason = words[7];
  return chat_moderate(server, &moderation);
}

/* Runs COMMAND SERVER ...: missing words are empty, "-" is NULL. */
static chat_error run_command(instance *self, char **words) {
  chat_server *server = self->server;
  const char *name = words[0];
  chat_client_id client = words[2] == NULL ? 0 : strtoull(words[2], NULL, 10);
  chat_identity identity = CHAT_IDENTITY_INIT;
  identity.user_id = words[3];
  identity.name = words[4];
  if (strcmp(name, "accept") == 0) return chat_accept(server, client, &identity);
  if (strcmp(name, "refuse") == 0) {
    return chat_refuse(server, client, words[3], words[4] == NULL || *words[4] == '\0' ? NULL : words[4]);
  }
  if (strcmp(name, "decide") == 0) return decide_later(server, client, words + 3);
  if (strcmp(name, "identity") == 0) return chat_set_identity(server, client, &identity);
  if (strcmp(name, "kick") == 0) return chat_kick(server, client, words[3]);
  if (strcmp(name, "close-connection") == 0) return chat_close_connection(server, client, words[3]);
  if (strcmp(name, "find") == 0) return find_client(self, words[2]);
  if (strcmp(name, "join") == 0) return chat_join(server, client, words[3]);
  if (strcmp(name, "leave") == 0) return chat_leave(server, client, words[3]);
  if (strcmp(name, "ban") == 0) return chat_ban(server, client, words[3], atoi(words[4]), words[5]);
  if (strcmp(name, "ban-user") == 0) return chat_ban_user(server, words[2], words[3], atoi(words[4]), words[5]);
  if (strcmp(name, "close-room") == 0) return chat_close_room(server, words[2], words[3]);
  if (strcmp(name, "moderate") == 0) return moderate(server, words);
  if (strcmp(name, "set-role") == 0) return chat_set_role(server, words[2], words[3], (chat_role)atoi(words[4]));
  if (strcmp(name, "set-presence") == 0)
    return chat_room_set_presence(server, words[2], (chat_presence_level)atoi(words[3]));
  if (strcmp(name, "info") == 0) return chat_client_info(server, client, visit_client, self);
  if (strcmp(name, "members") == 0) return chat_members(server, words[2], visit_client, self);
  if (strcmp(name, "rooms") == 0) return chat_rooms(server, visit_room, self);
  if (strcmp(name, "history") == 0) {
    return chat_history(server, words[2], strtoull(words[3], NULL, 10), (size_t)atoi(words[4]), visit_message, self);
  }
  if (strcmp(name, "stats") == 0) return print_stats(self);
  if (strcmp(name, "stop") == 0) return chat_server_stop(server), CHAT_OK;
  if (strcmp(name, "free") == 0) {
    self->server = NULL;
    return chat_server_free(server);
  }
  return CHAT_ERROR_UNSUPPORTED;
}

static void take_line(char *text) {
  char *words[MAX_WORDS];
  char empty[] = "";
  int count = 0;
  for (char *rest = text; rest != NULL && count < MAX_WORDS; count++) {
    char *tab = strchr(rest, '\t');
    if (tab != NULL) *tab++ = '\0';
    words[count] = strcmp(rest, "-") == 0 ? NULL : rest;
    rest = tab;
  }
  for (int i = count; i < MAX_WORDS; i++) words[i] = empty;
  instance *self = &instances[atoi(words[1]) % MAX_SERVERS];
  chat_error error = CHAT_OK;
  uint64_t ack_id = 0;
  if (!run_speech(self, words, count, &error, &ack_id)) error = run_command(self, words);
  print_ack_result(self, words[0], error, ack_id);
}

/* Returns 0 at the end of input. */
static int take_input(void) {
  static char input[LINE_BYTES];
  static size_t size;
  const ssize_t got = read(STDIN_FILENO, input + size, sizeof(input) - size - 1);
  if (got <= 0) return 0;
  size += (size_t)got;
  input[size] = '\0';
  char *start = input;
  for (char *end; (end = strchr(start, '\n')) != NULL; start = end + 1) {
    *end = '\0';
    take_line(start);
  }
  size = (size_t)(input + size - start);
  memmove(input, start, size);
  return 1;
}

static int set_option(chat_server_options *options, const char *name, char *value, int *servers) {
  if (strcmp(name, "servers") == 0) return *servers = atoi(value), *servers >= 1 && *servers <= MAX_SERVERS;
  if (strcmp(name, "stop_in") == 0) return stop_in = value, 1;
  return set_server_option(options, name, value);
}

static int start(instance *self, int number, chat_server_options options) {
  self->number = number;
  options.user = self;
  if (chat_server_start(&options, &self->server) != CHAT_OK) {
    fprintf(stderr, "testd: %s\n", chat_error_message());
    return 0;
  }
  json_line line = begin("listening", self);
  json_number(&line, "port", chat_server_port(self->server));
  json_end(&line);
  return 1;
}

/* Processes input, and with threads = 0 drives the servers, until the end of input. */
static void run(int servers) {
  for (;;) {
    struct pollfd ready[1 + MAX_SERVERS] = {{STDIN_FILENO, POLLIN, 0}};
    for (int i = 0; i < servers; i++) {
      ready[1 + i].fd = instances[i].server == NULL ? -1 : chat_server_fd(instances[i].server);
      ready[1 + i].events = POLLIN;
    }
    if (poll(ready, (nfds_t)(1 + servers), -1) < 0) return;
    for (int i = 0; i < servers; i++) {
      if (ready[1 + i].revents == 0 || chat_server_poll(instances[i].server, 0) != CHAT_ERROR_STOPPED) continue;
      print_result(&instances[i], "stopped", chat_server_free(instances[i].server));
      instances[i].server = NULL;
    }
    if (ready[0].revents != 0 && !take_input()) return;
  }
}

int main(int argc, char **argv) {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  int servers = 1;
  options.address = "127.0.0.1";
  options.callbacks.on_connect = on_connect;
  options.callbacks.on_open = on_open;
  options.callbacks.on_disconnect = on_disconnect;
  options.callbacks.on_abandon = on_abandon;
  options.callbacks.on_authorize = on_authorize;
  options.callbacks.on_join = on_join;
  options.callbacks.on_leave = on_leave;
  options.callbacks.on_message = on_message;
  options.callbacks.on_log = on_log;
  options.callbacks.on_ack = on_ack;
  options.callbacks.on_audit = on_audit;
  options.callbacks.on_report = on_report;
  for (int i = 1; i < argc; i++) {
    char *value = strchr(argv[i], '=');
    if (value != NULL) *value++ = '\0';
    if (value == NULL || !set_option(&options, argv[i], value, &servers)) {
      fprintf(stderr, "testd: unknown option %s\n", argv[i]);
      return 2;
    }
  }
  for (int i = 0; i < servers; i++) {
    if (!start(&instances[i], i, options)) return 1;
  }
  run(servers);
  for (int i = 0; i < servers; i++) chat_server_stop(instances[i].server);
  for (int i = 0; i < servers; i++) {
    if (chat_server_free(instances[i].server) != CHAT_OK) return 1;
  }
  return 0;
}
