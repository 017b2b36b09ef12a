/*
 * poll_budget_ms: a poll ends when its time is over, the descriptor stays readable, and the next polls do the rest, each thing
 * once, in order, and everybody's in turn. The callbacks here take longer than the budget, so that it is over after each.
 */
#include "support/capi_test.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "support/ws_client.h"

enum { CLIENTS = 8, BURST = 5, MAX_CALLS = 256 };

typedef struct host {
  chat_server *server;
  int connected, disconnected;
  int messages;
  chat_client_id senders[MAX_CALLS];
  int slow; /* the callbacks take longer than the budget */
} host;

static void take_time(const host *self) {
  /* On purpose: twice the budget. */
  const int64_t end_ms = ws_clock_ms() + 2;
  while (self->slow && ws_clock_ms() <= end_ms) continue;
}

static chat_verdict on_connect(chat_server *server, chat_connect_event *event, void *user) {
  host *self = user;
  (void)server;
  (void)event;
  self->connected++;
  take_time(self);
  return CHAT_PASS;
}

static chat_verdict on_message(chat_server *server, chat_message_event *event, void *user) {
  host *self = user;
  (void)server;
  assert_true(self->messages < MAX_CALLS);
  self->senders[self->messages++] = event->client;
  take_time(self);
  return CHAT_PASS;
}

static void on_disconnect(chat_server *server, const chat_client_event *event, void *user) {
  host *self = user;
  (void)server;
  (void)event;
  self->disconnected++;
  take_time(self);
}

static void start(host *self, int64_t poll_budget_ms) {
  chat_server_options options = test_options();
  memset(self, 0, sizeof(*self));
  options.threads = 0;
  options.poll_budget_ms = poll_budget_ms;
  options.callbacks.on_connect = on_connect;
  options.callbacks.on_message = on_message;
  options.callbacks.on_disconnect = on_disconnect;
  options.user = self;
  if (chat_server_start(&options, &self->server) != CHAT_OK) fail_msg("%s", chat_error_message());
}

static int is_ready(const host *self) {
  struct pollfd waits;
  waits.fd = chat_server_fd(self->server);
  waits.events = POLLIN;
  waits.revents = 0;
  return poll(&waits, 1, 0);
}

static void begin_connecting(const host *self, ws_client *client) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)chat_server_port(self->server));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_int_equal(ws_begin(client, (struct sockaddr *)&address, sizeof(address), "/chat", NULL), 0);
}

static void end_connecting(const host *self, ws_client *client) {
  const int64_t deadline_ms = ws_clock_ms() + WS_TIMEOUT_MS;
  int status;
  while ((status = ws_finish(client, 0)) == 0 && ws_clock_ms() < deadline_ms)
    assert_ok(chat_server_poll(self->server, 10));
  assert_int_equal(status, 101);
}

static void connect_all(host *self, ws_client *clients, int count) {
  int i;
  for (i = 0; i < count; i++) begin_connecting(self, &clients[i]);
  for (i = 0; i < count; i++) end_connecting(self, &clients[i]);
}

static void end_all(host *self, ws_client *clients, int count) {
  int i;
  for (i = 0; i < count; i++) ws_end(&clients[i]);
  self->slow = 0;
  assert_ok(chat_server_free(self->server));
}

/* Polls until *calls is `wanted`, and asserts that each poll makes one call at most. How many polls that takes. */
static int poll_one_by_one(host *self, const int *calls, int wanted) {
  const int64_t deadline_ms = ws_clock_ms() + WS_TIMEOUT_MS;
  int polls = 0;
  while (*calls < wanted && ws_clock_ms() < deadline_ms) {
    const int before = *calls;
    /* What is left keeps the descriptor readable. */
    assert_int_equal(is_ready(self), 1);
    assert_ok(chat_server_poll(self->server, 0));
    assert_true(*calls - before <= 1);
    polls++;
  }
  assert_int_equal(*calls, wanted);
  return polls;
}

static int receive(const host *self, ws_client *client) {
  const int64_t deadline_ms = ws_clock_ms() + WS_TIMEOUT_MS;
  int got;
  while ((got = ws_receive(client, 0)) == WS_NOTHING && ws_clock_ms() < deadline_ms) {
    assert_ok(chat_server_poll(self->server, 10));
  }
  return got;
}

static void messages_of_many_clients_take_many_polls(void **state) {
  ws_client clients[CLIENTS];
  char order[CLIENTS][16];
  host self;
  int i, k;
  (void)state;
  start(&self, 1);
  connect_all(&self, clients, CLIENTS);
  self.slow = 1;
  for (i = 0; i < CLIENTS; i++) {
    char text[16];
    snprintf(text, sizeof(text), "from %d", i);
    assert_int_equal(ws_send_text(&clients[i], text), 0);
  }
  assert_true(poll_one_by_one(&self, &self.messages, CLIENTS) >= CLIENTS);
  /* Everybody once, and all hear them in one order. */
  for (i = 0; i < CLIENTS; i++) {
    for (k = 0; k < i; k++) assert_true(self.senders[i] != self.senders[k]);
    for (k = 0; k < CLIENTS; k++) {
      assert_int_equal(receive(&self, &clients[i]), WS_TEXT);
      if (i == 0) snprintf(order[k], sizeof(order[k]), "%s", clients[i].data);
      assert_string_equal(clients[i].data, order[k]);
    }
  }
  end_all(&self, clients, CLIENTS);
}

static void bursts_are_taken_in_turns(void **state) {
  ws_client clients[CLIENTS];
  host self;
  int i, k;
  (void)state;
  start(&self, 1);
  connect_all(&self, clients, CLIENTS);
  self.slow = 1;
  for (i = 0; i < CLIENTS; i++) {
    for (k = 0; k < BURST; k++) assert_int_equal(ws_send_text(&clients[i], "burst"), 0);
  }
  poll_one_by_one(&self, &self.messages, CLIENTS * BURST);
  /* In each turn of all, everybody says one thing. */
  for (i = 0; i < CLIENTS * BURST; i++) {
    const int turn = i / CLIENTS;
    for (k = turn * CLIENTS; k < i; k++) assert_true(self.senders[i] != self.senders[k]);
  }
  end_all(&self, clients, CLIENTS);
}

static void what_the_host_says_meanwhile_starves_nobody(void **state) {
  ws_client clients[CLIENTS];
  const int64_t deadline_ms = ws_clock_ms() + WS_TIMEOUT_MS;
  host self;
  int i;
  (void)state;
  start(&self, 1);
  connect_all(&self, clients, CLIENTS);
  self.slow = 1;
  for (i = 0; i < CLIENTS; i++) assert_int_equal(ws_send_text(&clients[i], "from a client"), 0);
  while (self.messages < CLIENTS && ws_clock_ms() < deadline_ms) {
    assert_ok(chat_broadcast(self.server, "lobby", "from the host", 13));
    assert_ok(chat_server_poll(self.server, 0));
  }
  assert_int_equal(self.messages, CLIENTS);
  /* And the host's words are written, though it never stops. */
  while (ws_receive(&clients[0], 0) == WS_NOTHING && ws_clock_ms() < deadline_ms) {
    assert_ok(chat_broadcast(self.server, "lobby", "from the host", 13));
    assert_ok(chat_server_poll(self.server, 0));
  }
  assert_string_equal(clients[0].data, "from the host");
  end_all(&self, clients, CLIENTS);
}

static void clients_that_come_at_once_take_many_polls(void **state) {
  ws_client clients[CLIENTS];
  host self;
  int i;
  (void)state;
  start(&self, 1);
  self.slow = 1;
  for (i = 0; i < CLIENTS; i++) begin_connecting(&self, &clients[i]);
  assert_true(poll_one_by_one(&self, &self.connected, CLIENTS) >= CLIENTS);
  for (i = 0; i < CLIENTS; i++) end_connecting(&self, &clients[i]);
  end_all(&self, clients, CLIENTS);
}

static void clients_that_go_at_once_take_many_polls(void **state) {
  ws_client clients[CLIENTS];
  host self;
  int i;
  (void)state;
  start(&self, 1);
  connect_all(&self, clients, CLIENTS);
  self.slow = 1;
  for (i = 0; i < CLIENTS; i++) {
    close(clients[i].fd);
    clients[i].fd = -1;
  }
  assert_true(poll_one_by_one(&self, &self.disconnected, CLIENTS) >= CLIENTS);
  end_all(&self, clients, CLIENTS);
}

static void the_drain_takes_many_polls(void **state) {
  ws_client clients[CLIENTS];
  chat_error error = CHAT_OK;
  host self;
  int polls = 0;
  int i;
  (void)state;
  start(&self, 1);
  connect_all(&self, clients, CLIENTS);
  self.slow = 1;
  chat_server_stop(self.server);
  for (i = 0; i < CLIENTS; i++) {
    int got;
    while ((got = ws_receive(&clients[i], 0)) == WS_NOTHING && error == CHAT_OK) {
      const int before = self.disconnected;
      error = chat_server_poll(self.server, 0);
      assert_true(self.disconnected - before <= 1);
      polls++;
    }
    assert_int_equal(got, WS_CLOSE);
    assert_int_equal(clients[i].close_code, 1001);
    close(clients[i].fd);
    clients[i].fd = -1;
  }
  while (error == CHAT_OK) error = chat_server_poll(self.server, 10);
  assert_error(error, ERROR_STOPPED);
  assert_int_equal(self.disconnected, CLIENTS);
  assert_true(polls >= CLIENTS);
  end_all(&self, clients, CLIENTS);
}

static void without_a_budget_one_poll_does_it_all(void **state) {
  ws_client clients[CLIENTS];
  host self;
  int i;
  (void)state;
  start(&self, CHAT_UNLIMITED);
  connect_all(&self, clients, CLIENTS);
  self.slow = 1;
  for (i = 0; i < CLIENTS; i++) assert_int_equal(ws_send_text(&clients[i], "hello"), 0);
  assert_ok(chat_server_poll(self.server, 0));
  assert_int_equal(self.messages, CLIENTS);
  for (i = 0; i < CLIENTS; i++) assert_int_equal(ws_receive(&clients[i], 0), WS_TEXT);
  end_all(&self, clients, CLIENTS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_of_many_clients_take_many_polls),
      cmocka_unit_test(bursts_are_taken_in_turns),
      cmocka_unit_test(what_the_host_says_meanwhile_starves_nobody),
      cmocka_unit_test(clients_that_come_at_once_take_many_polls),
      cmocka_unit_test(clients_that_go_at_once_take_many_polls),
      cmocka_unit_test(the_drain_takes_many_polls),
      cmocka_unit_test(without_a_budget_one_poll_does_it_all),
  };
  return cmocka_run_group_tests_name("capi/poll", tests, NULL, NULL);
}
