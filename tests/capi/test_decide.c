/* Verdicts that on_message puts off, when the client is thrown out or goes meanwhile, or the server stops. */
#include "support/callbacks.h"

enum { FOR_EVER_MS = 600000 }; /* longer than any test may take */

static uint64_t deferred; /* the decision on the message "!defer" */

static chat_verdict defer_one(chat_server *server, chat_message_event *event, application *self) {
  const chat_message *message = event->message;
  (void)server;
  if (message->data_size != 6 || memcmp(message->data, "!defer", 6) != 0) return CHAT_PASS;
  deferred = event->decision_id;
  journal_write(&self->lines, "deferred"); /* who has seen this line may read it */
  return CHAT_DEFER;
}

/* With one client in the lobby, client 1, whose message waits for a verdict; to be said behind it. */
static chat_server *start_with_one(ws_client *client, const char *const *behind) {
  chat_server_options options;
  chat_server *server;
  app.message = defer_one;
  options = application_options();
  options.verdict_timeout_ms = FOR_EVER_MS;
  options.drain_timeout_ms = FOR_EVER_MS;
  server = start_application(&options);
  open_v1(client, server, "/chat.v1");
  assert_int_equal(ws_send_text(client, "{\"type\":\"send\",\"text\":\"!defer\"}"), 0);
  for (; behind != NULL && *behind != NULL; behind++) assert_int_equal(ws_send_text(client, *behind), 0);
  expect_line("deferred");
  return server;
}

/* What the client has said is read: a ping is answered at once. */
static void flush(ws_client *client) {
  assert_int_equal(ws_send_text(client, "{\"type\":\"ping\"}"), 0);
  expect_text(client, "pong");
}

static void wait_until_nobody_is_connected(chat_server *server) {
  const struct timespec pause = {0, 5 * 1000000};
  const int64_t deadline_ms = ws_clock_ms() + WS_TIMEOUT_MS;
  chat_stats stats;
  do {
    if (ws_clock_ms() > deadline_ms) fail_msg("a connection is left");
    nanosleep(&pause, NULL); /* On purpose: between two looks. */
    memset(&stats, 0, sizeof(stats));
    stats.struct_size = CHAT_STATS_SIZE;
    assert_ok(chat_server_stats(server, &stats));
  } while (stats.connections_now != 0);
}

static int count_message(const chat_message *message, void *user) {
  (void)message;
  ++*(int *)user;
  return 0;
}

static int messages_kept(chat_server *server) {
  int count = 0;
  chat_history(server, "lobby", 0, 0, count_message, &count);
  return count;
}

/* Both in one go, before the client's loop has let it go. */
static void throw_out_and_decide(chat_server *server, const chat_client_event *event, application *self) {
  (void)self;
  if (event->client == 1) return;
  assert_ok(chat_kick(server, 1, "enough"));
  assert_string_equal(error_name(chat_decide(server, 1, deferred, CHAT_PASS, NULL, NULL)), "ERROR_NO_SUCH_CLIENT");
}

static void a_verdict_behind_a_kick_publishes_nothing(void **state) {
  static const char *const behind[] = {"{\"type\":\"send\",\"text\":\"behind\"}", NULL};
  ws_client ann, bob;
  chat_server *server;
  (void)state;
  app.open = throw_out_and_decide;
  server = start_with_one(&ann, behind);
  flush(&ann);
  open_v1(&bob, server, "/chat.v1");
  expect_close(&ann, 1008);
  expect_line("disconnect 1 1008");
  assert_int_equal(messages_kept(server), 0);
  expect_no_line_with("behind");
  ws_end(&ann);
  ws_end(&bob);
  assert_ok(chat_server_free(server));
}

static void who_has_gone_and_is_thrown_out_is_let_go_at_once(void **state) {
  ws_client ann;
  chat_server *server;
  (void)state;
  server = start_with_one(&ann, NULL);
  ws_end(&ann);
  wait_until_nobody_is_connected(server);
  expect_no_line_with("disconnect");
  assert_ok(chat_kick(server, 1, "enough"));
  expect_line("disconnect 1 1006");
  assert_error(chat_decide(server, 1, deferred, CHAT_PASS, NULL, NULL), ERROR_NO_SUCH_CLIENT);
  assert_int_equal(messages_kept(server), 0);
  assert_ok(chat_server_free(server));
}

/* chat_decide() says STOPPED by then: there is nothing to wait for. */
static void the_end_does_not_wait_for_verdicts(void **state) {
  const int gone_before[] = {0, 1};
  size_t i;
  for (i = 0; i < 2; i++) {
    ws_client ann;
    chat_server *server;
    reset_application(state);
    server = start_with_one(&ann, NULL);
    if (gone_before[i]) {
      ws_end(&ann);
      wait_until_nobody_is_connected(server);
    }
    chat_server_stop(server);
    assert_error(chat_decide(server, 1, deferred, CHAT_PASS, NULL, NULL), ERROR_STOPPED);
    if (!gone_before[i]) expect_close(&ann, 1001);
    expect_line(gone_before[i] ? "disconnect 1 1006" : "disconnect 1 1001");
    ws_end(&ann);
    assert_ok(chat_server_free(server));
  }
}

static void a_verdict_before_the_end_counts(void **state) {
  static const char *const behind[] = {"{\"type\":\"send\",\"text\":\"behind\"}", NULL};
  ws_client ann;
  chat_server *server;
  (void)state;
  server = start_with_one(&ann, behind);
  flush(&ann);
  ws_end(&ann);
  wait_until_nobody_is_connected(server);
  assert_ok(chat_decide(server, 1, deferred, CHAT_PASS, NULL, NULL));
  chat_server_stop(server);
  expect_line("message 1 lobby chat message: behind");
  expect_line("disconnect 1 1006");
  assert_int_equal(messages_kept(server), 2);
  assert_ok(chat_server_free(server));
}

/* The end of its time and that of the verdict's are one. */
static void what_was_said_behind_has_its_turn_when_no_verdict_comes(void **state) {
  chat_server_options options;
  chat_server *server;
  ws_client ann;
  (void)state;
  app.message = defer_one;
  options = application_options();
  options.verdict_timeout_ms = 100;
  server = start_application(&options);
  open_v1(&ann, server, "/chat.v1");
  assert_int_equal(ws_send_text(&ann, "{\"type\":\"send\",\"text\":\"!defer\"}"), 0);
  assert_int_equal(ws_send_text(&ann, "{\"type\":\"send\",\"text\":\"behind\"}"), 0);
  ws_end(&ann);
  expect_line("message 1 lobby chat message: behind");
  expect_line("disconnect 1 1006");
  assert_int_equal(messages_kept(server), 1);
  assert_ok(chat_server_free(server));
}

static void who_is_closed_for_malformed_frames_says_no_more(void **state) {
  static const char *const behind[] = {"{\"type\":\"send\",\"text\":\"before\"}", "{", "{", "{", "{", "{",
                                       "{\"type\":\"send\",\"text\":\"after\"}",  NULL};
  ws_client ann;
  chat_server *server;
  (void)state;
  server = start_with_one(&ann, behind);
  flush(&ann);
  assert_ok(chat_decide(server, 1, deferred, CHAT_PASS, NULL, NULL));
  expect_close(&ann, 1008);
  expect_line("disconnect 1 1008");
  assert_int_equal(messages_kept(server), 2);
  expect_no_line_with("after");
  ws_end(&ann);
  assert_ok(chat_server_free(server));
}

#define TEST(name) cmocka_unit_test_setup(name, reset_application)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_verdict_behind_a_kick_publishes_nothing),
      TEST(who_has_gone_and_is_thrown_out_is_let_go_at_once),
      TEST(the_end_does_not_wait_for_verdicts),
      TEST(a_verdict_before_the_end_counts),
      TEST(what_was_said_behind_has_its_turn_when_no_verdict_comes),
      TEST(who_is_closed_for_malformed_frames_says_no_more),
  };
  return cmocka_run_group_tests_name("capi/decide", tests, NULL, NULL);
}
