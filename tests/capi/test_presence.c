/*
 * Presence: its options, and the level of a room. What clients receive is in tests/js/presence.test.mjs.
 */
#include <string.h>

#include "support/capi_test.h"

static void invalid(chat_server_options options, const char *about) {
  chat_server *server = NULL;
  assert_error_about(chat_server_start(&options, &server), ERROR_INVALID_ARGUMENT, about);
  assert_null(server);
}

static void bad_options_are_refused(void **state) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  (void)state;
  options.presence = (chat_presence_level)3;
  invalid(options, "options.presence");
  options = test_options();
  options.presence_grace_ms = -1;
  invalid(options, "options.presence_grace_ms");
  options.presence_grace_ms = 3600001;
  invalid(options, "options.presence_grace_ms");
  options = test_options();
  options.presence_event = "chat message";
  invalid(options, "options.presence_event");
  options.presence_event = "";
  assert_int_equal(chat_server_start(&options, &server), CHAT_ERROR_INVALID_EVENT);
  options.presence_event = "disconnect";
  assert_int_equal(chat_server_start(&options, &server), CHAT_ERROR_INVALID_EVENT);
}

static size_t room_count;
static int count_room(const chat_room *room, void *user) {
  (void)room;
  (void)user;
  ++room_count;
  return 0;
}

static size_t rooms_of(chat_server *server) {
  room_count = 0;
  assert_ok(chat_rooms(server, count_room, NULL));
  return room_count;
}

/* A room with a level of its own remains, until it has that of the options again. */
static void a_room_keeps_its_level(void **state) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  (void)state;
  options.presence = CHAT_PRESENCE_COUNTS;
  assert_ok(chat_server_start(&options, &server));
  assert_ok(chat_room_set_presence(server, "dev", CHAT_PRESENCE_FULL));
  assert_int_equal(rooms_of(server), 1);
  assert_ok(chat_room_set_presence(server, "dev", CHAT_PRESENCE_OFF));
  assert_int_equal(rooms_of(server), 1);
  assert_ok(chat_room_set_presence(server, "dev", CHAT_PRESENCE_COUNTS));
  assert_int_equal(rooms_of(server), 0);
  assert_int_equal(chat_room_set_presence(server, "dev", (chat_presence_level)3), CHAT_ERROR_INVALID_ARGUMENT);
  assert_ok(chat_server_free(server));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bad_options_are_refused),
      cmocka_unit_test(a_room_keeps_its_level),
  };
  return cmocka_run_group_tests_name("capi/presence", tests, NULL, NULL);
}
