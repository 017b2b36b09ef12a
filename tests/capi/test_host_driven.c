/* A server without threads: the host polls it, or waits for its descriptor in a loop of its own. */
#include "support/capi_test.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#include "support/ws_client.h"

static chat_server *start(chat_server_options *options) {
  chat_server *server = NULL;
  options->threads = 0;
  if (chat_server_start(options, &server) != CHAT_OK) fail_msg("%s", chat_error_message());
  return server;
}

static int is_ready(const chat_server *server, int timeout_ms) {
  struct pollfd waits;
  waits.fd = chat_server_fd(server);
  waits.events = POLLIN;
  waits.revents = 0;
  assert_true(waits.fd >= 0);
  return poll(&waits, 1, timeout_ms);
}

/* As a host with a loop of its own: polls only when the descriptor says so. */
static void host_round(chat_server *server) {
  if (is_ready(server, 10) > 0) assert_ok(chat_server_poll(server, 0));
}

static void connect_client(chat_server *server, ws_client *client, const char *target) {
  const int64_t deadline_ms = ws_clock_ms() + WS_TIMEOUT_MS;
  struct sockaddr_in address;
  int status;
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)chat_server_port(server));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_int_equal(ws_begin(client, (struct sockaddr *)&address, sizeof(address), target, NULL), 0);
  while ((status = ws_finish(client, 0)) == 0 && ws_clock_ms() < deadline_ms) host_round(server);
  assert_int_equal(status, 101);
}

static int receive(chat_server *server, ws_client *client) {
  const int64_t deadline_ms = ws_clock_ms() + WS_TIMEOUT_MS;
  int got;
  while ((got = ws_receive(client, 0)) == WS_NOTHING && ws_clock_ms() < deadline_ms) host_round(server);
  return got;
}

static void clients_talk_while_the_host_polls(void **state) {
  chat_server_options options = test_options();
  chat_server *server = start(&options);
  ws_client one, two;
  (void)state;
  connect_client(server, &one, "/chat");
  connect_client(server, &two, "/chat");
  assert_int_equal(ws_send_text(&one, "hello"), 0);
  assert_int_equal(receive(server, &one), WS_TEXT);
  assert_int_equal(receive(server, &two), WS_TEXT);
  assert_string_equal(two.data, "hello");
  /* What the host publishes between two polls goes out with the next. */
  assert_ok(chat_broadcast(server, "lobby", "from the host", 13));
  assert_int_equal(receive(server, &two), WS_TEXT);
  assert_string_equal(two.data, "from the host");
  ws_end(&one);
  ws_end(&two);
  assert_ok(chat_server_free(server));
}

/* A host with many open files: the descriptor is above what select() can watch, and poll() watches it. */
static void the_descriptor_may_be_above_fd_setsize(void **state) {
  enum { SPARE = 200 }; /* for the server and its client */
  static int taken[FD_SETSIZE];
  chat_server_options options = test_options();
  struct rlimit before, raised;
  chat_server *server;
  ws_client client;
  int count = 0, i;
  (void)state;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  raised = before;
  if (before.rlim_max != RLIM_INFINITY && before.rlim_max < FD_SETSIZE + SPARE) skip();
  if (before.rlim_cur < FD_SETSIZE + SPARE) raised.rlim_cur = FD_SETSIZE + SPARE;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &raised), 0);
  while (count == 0 || taken[count - 1] < FD_SETSIZE - 1) {
    taken[count] = dup(STDERR_FILENO);
    assert_true(taken[count] >= 0);
    count++;
  }

  server = start(&options);
  assert_true(chat_server_fd(server) >= FD_SETSIZE);
  connect_client(server, &client, "/chat");
  assert_int_equal(ws_send_text(&client, "hello"), 0);
  assert_int_equal(receive(server, &client), WS_TEXT);
  assert_string_equal(client.data, "hello");
  ws_end(&client);
  assert_ok(chat_server_free(server));

  for (i = 0; i < count; i++) close(taken[i]);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void a_poll_waits_as_long_as_it_is_told(void **state) {
  chat_server_options options = test_options();
  chat_server *server = start(&options);
  int64_t begin_ms;
  int i;
  (void)state;
  for (i = 0; i < 5; i++) assert_ok(chat_server_poll(server, 0)); /* what there was at first */
  begin_ms = ws_clock_ms();
  assert_ok(chat_server_poll(server, 0));
  assert_ok(chat_server_poll(server, 60));
  /* On purpose: a busy machine only makes it longer. */
  assert_true(ws_clock_ms() - begin_ms >= 50);
  assert_error(chat_server_poll(server, -2), ERROR_INVALID_ARGUMENT);
  assert_ok(chat_server_free(server));
}

static void nothing_to_do_is_not_readable(void **state) {
  chat_server_options options = test_options();
  chat_server *server = start(&options);
  ws_client client;
  int i;
  (void)state;
  connect_client(server, &client, "/chat");
  for (i = 0; i < 20 && is_ready(server, 0) > 0; i++) assert_ok(chat_server_poll(server, 0));
  assert_int_equal(is_ready(server, 0), 0);
  assert_int_equal(ws_send_text(&client, "x"), 0);
  assert_int_equal(is_ready(server, WS_TIMEOUT_MS), 1);
  assert_int_equal(receive(server, &client), WS_TEXT);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static void *broadcast_later(void *server) {
  assert_ok(chat_broadcast(server, "lobby", "from afar", 9));
  return NULL;
}

static void another_thread_makes_it_readable(void **state) {
  chat_server_options options = test_options();
  chat_server *server = start(&options);
  ws_client client;
  pthread_t thread;
  int i;
  (void)state;
  connect_client(server, &client, "/chat");
  for (i = 0; i < 20 && is_ready(server, 0) > 0; i++) assert_ok(chat_server_poll(server, 0));
  assert_int_equal(pthread_create(&thread, NULL, broadcast_later, server), 0);
  assert_int_equal(is_ready(server, WS_TIMEOUT_MS), 1);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(receive(server, &client), WS_TEXT);

  /* And ends a poll that waits. */
  assert_int_equal(pthread_create(&thread, NULL, broadcast_later, server), 0);
  assert_ok(chat_server_poll(server, -1));
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(receive(server, &client), WS_TEXT);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static void a_timer_makes_it_readable(void **state) {
  chat_server_options options = test_options();
  chat_server *server;
  ws_client client;
  int i;
  (void)state;
  options.ping_interval_ms = 50;
  options.ping_timeout_ms = 50;
  server = start(&options);
  connect_client(server, &client, "/chat");
  for (i = 0; i < 20 && is_ready(server, 0) > 0; i++) assert_ok(chat_server_poll(server, 0));
  /* The client never answers, so the server ends the connection: both by timers alone. */
  for (i = 0; i < 100; i++) {
    char byte;
    const ssize_t got = recv(client.fd, &byte, 1, MSG_DONTWAIT);
    if (got == 0) break;
    if (got < 0) {
      assert_int_equal(is_ready(server, WS_TIMEOUT_MS), 1);
      assert_ok(chat_server_poll(server, 0));
    }
  }
  assert_true(i < 100);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

typedef struct seen {
  pthread_t thread;
  int calls, wrong_thread;
  chat_error poll_error, free_error;
} seen;

static chat_verdict on_connect(chat_server *server, chat_connect_event *event, void *user) {
  seen *self = user;
  (void)event;
  self->calls++;
  self->wrong_thread += !pthread_equal(self->thread, pthread_self());
  self->poll_error = chat_server_poll(server, 0);
  self->free_error = chat_server_free(server);
  return CHAT_PASS;
}

static void callbacks_come_inside_the_poll(void **state) {
  chat_server_options options = test_options();
  chat_server *server;
  ws_client client;
  seen self;
  (void)state;
  memset(&self, 0, sizeof(self));
  self.thread = pthread_self();
  options.callbacks.on_connect = on_connect;
  options.user = &self;
  server = start(&options);
  connect_client(server, &client, "/chat");
  assert_int_equal(self.calls, 1);
  assert_int_equal(self.wrong_thread, 0);
  assert_error(self.poll_error, ERROR_WRONG_THREAD);
  assert_error(self.free_error, ERROR_WRONG_THREAD);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static void *poll_until_stopped(void *server) {
  while (chat_server_poll(server, -1) != CHAT_ERROR_STOPPED) continue;
  return NULL;
}

static void one_thread_at_a_time_polls(void **state) {
  const int64_t deadline_ms = ws_clock_ms() + WS_TIMEOUT_MS;
  chat_server_options options = test_options();
  chat_server *server = start(&options);
  pthread_t thread;
  chat_error error = CHAT_OK;
  (void)state;
  assert_int_equal(pthread_create(&thread, NULL, poll_until_stopped, server), 0);
  while (error == CHAT_OK && ws_clock_ms() < deadline_ms) error = chat_server_poll(server, 0);
  assert_error(error, ERROR_WRONG_THREAD);
  chat_server_stop(server);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_ok(chat_server_free(server));
}

static void the_drain_ends_the_polling(void **state) {
  chat_server_options options = test_options();
  chat_server *server = start(&options);
  ws_client client;
  chat_error error;
  int i;
  (void)state;
  connect_client(server, &client, "/chat");
  chat_server_stop(server);
  for (i = 0; i < 1000; i++) {
    error = chat_server_poll(server, 100);
    if (error != CHAT_OK) break;
    if (ws_receive(&client, 0) == WS_CLOSE) {
      assert_int_equal(client.close_code, 1001);
      close(client.fd);
      client.fd = -1;
    }
  }
  assert_error(error, ERROR_STOPPED);
  assert_error(chat_server_poll(server, 0), ERROR_STOPPED);
  assert_error(chat_server_poll(server, -1), ERROR_STOPPED);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static void the_drain_happens_in_free_when_nobody_polls(void **state) {
  chat_server_options options = test_options();
  chat_server *server;
  ws_client client;
  (void)state;
  options.drain_timeout_ms = 100;
  server = start(&options);
  connect_client(server, &client, "/chat");
  assert_ok(chat_broadcast(server, "lobby", "last words", 10));
  assert_ok(chat_server_free(server));
  assert_int_equal(ws_receive(&client, WS_TIMEOUT_MS), WS_TEXT);
  assert_string_equal(client.data, "last words");
  assert_int_equal(ws_receive(&client, WS_TIMEOUT_MS), WS_CLOSE);
  assert_int_equal(client.close_code, 1001);
  ws_end(&client);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(clients_talk_while_the_host_polls),
      cmocka_unit_test(the_descriptor_may_be_above_fd_setsize),
      cmocka_unit_test(a_poll_waits_as_long_as_it_is_told),
      cmocka_unit_test(nothing_to_do_is_not_readable),
      cmocka_unit_test(another_thread_makes_it_readable),
      cmocka_unit_test(a_timer_makes_it_readable),
      cmocka_unit_test(callbacks_come_inside_the_poll),
      cmocka_unit_test(one_thread_at_a_time_polls),
      cmocka_unit_test(the_drain_ends_the_polling),
      cmocka_unit_test(the_drain_happens_in_free_when_nobody_polls),
  };
  return cmocka_run_group_tests_name("capi/host_driven", tests, NULL, NULL);
}
