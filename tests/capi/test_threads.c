/*
 * The threads that a server starts, and those of the host that drive one: hooks, signal masks, collectors that stop threads
 * by signals, children, cancellation, and a host that comes late.
 */
#define _DEFAULT_SOURCE /* a sleep of microseconds */
#include "support/capi_test.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/tls_options.h"
#include "support/ws_client.h"

extern char **environ;

static chat_server *start(const chat_server_options *options) {
  chat_server *server = NULL;
  if (chat_server_start(options, &server) != CHAT_OK) fail_msg("%s", chat_error_message());
  return server;
}

static void talks(ws_client *client) {
  assert_int_equal(ws_send_text(client, "hello"), 0);
  assert_int_equal(ws_receive(client, WS_TIMEOUT_MS), WS_TEXT);
}

/* ------------------------------------------------------------------------------------------------------------- hooks */

enum { MAX_THREADS = 4 };
static atomic_int started, stopped, wrong;
static __thread int stage; /* 0: not one of the server's, 1: running, 2: stopped */

static void on_thread_start(chat_server *server, void *user) {
  chat_stats stats;
  stats.struct_size = CHAT_STATS_SIZE;
  wrong += stage != 0 || user != &started || chat_server_stats(server, &stats) != CHAT_OK;
  stage = 1;
  started++;
}

static void on_thread_stop(chat_server *server, void *user) {
  wrong += stage != 1 || user != &started || server == NULL;
  stage = 2;
  stopped++;
}

static void on_client(chat_server *server, const chat_client_event *event, void *user) {
  (void)server;
  (void)event;
  (void)user;
  wrong += stage != 1;
}

static void hooks_come_first_and_last(void **state) {
  int threads;
  (void)state;
  for (threads = 1; threads <= MAX_THREADS; threads++) {
    chat_server_options options = test_options();
    chat_server *server;
    ws_client clients[MAX_THREADS];
    int i;
    started = stopped = 0;
    options.threads = threads;
    options.user = &started;
    options.drain_timeout_ms = 50;
    options.callbacks.on_thread_start = on_thread_start;
    options.callbacks.on_thread_stop = on_thread_stop;
    options.callbacks.on_open = options.callbacks.on_disconnect = on_client;
    server = start(&options);
    for (i = 0; i < MAX_THREADS; i++) {
      assert_int_equal(ws_open(&clients[i], chat_server_port(server), "/chat", NULL), 101);
    }
    assert_int_equal(stopped, 0);
    assert_ok(chat_server_free(server)); /* on_disconnect runs */
    for (i = 0; i < MAX_THREADS; i++) ws_end(&clients[i]);
    assert_int_equal(started, threads);
    assert_int_equal(stopped, threads);
    assert_int_equal(wrong, 0);
  }
}

/* ------------------------------------------------------------------------------------------------------------- idle */

/* With a silent client, with TLS and without. */
static void an_idle_server_uses_no_cpu(void **state) {
  int round;
  (void)state;
  for (round = 0; round < 6; round++) {
    chat_server_options options = test_options();
    chat_server *server;
    ws_client client;
    struct sockaddr_in address;
    int64_t end_ms;
    clock_t cpu;
    options.threads = round % 3;
    if (round >= 3) use_tls(&options);
    server = start(&options);
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)chat_server_port(server));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ws_init(&client);
    client.fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    /* On purpose: what follows the start and the connection is done then. */
    for (end_ms = ws_clock_ms() + 200; ws_clock_ms() < end_ms;) {
      if (options.threads == 0) {
        assert_ok(chat_server_poll(server, 10));
      } else {
        usleep(10000); /* On purpose: see above. */
      }
    }
    cpu = clock();
    for (end_ms = ws_clock_ms() + 1000; ws_clock_ms() < end_ms;) {
      if (options.threads == 0) {
        assert_ok(chat_server_poll(server, 100));
      } else {
        usleep(100000); /* On purpose: the server does nothing meanwhile. */
      }
    }
    /* A loop that spins would take all of the second. */
    assert_true((double)(clock() - cpu) / CLOCKS_PER_SEC < 0.1);
    ws_end(&client);
    assert_ok(chat_server_free(server));
  }
}

static void the_hosts_own_thread_has_no_hooks(void **state) {
  chat_server_options options = test_options();
  chat_server *server;
  (void)state;
  started = stopped = 0;
  options.threads = 0;
  options.callbacks.on_thread_start = on_thread_start;
  options.callbacks.on_thread_stop = on_thread_stop;
  server = start(&options);
  assert_ok(chat_server_poll(server, 0));
  assert_ok(chat_server_free(server));
  assert_int_equal(started + stopped, 0);
}

/* ----------------------------------------------------------------------------------------------------------- signals */

static sigset_t seen_mask;
static pthread_t loop_thread;
static atomic_bool looked;
static sem_t message_came;

static chat_verdict look_at_mask(chat_server *server, chat_message_event *event, void *user) {
  (void)server;
  (void)event;
  (void)user;
  if (!looked) {
    pthread_sigmask(SIG_SETMASK, NULL, &seen_mask);
    loop_thread = pthread_self();
    looked = true;
    sem_post(&message_came);
  }
  return CHAT_PASS;
}

static bool is_open(int number) {
  static const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGPWR, SIGXCPU, SIGPROF, SIGURG};
  size_t i;
  for (i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
    if (open[i] == number) return true;
  }
  return number >= SIGRTMIN;
}

/* Also if the starting thread has some of them blocked. */
static void only_signals_of_runtimes_are_open(void **state) {
  chat_server_options options = test_options();
  chat_server *server;
  ws_client client;
  sigset_t mask, before;
  int number;
  (void)state;
  sem_init(&message_came, 0, 0);
  looked = false;
  sigemptyset(&mask);
  sigaddset(&mask, SIGPWR);
  sigaddset(&mask, SIGRTMIN);
  pthread_sigmask(SIG_BLOCK, &mask, &before);
  options.callbacks.on_message = look_at_mask;
  server = start(&options);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", NULL), 101);
  talks(&client);
  for (number = 1; number <= SIGRTMAX; number++) {
    if (number == SIGKILL || number == SIGSTOP || (number > 31 && number < SIGRTMIN)) continue;
    if ((sigismember(&seen_mask, number) == 0) != is_open(number)) fail_msg("signal %d", number);
  }
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

#if defined(__SANITIZE_THREAD__)
#define SIGNALS_COME_AT_ONCE 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SIGNALS_COME_AT_ONCE 0
#endif
#endif
#ifndef SIGNALS_COME_AT_ONCE
#define SIGNALS_COME_AT_ONCE 1
#endif

static sem_t thread_stopped;

static void stop_thread(int number) {
  const int saved = errno;
  sigset_t all_but_one;
  (void)number;
  sigfillset(&all_but_one);
  sigdelset(&all_but_one, SIGXCPU);
  sem_post(&thread_stopped);
  sigsuspend(&all_but_one);
  errno = saved;
}

static void let_thread_go(int number) { (void)number; }

/* As Boehm GC does it, and Mono with other numbers. */
static void a_collector_can_stop_the_threads(void **state) {
  chat_server_options options = test_options();
  chat_server *server;
  ws_client client;
  struct sigaction action, old_stop, old_go;
  int i;
  (void)state;
  if (!SIGNALS_COME_AT_ONCE) skip(); /* ThreadSanitizer holds them back */
  sem_init(&message_came, 0, 0);
  looked = false;
  sem_init(&thread_stopped, 0, 0);
  memset(&action, 0, sizeof(action));
  sigfillset(&action.sa_mask);
  action.sa_handler = stop_thread;
  sigaction(SIGPWR, &action, &old_stop);
  action.sa_handler = let_thread_go;
  sigaction(SIGXCPU, &action, &old_go);
  options.callbacks.on_message = look_at_mask;
  server = start(&options);
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", NULL), 101);
  for (i = 0; i < 200; i++) {
    struct timespec deadline;
    int waited;
    assert_int_equal(ws_send_text(&client, "hello"), 0);
    if (i == 0) sem_wait(&message_came);
    assert_int_equal(pthread_kill(loop_thread, SIGPWR), 0);
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += test_limit_s();
    do {
      waited = sem_timedwait(&thread_stopped, &deadline);
    } while (waited != 0 && errno == EINTR);
    assert_int_equal(waited, 0);
    assert_int_equal(pthread_kill(loop_thread, SIGXCPU), 0);
    assert_int_equal(ws_receive(&client, WS_TIMEOUT_MS), WS_TEXT);
  }
  ws_end(&client);
  assert_ok(chat_server_free(server));
  sigaction(SIGPWR, &old_stop, NULL);
  sigaction(SIGXCPU, &old_go, NULL);
}

static int child_result = -1;

static chat_verdict fork_child(chat_server *server, chat_message_event *event, void *user) {
  const pid_t child = fork();
  int status = 0;
  (void)server;
  (void)event;
  (void)user;
  if (child == 0) {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    _exit(sigismember(&mask, SIGTERM) == 0 && sigismember(&mask, SIGUSR1) == 1 ? 0 : 1);
  }
  waitpid(child, &status, 0);
  child_result = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return CHAT_PASS;
}

static void a_forked_child_has_the_mask_of_the_host(void **state) {
  chat_server_options options = test_options();
  chat_server *server;
  ws_client client;
  sigset_t mask, before;
  (void)state;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  pthread_sigmask(SIG_SETMASK, &mask, &before);
  options.callbacks.on_message = fork_child;
  server = start(&options);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", NULL), 101);
  talks(&client);
  assert_int_equal(child_result, 0);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static atomic_int spawned;

static void unblock_all(chat_server *server, void *user) {
  sigset_t none;
  (void)server;
  (void)user;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static chat_verdict spawn_child(chat_server *server, chat_message_event *event, void *user) {
  char *arguments[] = {(char *)"cat", NULL}; /* waits for input */
  posix_spawn_file_actions_t actions;
  pid_t child = 0;
  int input[2];
  (void)server;
  (void)event;
  (void)user;
  if (pipe(input) != 0) return CHAT_REFUSE;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  if (posix_spawnp(&child, "cat", &actions, NULL, arguments, environ) == 0) spawned = child;
  posix_spawn_file_actions_destroy(&actions);
  close(input[0]);
  return CHAT_PASS; /* input[1] stays open here and in the child */
}

/* posix_spawn() and the like pass the thread's mask on, so the host chooses it. */
static void the_host_may_choose_the_mask(void **state) {
  chat_server_options options = test_options();
  chat_server *server;
  ws_client client;
  int status = 0;
  (void)state;
  options.callbacks.on_message = spawn_child;
  options.callbacks.on_thread_start = unblock_all;
  server = start(&options);
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", NULL), 101);
  talks(&client);
  assert_true(spawned > 0);
  assert_int_equal(kill(spawned, SIGTERM), 0);
  assert_int_equal(waitpid(spawned, &status, 0), spawned);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static atomic_bool starts_end;

/* With TLS: libwebsockets would ignore the signal. */
static void *start_servers(void *unused) {
  while (!starts_end) {
    chat_server_options options = test_options();
    chat_server *server = NULL;
    options.threads = 0;
    use_tls(&options);
    if (chat_server_start(&options, &server) == CHAT_OK) chat_server_free(server);
  }
  return unused;
}

static void first_handler(int number) { (void)number; }
static void second_handler(int number) { (void)number; }

/* Whenever the host installs it. */
static void a_handler_of_sigpipe_stays(void **state) {
  struct sigaction action, before, seen;
  pthread_t starter;
  int i, j;
  (void)state;
  assert_int_equal(sigaction(SIGPIPE, NULL, &before), 0);
  assert_int_equal(pthread_create(&starter, NULL, start_servers, NULL), 0);
  for (i = 0; i < 200; i++) {
    memset(&action, 0, sizeof(action));
    action.sa_handler = i % 2 == 0 ? first_handler : second_handler;
    assert_int_equal(sigaction(SIGPIPE, &action, NULL), 0);
    for (j = 0; j < 20; j++) {
      /* On purpose: the other thread starts servers meanwhile. */
      usleep(100); /* On purpose: see above. */
      assert_int_equal(sigaction(SIGPIPE, NULL, &seen), 0);
      assert_true(seen.sa_handler == action.sa_handler);
    }
  }
  starts_end = true;
  assert_int_equal(pthread_join(starter, NULL), 0);
  assert_int_equal(sigaction(SIGPIPE, &before, NULL), 0);
}

/* ------------------------------------------------------------------------------------------- the thread of the host */

static chat_server *driven;
static sem_t polls;

static void *drive(void *unused) {
  sem_post(&polls);
  while (chat_server_poll(driven, -1) == CHAT_OK) continue;
  return unused;
}

static void a_thread_that_polls_can_be_cancelled(void **state) {
  chat_server_options options = test_options();
  int i;
  (void)state;
  options.threads = 0;
  sem_init(&polls, 0, 0);
  driven = start(&options);
  for (i = 0; i < 20; i++) {
    pthread_t thread;
    void *result = NULL;
    assert_int_equal(pthread_create(&thread, NULL, drive, NULL), 0);
    sem_wait(&polls);
    assert_int_equal(pthread_cancel(thread), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_ok(chat_server_poll(driven, 0)); /* and any other thread goes on */
  }
  assert_ok(chat_server_free(driven));
}

static chat_verdict cancel_me(chat_server *server, chat_message_event *event, void *user) {
  int *runs = (int *)user;
  (void)server;
  (void)event;
  pthread_cancel(pthread_self());
  pthread_testcancel(); /* not in a callback */
  ++*runs;
  return CHAT_PASS;
}

/* The thread is cancelled when the callback has returned, not within it. */
static void a_callback_is_not_cancelled(void **state) {
  chat_server_options options = test_options();
  struct sockaddr_in address;
  pthread_t thread;
  ws_client client;
  void *result = NULL;
  int runs = 0, status;
  (void)state;
  options.threads = 0;
  options.user = &runs;
  options.callbacks.on_message = cancel_me;
  sem_init(&polls, 0, 0);
  driven = start(&options);
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)chat_server_port(driven));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_int_equal(ws_begin(&client, (struct sockaddr *)&address, sizeof(address), "/chat", NULL), 0);
  do {
    assert_ok(chat_server_poll(driven, 10));
    status = ws_finish(&client, 0);
  } while (status == 0);
  assert_int_equal(status, 101);
  assert_int_equal(pthread_create(&thread, NULL, drive, NULL), 0);
  assert_int_equal(ws_send_text(&client, "hello"), 0);
  assert_int_equal(pthread_join(thread, &result), 0);
  assert_ptr_equal(result, PTHREAD_CANCELED);
  assert_int_equal(runs, 1);
  assert_int_equal(ws_receive(&client, WS_TIMEOUT_MS), WS_TEXT); /* its turn was finished */
  ws_end(&client);
  assert_ok(chat_server_free(driven));
}

static chat_server *called;

static void *call_while_cancelled(void *calls) {
  static chat_stats stats; /* AddressSanitizer keeps guards around it on the stack of a thread that is cancelled */
  stats.struct_size = CHAT_STATS_SIZE;
  pthread_cancel(pthread_self());
  *(int *)calls += chat_broadcast(called, "lobby", "x", 1) == CHAT_OK; /* wakes a loop by write() */
  *(int *)calls += chat_server_stats(called, &stats) == CHAT_OK;
  *(int *)calls += chat_server_wait(called, 1) == CHAT_ERROR_TIMED_OUT;
  *(int *)calls += chat_server_check_loops(called, test_limit_ms()) == CHAT_OK;
  chat_server_stop(called);
  *(int *)calls += chat_server_free(called) == CHAT_OK;
  pthread_testcancel();
  return NULL;
}

static void no_other_call_is_cancelled(void **state) {
  chat_server_options options = test_options();
  pthread_t thread;
  void *result = NULL;
  int calls = 0;
  (void)state;
  called = start(&options);
  assert_int_equal(pthread_create(&thread, NULL, call_while_cancelled, &calls), 0);
  assert_int_equal(pthread_join(thread, &result), 0);
  assert_int_equal(calls, 5);
  assert_ptr_equal(result, PTHREAD_CANCELED);
}

static int disconnected;

static void on_disconnect(chat_server *server, const chat_client_event *event, void *user) {
  (void)server;
  (void)event;
  (void)user;
  disconnected++;
}

/* A level is loaded, a debugger waits, a laptop sleeps: the answers to pings have come, but nobody has read them. */
static void a_late_poll_hears_the_pongs_first(void **state) {
  chat_server_options options = test_options();
  chat_server *server;
  struct sockaddr_in address;
  ws_client client;
  int status, round;
  (void)state;
  options.threads = 0;
  options.ping_interval_ms = 100;
  options.ping_timeout_ms = 1000;
  options.callbacks.on_disconnect = on_disconnect;
  server = start(&options);
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)chat_server_port(server));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_int_equal(ws_begin(&client, (struct sockaddr *)&address, sizeof(address), "/chat", NULL), 0);
  do {
    assert_ok(chat_server_poll(server, 10));
    status = ws_finish(&client, 0);
  } while (status == 0);
  assert_int_equal(status, 101);
  for (round = 0; round < 2; round++) {
    unsigned char frame[64];
    ssize_t size;
    const struct timespec pause = {1, 400000000};
    do {
      assert_ok(chat_server_poll(server, 10));
      size = recv(client.fd, frame, sizeof(frame), MSG_DONTWAIT);
    } while (size <= 0);
    assert_int_equal(frame[0], 0x80 | WS_PING);
    assert_int_equal(frame[1], size - 2);
    assert_int_equal(ws_send(&client, WS_PONG, frame + 2, (size_t)size - 2), 0);
    /* On purpose: longer than ping_timeout_ms. */
    nanosleep(&pause, NULL);
    assert_ok(chat_server_poll(server, 0));
    assert_ok(chat_server_poll(server, 10));
    assert_int_equal(disconnected, 0);
  }
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hooks_come_first_and_last),
      cmocka_unit_test(an_idle_server_uses_no_cpu),
      cmocka_unit_test(the_hosts_own_thread_has_no_hooks),
      cmocka_unit_test(only_signals_of_runtimes_are_open),
      cmocka_unit_test(a_collector_can_stop_the_threads),
      cmocka_unit_test(a_forked_child_has_the_mask_of_the_host),
      cmocka_unit_test(the_host_may_choose_the_mask),
      cmocka_unit_test(a_handler_of_sigpipe_stays),
      cmocka_unit_test(a_thread_that_polls_can_be_cancelled),
      cmocka_unit_test(a_callback_is_not_cancelled),
      cmocka_unit_test(no_other_call_is_cancelled),
      cmocka_unit_test(a_late_poll_hears_the_pongs_first),
  };
  return cmocka_run_group_tests_name("capi/threads", tests, NULL, NULL);
}
