/*
 * What fork() does to a server: the child has no copy of its sockets, no function works on it there, and the child can start
 * a server of its own.
 */
#define _DEFAULT_SOURCE
#include "support/capi_test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/tls_options.h"
#include "support/ws_client.h"

static chat_server *start(int threads) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  options.threads = threads;
  options.drain_timeout_ms = 50; /* some clients stay silent when the end comes */
  if (chat_server_start(&options, &server) != CHAT_OK) fail_msg("%s", chat_error_message());
  return server;
}

static void address_of(chat_server *server, struct sockaddr_in *address) {
  memset(address, 0, sizeof(*address));
  address->sin_family = AF_INET;
  address->sin_port = htons((uint16_t)chat_server_port(server));
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

/* Also of a server that the test drives. */
static void open_client(chat_server *server, int threads, ws_client *client) {
  struct sockaddr_in address;
  int status;
  address_of(server, &address);
  assert_int_equal(ws_begin(client, (struct sockaddr *)&address, sizeof(address), "/chat", NULL), 0);
  do {
    if (threads == 0) assert_ok(chat_server_poll(server, 10));
    status = ws_finish(client, threads == 0 ? 0 : WS_TIMEOUT_MS);
  } while (status == 0);
  assert_int_equal(status, 101);
}

static int status_of(pid_t child) {
  int status = 0;
  assert_true(child > 0);
  assert_int_equal(waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status)) fail_msg("the child ended by signal %d", WTERMSIG(status));
  return WEXITSTATUS(status);
}

/* A pool of processes that was begun while the server ran. */
static void a_child_keeps_neither_port_nor_connections(void **state) {
  int threads;
  (void)state;
  for (threads = 0; threads <= 2; threads++) {
    chat_server_options options = test_options();
    chat_server *server = start(threads), *next = NULL;
    ws_client client;
    int hold[2];
    pid_t child;
    options.port = chat_server_port(server);
    open_client(server, threads, &client);
    assert_int_equal(pipe(hold), 0);
    child = fork();
    if (child == 0) {
      char byte;
      close(hold[1]);
      close(client.fd);
      _exit(read(hold[0], &byte, 1) == 0 ? 0 : 1); /* as long as the parent wants */
    }
    close(hold[0]);
    assert_ok(chat_server_free(server));
    assert_int_equal(ws_receive(&client, WS_TIMEOUT_MS), WS_CLOSE);
    assert_int_equal(ws_receive(&client, WS_TIMEOUT_MS), WS_ENDED);
    ws_end(&client);
    assert_ok(chat_server_start(&options, &next));
    assert_ok(chat_server_free(next));
    close(hold[1]);
    assert_int_equal(status_of(child), 0);
  }
}

static int no_client(const chat_client *client, void *user) {
  (void)client;
  (void)user;
  return 0;
}
static int no_room(const chat_room *room, void *user) {
  (void)room;
  (void)user;
  return 0;
}
static int no_message(const chat_message *message, void *user) {
  (void)message;
  (void)user;
  return 0;
}

/* The number of calls that did anything else than to say WRONG_STATE. */
static int calls_that_work(chat_server *server) {
  chat_message message = CHAT_MESSAGE_INIT;
  chat_identity identity = CHAT_IDENTITY_INIT;
  chat_client_id client = 0;
  chat_stats stats;
  uint64_t number;
  int count = 0;
  stats.struct_size = CHAT_STATS_SIZE;
  message.room = "lobby";
  message.data = "x";
  message.data_size = 1;
#define CALL(call) count += (call) != CHAT_ERROR_WRONG_STATE
  CALL(chat_server_poll(server, 0));
  CALL(chat_server_poll(server, -1));
  CALL(chat_server_wait(server, 0));
  CALL(chat_server_check_loops(server, 0));
  CALL(chat_server_reload_tls(server));
  CALL(chat_broadcast(server, "lobby", "x", 1));
  CALL(chat_publish(server, &message, &number));
  CALL(chat_send(server, 1, &message));
  CALL(chat_send_with_ack(server, 1, &message, 0, &number));
  CALL(chat_send_user(server, "u", &message));
  CALL(chat_reply(server, 1, 1, "[]", 2, NULL, 0));
  CALL(chat_accept(server, 1, NULL));
  CALL(chat_decide(server, 1, 1, CHAT_PASS, NULL, NULL));
  CALL(chat_refuse(server, 1, NULL, NULL));
  CALL(chat_set_identity(server, 1, &identity));
  CALL(chat_find_client(server, "1", &client));
  CALL(chat_client_set_user(server, 1, NULL));
  CALL(chat_kick(server, 1, NULL));
  CALL(chat_close_connection(server, 1, NULL));
  CALL(chat_join(server, 1, "lobby"));
  CALL(chat_leave(server, 1, "lobby"));
  CALL(chat_ban(server, 1, "lobby", 1, NULL));
  CALL(chat_ban_user(server, "u", "lobby", 1, NULL));
  CALL(chat_close_room(server, "lobby", NULL));
  CALL(chat_room_restore(server, "lobby", "e", 0, &message, 1));
  CALL(chat_client_info(server, 1, no_client, NULL));
  CALL(chat_members(server, NULL, no_client, NULL));
  CALL(chat_rooms(server, no_room, NULL));
  CALL(chat_history(server, "lobby", 0, 0, no_message, NULL));
  CALL(chat_server_stats(server, &stats));
#undef CALL
  count += chat_server_port(server) != 0;
  count += chat_server_fd(server) != -1;
  count += chat_client_user(server, 1) != NULL;
  chat_server_stop(server);
  count += chat_server_free(server) != CHAT_ERROR_WRONG_STATE;
  count += strstr(chat_error_message(), "fork") == NULL;
  return count;
}

/* As a daemon that forks after the start. */
static void nothing_works_in_a_child(void **state) {
  int threads;
  (void)state;
  for (threads = 0; threads <= 2; threads++) {
    chat_server *server = start(threads);
    ws_client client;
    const pid_t child = fork();
    if (child == 0) {
      alarm((unsigned)test_limit_s());
      _exit(calls_that_work(server));
    }
    assert_int_equal(status_of(child), 0);
    open_client(server, threads, &client); /* the parent does not notice */
    ws_end(&client);
    assert_ok(chat_server_free(server));
  }
}

#if defined(__SANITIZE_THREAD__)
#define THREADS_AFTER_FORK 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREADS_AFTER_FORK 0
#endif
#endif
#ifndef THREADS_AFTER_FORK
#define THREADS_AFTER_FORK 1
#endif

#if defined(__SANITIZE_ADDRESS__) || !THREADS_AFTER_FORK
#define LOCKS_AFTER_FORK 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LOCKS_AFTER_FORK 0
#endif
#endif
#ifndef LOCKS_AFTER_FORK
#define LOCKS_AFTER_FORK 1
#endif

static int serve_in_child(int threads) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  ws_client client;
  alarm((unsigned)test_limit_s());
  options.threads = threads;
  options.drain_timeout_ms = 50;
  if (chat_server_start(&options, &server) != CHAT_OK) return 1;
  if (threads != 0) {
    if (ws_open(&client, chat_server_port(server), "/chat", NULL) != 101) return 2;
    if (ws_send_text(&client, "x") != 0 || ws_receive(&client, WS_TIMEOUT_MS) != WS_TEXT) return 3;
    ws_end(&client);
  } else if (chat_server_poll(server, 0) != CHAT_OK) {
    return 4;
  }
  return chat_server_free(server) == CHAT_OK ? 0 : 5;
}

static void a_child_can_start_its_own(void **state) {
  chat_server *server;
  int threads;
  (void)state;
  if (!THREADS_AFTER_FORK) skip(); /* ThreadSanitizer does not support it */
  server = start(2);
  for (threads = 0; threads <= 2; threads++) {
    const pid_t child = fork();
    if (child == 0) _exit(serve_in_child(threads));
    assert_int_equal(status_of(child), 0);
  }
  assert_ok(chat_server_free(server));
}

static atomic_bool starter_ends;

/* With TLS: libwebsockets loads its plugin. */
static void *start_and_free(void *unused) {
  while (!starter_ends) {
    chat_server_options options = test_options();
    chat_server *server = NULL;
    use_tls(&options);
    if (chat_server_start(&options, &server) == CHAT_OK) chat_server_free(server);
  }
  return unused;
}

/* Whatever another thread holds when a child is forked. */
static void no_lock_is_lost(void **state) {
  pthread_t starter;
  int i;
  (void)state;
  if (!LOCKS_AFTER_FORK) skip(); /* the allocators of sanitizers lose their own locks */
  assert_int_equal(pthread_create(&starter, NULL, start_and_free, NULL), 0);
  for (i = 0; i < 30; i++) {
    const pid_t child = fork();
    if (child == 0) _exit(serve_in_child(0));
    assert_int_equal(status_of(child), 0);
  }
  starter_ends = true;
  assert_int_equal(pthread_join(starter, NULL), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_child_keeps_neither_port_nor_connections),
      cmocka_unit_test(nothing_works_in_a_child),
      cmocka_unit_test(a_child_can_start_its_own),
      cmocka_unit_test(no_lock_is_lost),
  };
  return cmocka_run_group_tests_name("capi/fork", tests, NULL, NULL);
}
