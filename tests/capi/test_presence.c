/*
 * Presence: its options, the level of a room, and what the application learns. What clients receive is in
 * tests/js/presence.test.mjs.
 */
#include <string.h>

#include "support/capi_test.h"

#include <stdio.h>
#include <string.h>

#include "support/journal.h"
#include "support/ws_client.h"

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
static size_t people_count; /* in all rooms */
static int count_room(const chat_room *room, void *user) {
  (void)user;
  ++room_count;
  people_count += room->people_count;
  return 0;
}

static size_t rooms_of(chat_server *server) {
  room_count = people_count = 0;
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

static journal lines = JOURNAL_INIT;

/* Everything of a person: "ann//Ann/{}" or a guest "/17/guest-17/". */
static void add_person(char *line, size_t size, const char *list, const chat_person *person) {
  const size_t used = strlen(line);
  char id[24] = "";
  assert_int_equal(person->struct_size, sizeof(chat_person));
  if (person->id != 0) snprintf(id, sizeof id, "%d", (int)person->id);
  snprintf(line + used, size - used, " %s:%s/%s/%s/%s", list, person->user_id, id, person->name, person->state);
}

static void on_presence(chat_server *server, const chat_presence_event *event, void *user) {
  char line[1000];
  size_t i;
  (void)server;
  assert_ptr_equal(user, &lines);
  assert_int_equal(event->struct_size, sizeof *event);
  assert_true(strlen(event->epoch) > 0);
  assert_true(event->time_ms > 1700000000000);
  assert_true((event->joined == NULL) == (event->joined_count == 0));
  snprintf(line, sizeof line, "%s %d", event->room, (int)event->count);
  for (i = 0; i < event->joined_count; i++) add_person(line, sizeof line, "joined", event->joined[i]);
  for (i = 0; i < event->left_count; i++) add_person(line, sizeof line, "left", event->left[i]);
  for (i = 0; i < event->changed_count; i++) add_person(line, sizeof line, "changed", event->changed[i]);
  journal_write(&lines, "%s", line);
}

static chat_verdict on_connect(chat_server *server, chat_connect_event *event, void *user) {
  chat_identity identity = CHAT_IDENTITY_INIT;
  (void)user;
  if (strcmp(event->token, "ann") != 0) return CHAT_PASS;
  identity.user_id = "ann";
  identity.name = "Ann";
  chat_accept(server, event->client, &identity);
  return CHAT_PASS;
}

static chat_verdict on_authorize(chat_server *server, chat_authorize_event *event, void *user) {
  (void)server;
  (void)user;
  if (event->action != CHAT_ACTION_STATE) return CHAT_PASS;
  assert_string_equal(event->room, "");
  if (strstr(event->value, "rude") != NULL) return chat_authorize_event_refuse(event, "be kind");
  return CHAT_PASS;
}

static int list_person(const chat_person *person, void *user) {
  add_person((char *)user, 1000, "is", person);
  return 0;
}

static void ignore(ws_client *client, const char *until) {
  do {
    assert_int_equal(ws_receive(client, WS_TIMEOUT_MS), WS_TEXT);
  } while (strstr(client->data, until) == NULL);
}

/* At the level of counts too. */
static void the_application_learns_who_is_there(void **state) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  ws_client ann;
  ws_client guest;
  char people[1000] = "";
  (void)state;
  options.user = &lines;
  options.presence = CHAT_PRESENCE_COUNTS;
  options.presence_grace_ms = 1;
  options.callbacks.on_presence = on_presence;
  options.callbacks.on_connect = on_connect;
  options.callbacks.on_authorize = on_authorize;
  journal_clear(&lines);
  assert_ok(chat_server_start(&options, &server));
  assert_int_equal(ws_open(&ann, chat_server_port(server), "/chat.v1?token=ann", NULL), 101);
  assert_true(journal_wait(&lines, "lobby 1 joined:ann//Ann/") >= 0);
  assert_int_equal(ws_open(&guest, chat_server_port(server), "/chat.v1", NULL), 101);
  assert_true(journal_wait(&lines, "lobby 2 joined:/2/guest-2/") >= 0);

  assert_int_equal(ws_send_text(&ann, "{\"type\":\"state\",\"state\":{\"away\":true},\"ref\":1}"), 0);
  ignore(&ann, "{\"type\":\"ack\",\"ref\":1}");
  assert_true(journal_wait(&lines, "lobby 2 changed:ann//Ann/{\"away\":true}") >= 0);
  assert_int_equal(ws_send_text(&ann, "{\"type\":\"state\",\"state\":\"rude\",\"ref\":2}"), 0);
  ignore(&ann, "be kind");
  assert_ok(chat_set_state(server, 2, " [1]\n"));
  assert_true(journal_wait(&lines, "lobby 2 changed:/2/guest-2/[1]") >= 0);
  assert_ok(chat_presence(server, "lobby", list_person, people));
  assert_non_null(strstr(people, " is:ann//Ann/{\"away\":true}"));
  assert_non_null(strstr(people, " is:/2/guest-2/[1]"));
  assert_int_equal(rooms_of(server), 1);
  assert_int_equal(people_count, 2);
  assert_ok(chat_set_state(server, 2, " null "));
  assert_true(journal_wait(&lines, "lobby 2 changed:/2/guest-2/") >= 0);

  ws_end(&ann);
  assert_true(journal_wait(&lines, "lobby 1 left:ann//Ann/{\"away\":true}") >= 0);
  ws_end(&guest);
  assert_ok(chat_server_free(server));
}

static void nobody_is_asked_for(void **state) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  char people[1000] = "";
  (void)state;
  assert_ok(chat_server_start(&options, &server));
  assert_error(chat_presence(server, "lobby", list_person, people), ERROR_FORBIDDEN);
  assert_ok(chat_room_set_presence(server, "dev", CHAT_PRESENCE_FULL));
  assert_ok(chat_presence(server, "dev", list_person, people));
  assert_string_equal(people, "");
  assert_ok(chat_server_free(server));
}

static void a_state_is_json(void **state) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  char large[1027];
  (void)state;
  options.presence = CHAT_PRESENCE_FULL;
  assert_ok(chat_server_start(&options, &server));
  assert_error_about(chat_set_state(server, 1, ""), ERROR_INVALID_JSON, "state_json");
  assert_error(chat_set_state(server, 1, "{away:1}"), ERROR_INVALID_JSON);
  assert_error(chat_set_state(server, 1, "\"\xff\""), ERROR_INVALID_UTF8);
  memset(large, '1', 1025);
  large[1025] = '\0';
  assert_error_about(chat_set_state(server, 1, large), ERROR_TOO_LARGE, "1,024");
  large[1024] = '\0';
  assert_error(chat_set_state(server, 1, large), ERROR_NO_SUCH_CLIENT);
  assert_ok(chat_server_free(server));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bad_options_are_refused),
      cmocka_unit_test(a_room_keeps_its_level),
      cmocka_unit_test(the_application_learns_who_is_there),
      cmocka_unit_test(nobody_is_asked_for),
      cmocka_unit_test(a_state_is_json),
  };
  return cmocka_run_group_tests_name("capi/presence", tests, NULL, NULL);
}
