/*
 * A game whose own loop drives the chat: threads = 0, and chat_server_poll() once per frame at 60 Hz. Callbacks run
 * inside that call, so the game needs no lock. A client moves with the event "move" [dx, dy]. The world is sent twenty
 * times a second as the ephemeral event "world", which is neither numbered nor kept. Other events are ordinary chat.
 *
 *   game_loop [PORT]        the default is 3000; 0 takes any free port
 */
#include <chat/chat.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_PLAYERS = 64, FRAMES_PER_SECOND = 60, FRAMES_PER_WORLD = 3 };

typedef struct player {
  chat_client_id client; /* 0: unused */
  int x, y;
} player;
typedef struct game {
  player players[MAX_PLAYERS];
  unsigned long tick;
} game;

static volatile sig_atomic_t ended;

static void on_signal(int number) {
  (void)number;
  ended = 1;
}

/* When all places are taken, the client only watches. */
static void on_open(chat_server *server, const chat_client_event *event, void *user) {
  game *world = user;
  for (int i = 0; i < MAX_PLAYERS; i++) {
    if (world->players[i].client == 0) {
      world->players[i] = (player){event->client, 0, 0};
      chat_client_set_user(server, event->client, &world->players[i]);
      return;
    }
  }
}

static void on_disconnect(chat_server *server, const chat_client_event *event, void *user) {
  player *who = event->user;
  (void)server, (void)user;
  if (who != NULL) who->client = 0;
}

/* The game consumes moves, so they are not published; the next "world" contains them. */
static chat_verdict on_message(chat_server *server, chat_message_event *event, void *user) {
  const chat_message *message = event->message;
  player *who = event->user;
  char text[64];
  int dx, dy;
  (void)server, (void)user;
  if (strcmp(message->event, "move") != 0) return CHAT_PASS;
  snprintf(text, sizeof(text), "%.*s", (int)(message->data_size < 63 ? message->data_size : 63),
           (const char *)message->data);
  if (who == NULL || sscanf(text, " [ %3d , %3d", &dx, &dy) != 2) return CHAT_REFUSE;
  who->x += dx;
  who->y += dy;
  return CHAT_CONSUME;
}

static void publish_world(chat_server *server, const game *world) {
  char json[64 + MAX_PLAYERS * 80];
  const char *comma = "";
  int size = sprintf(json, "[{\"tick\":%lu,\"players\":[", world->tick);
  for (const player *p = world->players; p < world->players + MAX_PLAYERS; p++) {
    if (p->client == 0) continue;
    size +=
        sprintf(json + size, "%s{\"id\":\"%llu\",\"x\":%d,\"y\":%d}", comma, (unsigned long long)p->client, p->x, p->y);
    comma = ",";
  }
  size += sprintf(json + size, "]}]"); /* an entry takes less than 80 bytes: json cannot overflow */

  chat_message message = CHAT_MESSAGE_INIT;
  message.room = "lobby";
  message.event = "world";
  message.payload = CHAT_PAYLOAD_ARGS;
  message.data = json;
  message.data_size = (size_t)size;
  message.ephemeral = 1;
  chat_publish(server, &message, NULL);
}

int main(int argc, char **argv) {
  static game world;
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  chat_server *server;

  options.port = argc > 1 ? atoi(argv[1]) : 3000;
  options.threads = 0;
  options.user = &world;
  options.callbacks.on_open = on_open;
  options.callbacks.on_disconnect = on_disconnect;
  options.callbacks.on_message = on_message;
  if (chat_server_start(&options, &server) != CHAT_OK) {
    fprintf(stderr, "game_loop: %s\n", chat_error_message());
    return 1;
  }
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  printf("listening on port %d\n", chat_server_port(server));
  fflush(stdout);

  /* After chat_server_stop() the frames continue until all connections are closed. */
  while (chat_server_poll(server, 0) != CHAT_ERROR_STOPPED) {
    const struct timespec frame = {0, 1000000000L / FRAMES_PER_SECOND};
    if (ended) chat_server_stop(server);
    if (++world.tick % FRAMES_PER_WORLD == 0) publish_world(server, &world);
    nanosleep(&frame, NULL);
  }
  chat_server_free(server);
  return 0;
}
