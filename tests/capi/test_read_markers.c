/*
 * Read markers of the application: arguments, what a user's clients are told, and a restart. What clients do is in
 * tests/js/read_markers.test.mjs.
 */
#include <stdlib.h>
#include <unistd.h>

#include "support/callbacks.h"

static chat_verdict as_token(chat_server *server, chat_connect_event *event, application *self) {
  chat_identity identity = CHAT_IDENTITY_INIT;
  (void)self;
  identity.user_id = event->token;
  assert_ok(chat_set_identity(server, event->client, &identity));
  return CHAT_PASS;
}

static chat_server *start(chat_server_options options) {
  chat_server *server = start_application(&options);
  int i;
  for (i = 0; i < 3; i++) assert_ok(chat_broadcast(server, "lobby", "x", 1));
  return server;
}

static uint64_t seen(chat_server *server, const char *room, const char *user) {
  uint64_t seq = 99;
  assert_ok(chat_seen(server, room, user, &seq));
  return seq;
}

static void bad_arguments_are_refused(void **state) {
  chat_server *server = start(application_options());
  chat_server_options options = test_options();
  uint64_t seq = 99;
  (void)state;
  assert_error_about(chat_seen(server, NULL, "ann", &seq), ERROR_INVALID_ARGUMENT, "room");
  assert_int_equal(seq, 0);
  assert_error(chat_seen(server, "a/b", "ann", &seq), ERROR_INVALID_ROOM);
  assert_error_about(chat_seen(server, "lobby", NULL, &seq), ERROR_INVALID_ARGUMENT, "user_id");
  assert_error_about(chat_seen(server, "lobby", "ann", NULL), ERROR_INVALID_ARGUMENT, "seq");
  assert_error_about(chat_set_seen(server, NULL, "ann", 1), ERROR_INVALID_ARGUMENT, "room");
  assert_error(chat_set_seen(server, "a/b", "ann", 1), ERROR_INVALID_ROOM);
  assert_error(chat_set_seen(server, "nowhere", "ann", 1), ERROR_NO_SUCH_ROOM);
  assert_error_about(chat_set_seen(server, "lobby", "", 1), ERROR_INVALID_ARGUMENT, "user_id");
  assert_error(chat_set_seen(server, "lobby", "\xff", 1), ERROR_INVALID_UTF8);
  assert_ok(chat_server_free(server));
  options.socket_io_seen_event = "chat message";
  assert_error_about(chat_server_start(&options, &server), ERROR_INVALID_ARGUMENT, "options.socket_io_seen_event");
  options.socket_io_seen_event = "disconnect";
  assert_error(chat_server_start(&options, &server), ERROR_INVALID_EVENT);
}

static void a_marker_rises_and_the_clients_of_the_user_are_told(void **state) {
  chat_server_options options;
  chat_server *server;
  ws_client ann, bob;
  (void)state;
  app.connect = as_token;
  options = application_options();
  server = start(options);
  assert_int_equal(ws_open(&ann, chat_server_port(server), "/chat.v1?token=ann", ""), 101);
  expect_text(&ann, "welcome");
  assert_int_equal(ws_open(&bob, chat_server_port(server), "/chat.v1?token=bob", ""), 101);
  expect_text(&bob, "welcome");
  assert_int_equal(seen(server, "lobby", "ann"), 0);
  assert_int_equal(seen(server, "nowhere", "ann"), 0);
  assert_ok(chat_set_seen(server, "lobby", "ann", 2));
  expect_text(&ann, "{\"type\":\"seen\",\"room\":\"lobby\",\"seq\":2}");
  assert_ok(chat_set_seen(server, "lobby", "ann", 1));
  assert_int_equal(seen(server, "lobby", "ann"), 2);
  assert_ok(chat_set_seen(server, "lobby", "ann", UINT64_MAX));
  expect_text(&ann, "{\"type\":\"seen\",\"room\":\"lobby\",\"seq\":3}");
  assert_int_equal(seen(server, "lobby", "ann"), 3);
  /* What a client says is a marker too, and bob has heard nothing before his own reply. */
  assert_int_equal(ws_send_text(&bob, "{\"type\":\"seen\",\"seq\":1,\"ref\":7}"), 0);
  expect_text(&bob, "{\"type\":\"ack\",\"ref\":7}");
  assert_int_equal(seen(server, "lobby", "bob"), 1);
  ws_end(&ann);
  ws_end(&bob);
  assert_ok(chat_server_free(server));
}

static void markers_survive_a_restart(void **state) {
  char folder[64] = "/tmp/libchat-markers-XXXXXX";
  char path[96];
  char name[128];
  static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
  chat_server_options options = application_options();
  chat_server *server;
  int tries;
  size_t i;
  (void)state;
  if (!chat_has_feature("history-file")) skip();
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof(path), "%s/chat.db", folder);
  options.history_path = path;
  server = start(options);
  /* A message has its number when it is written. */
  for (tries = 0; tries < 20000 && seen(server, "lobby", "ann") != 3; tries++) {
    const struct timespec pause = {0, 1000000};
    assert_ok(chat_set_seen(server, "lobby", "ann", 3));
    nanosleep(&pause, NULL); /* On purpose: another thread writes. */
  }
  assert_ok(chat_server_free(server));
  server = start_application(&options);
  assert_int_equal(seen(server, "lobby", "ann"), 3);
  assert_int_equal(seen(server, "lobby", "bob"), 0);
  assert_ok(chat_close_room(server, "lobby", NULL));
  assert_int_equal(seen(server, "lobby", "ann"), 0);
  assert_ok(chat_server_free(server));
  for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
    snprintf(name, sizeof(name), "%s%s", path, ends[i]);
    unlink(name);
  }
  assert_int_equal(rmdir(folder), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(bad_arguments_are_refused, reset_application),
      cmocka_unit_test_setup(a_marker_rises_and_the_clients_of_the_user_are_told, reset_application),
      cmocka_unit_test_setup(markers_survive_a_restart, reset_application),
  };
  return cmocka_run_group_tests_name("capi/read markers", tests, NULL, NULL);
}
