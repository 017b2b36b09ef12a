/*
 * Requires a token (ws://localhost:3000/chat?token=...) and checks it on a separate thread, because a real check queries
 * a database and must not block the server's thread. on_connect queues the question and defers; the thread answers with
 * chat_accept() or chat_refuse().
 *
 *   authenticate [PORT]        the default is 3000; 0 takes any free port. Tokens: ann-secret, bob-secret
 */
#include <chat/chat.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { QUEUE_SIZE = 64, TOKEN_BYTES = 128 };
typedef struct question {
  chat_client_id client;
  char token[TOKEN_BYTES];
} question;

typedef struct queue {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  question questions[QUEUE_SIZE];
  size_t first, count;
  int ended;
  chat_server *server;
} queue;
static const struct {
  const char *token, *user_id, *name;
} accounts[] = {{"ann-secret", "u-1", "Ann"}, {"bob-secret", "u-2", "Bob"}};

/* The event is valid only until this returns, so the token is copied. */
static chat_verdict on_connect(chat_server *server, chat_connect_event *event, void *user) {
  queue *waiting = user;
  chat_verdict verdict = CHAT_REFUSE;
  (void)server;
  if (strlen(event->token) >= TOKEN_BYTES) return CHAT_REFUSE;
  pthread_mutex_lock(&waiting->mutex);
  if (waiting->count < QUEUE_SIZE) {
    question *last = &waiting->questions[(waiting->first + waiting->count++) % QUEUE_SIZE];
    last->client = event->client;
    strcpy(last->token, event->token);
    pthread_cond_signal(&waiting->changed);
    verdict = CHAT_DEFER;
  } else {
    snprintf(event->reason, sizeof(event->reason), "busy, try again");
  }
  pthread_mutex_unlock(&waiting->mutex);
  return verdict;
}

/* An error here means only that the client disconnected while it waited. */
static void answer(chat_server *server, const question *asked) {
  const struct timespec delay = {0, 50 * 1000000L}; /* the database */
  nanosleep(&delay, NULL);
  for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++) {
    if (strcmp(accounts[i].token, asked->token) == 0) {
      chat_identity identity = CHAT_IDENTITY_INIT;
      identity.user_id = accounts[i].user_id;
      identity.name = accounts[i].name;
      chat_accept(server, asked->client, &identity);
      return;
    }
  }
  chat_refuse(server, asked->client, "unknown token", NULL);
}

static void *answer_all(void *user) {
  queue *waiting = user;
  pthread_mutex_lock(&waiting->mutex);
  for (;;) {
    while (!waiting->ended && waiting->count == 0) pthread_cond_wait(&waiting->changed, &waiting->mutex);
    if (waiting->ended) break;
    question asked = waiting->questions[waiting->first++ % QUEUE_SIZE];
    waiting->count--;
    pthread_mutex_unlock(&waiting->mutex);
    answer(waiting->server, &asked);
    pthread_mutex_lock(&waiting->mutex);
  }
  pthread_mutex_unlock(&waiting->mutex);
  return NULL;
}

int main(int argc, char **argv) {
  static queue waiting = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  pthread_t thread;
  sigset_t end;
  int number;

  options.port = argc > 1 ? atoi(argv[1]) : 3000;
  options.user = &waiting;
  options.callbacks.on_connect = on_connect;
  sigemptyset(&end);
  sigaddset(&end, SIGINT);
  sigaddset(&end, SIGTERM);
  sigprocmask(SIG_BLOCK, &end, NULL);
  if (chat_server_start(&options, &waiting.server) != CHAT_OK) {
    fprintf(stderr, "authenticate: %s\n", chat_error_message());
    return 1;
  }
  pthread_create(&thread, NULL, answer_all, &waiting);
  printf("listening on port %d\n", chat_server_port(waiting.server));
  fflush(stdout);
  sigwait(&end, &number);
  /* No other thread may use the server while it is freed. */
  chat_server_stop(waiting.server);
  pthread_mutex_lock(&waiting.mutex);
  waiting.ended = 1;
  pthread_cond_signal(&waiting.changed);
  pthread_mutex_unlock(&waiting.mutex);
  pthread_join(thread, NULL);
  chat_server_free(waiting.server);
  return 0;
}
