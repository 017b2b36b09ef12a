/*
 * Many Socket.IO clients that do what they should not, on a server whose application kicks, bans, closes rooms, joins and
 * refuses at any time, puts verdicts off and is stopped in the middle of it. Nothing is expected of what they hear; but whatever happens, the
 * application is told of each client's life in order, once, and nothing is left at the end.
 *
 * By default short. CHAT_CHAOS_SEED, CHAT_CHAOS_ROUNDS and CHAT_CHAOS_MS (of each round) make it another.
 */
#include "support/capi_test.h"

#include <pthread.h>

#include "support/ws_client.h"

enum { CLIENTS = 1 << 16, HANDS = 8, SOCKETS = 6, ANSWER_BYTES = 1 << 16 };

typedef struct life {
  int accepted, opens, joins, leaves, disconnects, inside;
} life;

static life lives[CLIENTS];
static unsigned char acks[1 << 20]; /* by ack_id */
static uint64_t newest, deferred[64];
static int ending, faults;

/* Verdicts that on_authorize and on_message have put off. Those that fall out of it are not given. */
typedef struct debt {
  uint64_t client, decision;
} debt;
static debt debts[16];
static pthread_mutex_t debts_mutex = PTHREAD_MUTEX_INITIALIZER;
static chat_server *server;

static void fault(const char *what, uint64_t id) {
  __atomic_add_fetch(&faults, 1, __ATOMIC_RELAXED);
  fprintf(stderr, "client %u: %s\n", (unsigned)id, what);
}

static life *life_of(uint64_t id) { return &lives[id % CLIENTS]; }
static int count(int *number) { return __atomic_add_fetch(number, 1, __ATOMIC_ACQ_REL); }
static int value(int *number) { return __atomic_load_n(number, __ATOMIC_ACQUIRE); }

static unsigned chance(unsigned *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return *seed >> 12;
}

static life *enter(uint64_t id, const char *what) {
  life *of = life_of(id);
  if (count(&of->inside) != 1) fault("callbacks overlap", id);
  if (value(&of->disconnects) != 0) fault(what, id);
  return of;
}
static void leave(life *of) { __atomic_sub_fetch(&of->inside, 1, __ATOMIC_ACQ_REL); }

/* The application's whims ------------------------------------------------------------------------------------------- */

static void act(chat_server *self, uint64_t id, unsigned *seed) {
  static const char *const rooms[] = {"lobby", "a", "b", "extra"};
  const char *room = rooms[chance(seed) % 4];
  char data[3000];
  chat_message message = CHAT_MESSAGE_INIT;
  memset(data, 'x', sizeof(data));
  message.room = room;
  message.data = data;
  message.data_size = chance(seed) % sizeof(data);
  switch (chance(seed) % 16) {
    case 0:
      chat_kick(self, id, "kicked");
      break;
    case 1:
      chat_ban(self, id, room, 1, "banned");
      break;
    case 2:
      chat_close_room(self, room, "closed");
      break;
    case 3:
    case 4:
      chat_join(self, id, room);
      break;
    case 5:
      chat_leave(self, id, room);
      break;
    case 6:
    case 7:
      chat_send(self, id, &message);
      break;
    case 8:
    case 9:
      chat_send_with_ack(self, id, &message, 50, NULL);
      break;
    case 10:
      message.room = NULL;
      chat_publish(self, &message, NULL);
      break;
    default:
      chat_publish(self, &message, NULL);
  }
}

static void maybe_act(chat_server *self, uint64_t id) {
  static unsigned salt;
  unsigned seed = __atomic_add_fetch(&salt, 1, __ATOMIC_RELAXED) * 2654435761u;
  if (chance(&seed) % 5 == 0) act(self, id, &seed);
}

static chat_verdict put_off(uint64_t client, uint64_t decision) {
  pthread_mutex_lock(&debts_mutex);
  debts[decision % 16].client = client;
  debts[decision % 16].decision = decision;
  pthread_mutex_unlock(&debts_mutex);
  return CHAT_DEFER;
}

static void decide_on_one(chat_server *self, unsigned *seed) {
  static const chat_verdict verdicts[] = {CHAT_PASS, CHAT_PASS, CHAT_REFUSE, CHAT_CONSUME};
  const unsigned place = chance(seed) % 16;
  debt owed;
  pthread_mutex_lock(&debts_mutex);
  owed = debts[place];
  debts[place].client = 0;
  pthread_mutex_unlock(&debts_mutex);
  if (owed.client != 0) chat_decide(self, owed.client, owed.decision, verdicts[chance(seed) % 4], NULL, NULL);
}

static chat_verdict on_connect(chat_server *self, chat_connect_event *event, void *user) {
  life *of = enter(event->client, "on_connect after on_disconnect");
  const unsigned kind = (unsigned)(event->client % 11);
  (void)user;
  __atomic_store_n(&newest, event->client, __ATOMIC_RELEASE);
  maybe_act(self, event->client);
  leave(of);
  if (kind == 0) {
    __atomic_store_n(&deferred[event->client % 64], event->client, __ATOMIC_RELEASE);
    return CHAT_DEFER;
  }
  if (kind == 1) return CHAT_REFUSE;
  count(&of->accepted);
  return CHAT_PASS;
}

static void on_open(chat_server *self, const chat_client_event *event, void *user) {
  life *of = enter(event->client, "on_open after on_disconnect");
  (void)user;
  if (count(&of->opens) != 1) fault("opened twice", event->client);
  if (event->recovered_from != 0) count(&of->accepted); /* on_connect was asked about the one before */
  maybe_act(self, event->client);
  leave(of);
}

static void on_join(chat_server *self, const chat_client_event *event, void *user) {
  life *of = enter(event->client, "on_join after on_disconnect");
  (void)user;
  count(&of->joins);
  maybe_act(self, event->client);
  leave(of);
}

static void on_leave(chat_server *self, const chat_client_event *event, void *user) {
  life *of = enter(event->client, "on_leave after on_disconnect");
  (void)user;
  if (count(&of->leaves) > value(&of->joins)) fault("on_leave without on_join", event->client);
  maybe_act(self, event->client);
  leave(of);
}

static void on_disconnect(chat_server *self, const chat_client_event *event, void *user) {
  life *of = enter(event->client, "a second on_disconnect");
  (void)user;
  if (value(&of->leaves) != value(&of->joins)) fault("on_disconnect without on_leave", event->client);
  maybe_act(self, event->client);
  count(&of->disconnects);
  leave(of);
}

static chat_verdict on_message(chat_server *self, chat_message_event *event, void *user) {
  life *of = enter(event->client, "on_message after on_disconnect");
  (void)user;
  maybe_act(self, event->client);
  leave(of);
  if (event->client % 3 == 0) return put_off(event->client, event->decision_id);
  return event->client % 7 == 0 ? CHAT_REFUSE : CHAT_PASS;
}

static chat_verdict on_authorize(chat_server *self, chat_authorize_event *event, void *user) {
  life *of = enter(event->client, "on_authorize after on_disconnect");
  (void)user;
  maybe_act(self, event->client);
  leave(of);
  return event->client % 5 == 0 ? put_off(event->client, event->decision_id) : CHAT_PASS;
}

static void on_ack(chat_server *self, const chat_ack_event *event, void *user) {
  life *of = enter(event->client, "on_ack after on_disconnect");
  (void)user;
  if (event->ack_id < sizeof(acks) && __atomic_exchange_n(&acks[event->ack_id], 1, __ATOMIC_ACQ_REL) != 0) {
    fault("two on_ack for one message", event->client);
  }
  maybe_act(self, event->client);
  leave(of);
}

/* A thread of the application's own: verdicts that were deferred, and more whims. */
static void *run_application(void *argument) {
  unsigned seed = *(unsigned *)argument;
  while (!value(&ending)) {
    const struct timespec pause = {0, (long)(chance(&seed) % 1000) * 1000};
    const uint64_t last = __atomic_load_n(&newest, __ATOMIC_ACQUIRE);
    const uint64_t waiting = __atomic_exchange_n(&deferred[chance(&seed) % 64], 0, __ATOMIC_ACQ_REL);
    if (waiting != 0 && waiting % 3 != 0) {
      if (chat_accept(server, waiting, NULL) == CHAT_OK) count(&life_of(waiting)->accepted);
    } else if (waiting != 0) {
      chat_refuse(server, waiting, "no", NULL);
    }
    decide_on_one(server, &seed);
    if (last != 0) act(server, last - chance(&seed) % (last < 20 ? last : 20), &seed);
    nanosleep(&pause, NULL); /* On purpose: its pace. */
  }
  return NULL;
}

/* The clients ------------------------------------------------------------------------------------------------------- */

typedef struct hand {
  unsigned seed;
  int port;
  int sockets[SOCKETS]; /* that were asked something, and may be abandoned */
  char answer[ANSWER_BYTES];
  char sid[64], pid[64], offset[128];
} hand;

static int dial(int port) {
  struct sockaddr_in address;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

static void forget(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

/* The answer is the caller's to wait for, or not. */
static int ask(hand *self, const char *method, const char *body) {
  char request[8192];
  int *slot = &self->sockets[chance(&self->seed) % SOCKETS];
  const int size = snprintf(request, sizeof(request),
                            "%s /socket.io/?EIO=4&transport=polling%s%s HTTP/1.1\r\nHost: localhost\r\n"
                            "Content-Length: %zu\r\n\r\n%s",
                            method, *self->sid == '\0' ? "" : "&sid=", self->sid, strlen(body), body);
  /* On the connection of an earlier request now and then, whatever became of that. */
  if (*slot < 0 || chance(&self->seed) % 4 != 0) {
    forget(slot);
    *slot = dial(self->port);
  }
  if (*slot >= 0) (void)!send(*slot, request, (size_t)size, MSG_NOSIGNAL);
  return *slot;
}

/* Keeps what it needs to come back: the pid, and the offset at the end of the last event. */
static void remember(hand *self) {
  const char *pid = strstr(self->answer, "\"pid\":\"");
  const char *end = NULL, *at;
  if (pid != NULL) sscanf(pid + 7, "%63[^\"]", self->pid);
  for (at = self->answer; (at = strstr(at, "\"]")) != NULL; at++) end = at;
  for (at = end; at != NULL && at > self->answer && at[-1] != '"'; at--) continue;
  if (at != NULL && end - at < (long)sizeof(self->offset)) {
    memcpy(self->offset, at, (size_t)(end - at));
    self->offset[end - at] = '\0';
  }
}

static int wait_for(hand *self, int fd, int timeout_ms) {
  struct pollfd readable = {fd, POLLIN, 0};
  ssize_t got;
  self->answer[0] = '\0';
  if (fd < 0 || poll(&readable, 1, timeout_ms) != 1) return 0;
  got = recv(fd, self->answer, sizeof(self->answer) - 1, 0);
  if (got <= 0) return 0;
  self->answer[got] = '\0';
  remember(self);
  return 1;
}

static const char *packet(hand *self, char *text, size_t size) {
  static const char *const packets[] = {"40",
                                        "40/a,",
                                        "40/b,",
                                        "42[\"chat message\",\"hi\"]",
                                        "42/a,7[\"chat message\",\"hi\"]",
                                        "42/b,[\"x\",1]",
                                        "41/a,",
                                        "41",
                                        "3",
                                        "43/a,1[]"};
  const unsigned which = chance(&self->seed) % 40;
  if (which == 0) return "4x";
  if (which == 1) return "1";
  if (which == 2) return "451-[\"x\",{\"_placeholder\":true,\"num\":0}]";
  if (which == 3) return "bAAAA";
  if (which < 6 && *self->pid != '\0') {
    snprintf(text, size, "40{\"pid\":\"%s\",\"offset\":\"%s\"}", self->pid, self->offset);
    return text;
  }
  return packets[which % (chance(&self->seed) % 3 == 0 ? 10 : 6)];
}

/* A WebSocket with the session's sid, or without one. */
static void use_websocket(hand *self) {
  char target[256], text[512];
  ws_client socket;
  int i;
  const int upgrades = *self->sid != '\0';
  snprintf(target, sizeof(target), "/socket.io/?EIO=4&transport=websocket%s%s", upgrades ? "&sid=" : "", self->sid);
  if (ws_open(&socket, self->port, target, NULL) == 101) {
    if (upgrades && chance(&self->seed) % 8 != 0) ws_send_text(&socket, "2probe");
    if (upgrades && chance(&self->seed) % 4 != 0) ws_receive(&socket, 50);
    if (chance(&self->seed) % 4 == 0) ask(self, "POST", packet(self, text, sizeof(text)));
    if (upgrades && chance(&self->seed) % 8 != 0) ws_send_text(&socket, "5");
    for (i = (int)(chance(&self->seed) % 30); i > 0; i--) {
      if (ws_send_text(&socket, packet(self, text, sizeof(text))) != 0) break;
      if (chance(&self->seed) % 2 == 0 && ws_receive(&socket, 5) == WS_TEXT) {
        snprintf(self->answer, sizeof(self->answer), "%s", socket.data);
        remember(self);
      }
    }
    if (chance(&self->seed) % 3 == 0) ws_send_close(&socket, 1000);
  }
  ws_end(&socket);
}

static void live(hand *self) {
  char text[512], body[1200];
  int i;
  self->sid[0] = '\0';
  if (chance(&self->seed) % 8 != 0) {
    const int fd = ask(self, "GET", "");
    const char *sid;
    if (!wait_for(self, fd, WS_TIMEOUT_MS / 100)) return;
    sid = strstr(self->answer, "\"sid\":\"");
    if (sid == NULL) return;
    sscanf(sid + 7, "%63[^\"]", self->sid);
    for (i = (int)(chance(&self->seed) % 8); i > 0; i--) {
      const unsigned what = chance(&self->seed) % 8;
      if (what < 4) {
        snprintf(body, sizeof(body), "%s\x1e%s", i == 1 ? "40" : packet(self, text, sizeof(text)),
                 what == 0 ? "40/a," : "40/b,");
        wait_for(self, ask(self, "POST", body), (int)(chance(&self->seed) % 60));
      } else if (what < 7) {
        wait_for(self, ask(self, "GET", ""), (int)(chance(&self->seed) % 60));
      } else {
        forget(&self->sockets[chance(&self->seed) % SOCKETS]);
      }
    }
    if (chance(&self->seed) % 4 == 0) return;
  }
  use_websocket(self);
}

static void *run_hand(void *argument) {
  hand *self = (hand *)argument;
  int i;
  for (i = 0; i < SOCKETS; i++) self->sockets[i] = -1;
  while (!value(&ending)) live(self);
  for (i = 0; i < SOCKETS; i++) forget(&self->sockets[i]);
  return NULL;
}

/* A round ----------------------------------------------------------------------------------------------------------- */

static long setting(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text == NULL ? otherwise : atol(text);
}

static int show(const chat_client *client, void *user) {
  life *of = life_of(client->id);
  (void)user;
  fprintf(stderr, "client %u: %u rooms, accepted %d, opens %d, joins %d, leaves %d, disconnects %d\n",
          (unsigned)client->id, (unsigned)client->room_count, of->accepted, of->opens, of->joins, of->leaves,
          of->disconnects);
  return 0;
}

static void check_nothing_left(void) {
  const int64_t deadline_ms = ws_clock_ms() + WS_TIMEOUT_MS;
  const struct timespec pause = {0, 20 * 1000000};
  chat_stats stats;
  for (;;) {
    memset(&stats, 0, sizeof(stats));
    stats.struct_size = CHAT_STATS_SIZE;
    chat_server_stats(server, &stats);
    if (stats.clients_now == 0 && stats.connections_now == 0) break;
    if (ws_clock_ms() > deadline_ms) {
      fprintf(stderr, "left: %u clients, %u connections, %u polling, %u websocket\n", (unsigned)stats.clients_now,
              (unsigned)stats.connections_now, (unsigned)stats.clients_now_by_transport[1],
              (unsigned)stats.clients_now_by_transport[0]);
      for (uint64_t id = 1; id <= newest; id++) chat_client_info(server, id, show, NULL);
      count(&faults);
      return;
    }
    nanosleep(&pause, NULL); /* On purpose: between two looks. */
  }
  assert_int_equal(stats.clients_now_by_transport[0], 0);
  assert_int_equal(stats.clients_now_by_transport[1], 0);
}

static void run_round(unsigned seed, long ms) {
  static hand hands[HANDS];
  pthread_t threads[HANDS + 1];
  const struct timespec while_ = {ms / 1000, ms % 1000 * 1000000};
  chat_server_options options = test_options();
  const unsigned application_seed = seed;
  uint64_t id;
  int i;
  options.threads = 4;
  options.callbacks.on_connect = on_connect;
  options.callbacks.on_open = on_open;
  options.callbacks.on_disconnect = on_disconnect;
  options.callbacks.on_join = on_join;
  options.callbacks.on_leave = on_leave;
  options.callbacks.on_authorize = on_authorize;
  options.callbacks.on_message = on_message;
  options.callbacks.on_ack = on_ack;
  options.max_outbox_messages = 48;
  options.outbox_policy = (chat_outbox_policy)(seed % 3);
  options.ping_interval_ms = 100;
  options.ping_timeout_ms = 300;
  options.upgrade_timeout_ms = 100;
  options.connect_timeout_ms = 200;
  options.recovery_window_ms = 120000;
  options.verdict_timeout_ms = 80;
  options.http_idle_timeout_ms = 200;
  options.drain_timeout_ms = 600000; /* a drain that does not end by itself is a test that does not */
  options.drain_spread_ms = seed % 2 == 0 ? 100 : 0;
  options.max_clients = seed % 5 == 0 ? 20 : CHAT_UNLIMITED;
  memset(lives, 0, sizeof(lives));
  memset(acks, 0, sizeof(acks));
  memset(deferred, 0, sizeof(deferred));
  memset(debts, 0, sizeof(debts));
  newest = 0;
  ending = 0;
  assert_ok(chat_server_start(&options, &server));
  for (i = 0; i < HANDS; i++) {
    memset(&hands[i], 0, sizeof(hands[i]));
    hands[i].seed = seed * 31 + (unsigned)i;
    hands[i].port = chat_server_port(server);
    assert_int_equal(pthread_create(&threads[i], NULL, run_hand, &hands[i]), 0);
  }
  assert_int_equal(pthread_create(&threads[HANDS], NULL, run_application, (void *)&application_seed), 0);
  nanosleep(&while_, NULL);                    /* On purpose: how long the round lasts. */
  if (seed % 2 == 0) chat_server_stop(server); /* in the middle of it */
  __atomic_store_n(&ending, 1, __ATOMIC_RELEASE);
  for (i = 0; i <= HANDS; i++) pthread_join(threads[i], NULL);
  if (seed % 2 != 0) check_nothing_left();
  fprintf(stderr, "seed %u: draining\n", seed);
  assert_ok(chat_server_free(server));
  for (id = 1; id <= newest && id < CLIENTS; id++) {
    life *of = life_of(id);
    if (of->accepted != of->disconnects || of->joins != of->leaves) {
      fprintf(stderr, "accepted %d, opens %d, joins %d, leaves %d, disconnects %d: ", of->accepted, of->opens,
              of->joins, of->leaves, of->disconnects);
      fault("its life does not end as it began", id);
    }
  }
  fprintf(stderr, "seed %u: %u clients\n", seed, (unsigned)newest);
}

static void whatever_happens_is_told_once_and_in_order(void **state) {
  const unsigned seed = (unsigned)setting("CHAT_CHAOS_SEED", 1);
  const long rounds = setting("CHAT_CHAOS_ROUNDS", 4), ms = setting("CHAT_CHAOS_MS", 500);
  long round;
  (void)state;
  for (round = 0; round < rounds; round++) run_round(seed + (unsigned)round, ms);
  assert_int_equal(faults, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(whatever_happens_is_told_once_and_in_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
