/*
 * Moderation by the application: arguments, roles, on_audit, on_report, and what the clients of a room are refused. What
 * clients moderate is in tests/js/moderation.test.mjs.
 */
#include "support/callbacks.h"

static void on_audit(chat_server *server, const chat_audit_event *event, void *user) {
  (void)server;
  assert_int_equal(event->struct_size, sizeof *event);
  journal_write(&((application *)user)->lines, "audit %s %s %u [%s] by %u [%s] %lld %lld: %s", event->room,
                event->action_name, id_of(event->client), event->user_id, id_of(event->actor), event->actor_name,
                (long long)event->duration_ms, (long long)event->value, event->reason);
}

static void on_report(chat_server *server, const chat_report_event *event, void *user) {
  (void)server;
  assert_int_equal(event->struct_size, sizeof *event);
  assert_true(event->time_ms > 0 && event->message->time_ms > 0);
  journal_write(&((application *)user)->lines, "report %s %llu [%s] of [%s] by %u [%s] [%s]: %s", event->message->room,
                (unsigned long long)event->message->seq, (const char *)event->message->data,
                event->message->from_user_id, id_of(event->client), event->user_id, event->name, event->reason);
}

static chat_verdict as_ann(chat_server *server, chat_connect_event *event, application *self) {
  chat_identity identity = CHAT_IDENTITY_INIT;
  const chat_pair role = {"role:lobby", "moderator", strlen("moderator")};
  (void)self;
  identity.user_id = event->token;
  identity.name = event->token;
  if (strcmp(event->token, "mod") == 0) {
    identity.attributes = &role;
    identity.attribute_count = 1;
  }
  assert_ok(chat_set_identity(server, event->client, &identity));
  return CHAT_PASS;
}

static chat_server *start(void) {
  chat_server_options options;
  app.connect = as_ann;
  options = application_options();
  options.callbacks.on_audit = on_audit;
  options.callbacks.on_report = on_report;
  return start_application(&options);
}

static chat_moderation moderation(chat_moderation_action action) {
  chat_moderation result = CHAT_MODERATION_INIT;
  result.room = "lobby";
  result.action = action;
  return result;
}

static void refused(chat_server *server, chat_moderation what, chat_error expected, const char *about) {
  assert_int_equal(chat_moderate(server, &what), expected);
  if (strstr(chat_error_message(), about) == NULL) fail_msg("\"%s\" is not in: %s", about, chat_error_message());
}

static void bad_arguments_are_refused(void **state) {
  chat_server *server = start();
  chat_moderation what = moderation(CHAT_MODERATION_BAN);
  chat_role role = CHAT_ROLE_OWNER;
  (void)state;
  refused(server, what, CHAT_ERROR_INVALID_ARGUMENT, "exactly one");
  what.client = 999;
  refused(server, what, CHAT_ERROR_NO_SUCH_CLIENT, "no such client");
  what.client = 0;
  what.address = "192.0.2.0/40";
  refused(server, what, CHAT_ERROR_INVALID_ARGUMENT, "address");
  what.address = "192.0.2.0/24";
  what.duration_ms = -1;
  refused(server, what, CHAT_ERROR_INVALID_ARGUMENT, "duration_ms");
  what = moderation(CHAT_MODERATION_READ_ONLY);
  what.value = 2;
  refused(server, what, CHAT_ERROR_INVALID_ARGUMENT, "value");
  what = moderation((chat_moderation_action)99);
  refused(server, what, CHAT_ERROR_INVALID_ARGUMENT, "moderation.action");
  what = moderation(CHAT_MODERATION_CLOSE);
  what.room = NULL;
  refused(server, what, CHAT_ERROR_INVALID_ARGUMENT, "room");
  what.room = "nowhere";
  refused(server, what, CHAT_ERROR_NO_SUCH_ROOM, "nowhere");
  what.struct_size = 1;
  refused(server, what, CHAT_ERROR_INVALID_ARGUMENT, "struct_size");
  assert_int_equal(chat_moderate(server, NULL), CHAT_ERROR_INVALID_ARGUMENT);
  assert_int_equal(chat_set_role(server, "lobby", "ann", CHAT_ROLE_COUNT), CHAT_ERROR_INVALID_ARGUMENT);
  assert_int_equal(chat_set_role(server, "lobby", "", CHAT_ROLE_OWNER), CHAT_ERROR_INVALID_ARGUMENT);
  assert_int_equal(chat_client_role(server, 999, "lobby", &role), CHAT_ERROR_NO_SUCH_CLIENT);
  assert_int_equal(role, CHAT_ROLE_GUEST);
  assert_int_equal(chat_client_role(server, 1, "lobby", NULL), CHAT_ERROR_INVALID_ARGUMENT);
  assert_int_equal(chat_has_feature("moderation"), 1);
  expect_no_line_with("audit");
  assert_ok(chat_server_free(server));
}

static void what_the_application_does_is_audited(void **state) {
  chat_server *server = start();
  chat_moderation what = moderation(CHAT_MODERATION_MUTE);
  ws_client ann;
  (void)state;
  assert_int_equal(ws_open(&ann, chat_server_port(server), "/chat.v1?token=ann", ""), 101);
  expect_text(&ann, "welcome");
  what.client = 1;
  what.duration_ms = 60000;
  what.reason = "spam";
  assert_ok(chat_moderate(server, &what));
  expect_line("audit lobby mute 1 [ann] by 0 [] 60000 0: spam");
  assert_int_equal(ws_send_text(&ann, "{\"type\":\"send\",\"text\":\"hi\",\"ref\":1}"), 0);
  expect_text(&ann, "\"code\":\"muted\"");
  assert_ok(chat_set_role(server, "lobby", "ann", CHAT_ROLE_OWNER));
  expect_line("audit lobby role 0 [ann] by 0 [] 0 3: ");
  assert_ok(chat_ban_user(server, "ann", "lobby", 1000, "enough"));
  expect_line("audit lobby ban 0 [ann] by 0 [] 1000 0: enough");
  expect_text(&ann, "\"type\":\"left\"");
  assert_ok(chat_close_room(server, "lobby", "over"));
  expect_line("audit lobby close 0 [] by 0 [] 0 0: over");
  ws_end(&ann);
  assert_ok(chat_server_free(server));
}

static void roles_come_from_the_identity_and_from_the_application(void **state) {
  chat_server *server = start();
  ws_client mod, ann;
  chat_role role = CHAT_ROLE_GUEST;
  (void)state;
  assert_int_equal(ws_open(&mod, chat_server_port(server), "/chat.v1?token=mod", ""), 101);
  expect_text(&mod, "welcome");
  assert_int_equal(ws_open(&ann, chat_server_port(server), "/chat.v1?token=ann", ""), 101);
  expect_text(&ann, "welcome");
  assert_ok(chat_client_role(server, 1, "lobby", &role));
  assert_int_equal(role, CHAT_ROLE_MODERATOR);
  assert_ok(chat_client_role(server, 1, "elsewhere", &role));
  assert_int_equal(role, CHAT_ROLE_MEMBER);
  assert_ok(chat_set_role(server, "lobby", "ann", CHAT_ROLE_OWNER));
  assert_ok(chat_client_role(server, 2, "lobby", &role));
  assert_int_equal(role, CHAT_ROLE_OWNER);

  assert_int_equal(ws_send_text(&mod, "{\"type\":\"moderate\",\"action\":\"kick\",\"user\":\"ann\",\"ref\":1}"), 0);
  expect_text(&mod, "\"code\":\"forbidden\"");
  assert_int_equal(
      ws_send_text(&ann, "{\"type\":\"moderate\",\"action\":\"kick\",\"client\":\"1\",\"reason\":\"bye\",\"ref\":2}"),
      0);
  expect_line("audit lobby kick 1 [mod] by 2 [ann] 0 0: bye");
  expect_text(&ann, "\"type\":\"moderated\"");
  expect_text(&mod, "\"reason\":\"bye\"");
  ws_end(&mod);
  ws_end(&ann);
  assert_ok(chat_server_free(server));
}

static void a_report_is_told(void **state) {
  chat_server *server = start();
  ws_client ann, mod;
  (void)state;
  assert_int_equal(ws_open(&ann, chat_server_port(server), "/chat.v1?token=ann", ""), 101);
  expect_text(&ann, "welcome");
  assert_int_equal(ws_open(&mod, chat_server_port(server), "/chat.v1?token=mod", ""), 101);
  expect_text(&mod, "welcome");
  assert_int_equal(ws_send_text(&ann, "{\"type\":\"send\",\"text\":\"rude\",\"ref\":1}"), 0);
  expect_text(&ann, "\"type\":\"ack\"");
  expect_text(&mod, "rude");
  assert_int_equal(ws_send_text(&mod, "{\"type\":\"report\",\"target\":1,\"reason\":\"spam\",\"ref\":2}"), 0);
  expect_text(&mod, "{\"type\":\"ack\",\"ref\":2}");
  expect_line("report lobby 1 [rude] of [ann] by 2 [mod] [mod]: spam");
  assert_int_equal(ws_send_text(&mod, "{\"type\":\"report\",\"target\":9,\"ref\":3}"), 0);
  expect_text(&mod, "\"code\":\"no_such_message\"");
  ws_end(&ann);
  ws_end(&mod);
  assert_ok(chat_server_free(server));
}

static int count_message(const chat_message *message, void *user) {
  if (!message->redacted) ++*(int *)user;
  return 0;
}

static void clear_deletes_the_messages_of_a_user(void **state) {
  chat_server *server = start();
  chat_moderation what = moderation(CHAT_MODERATION_CLEAR);
  ws_client ann;
  int readable = 0;
  (void)state;
  what.user_id = "ann";
  what.room = "nowhere";
  refused(server, what, CHAT_ERROR_NO_SUCH_ROOM, "nowhere");
  what.room = "lobby";
  assert_int_equal(ws_open(&ann, chat_server_port(server), "/chat.v1?token=ann", ""), 101);
  expect_text(&ann, "welcome");
  assert_int_equal(ws_send_text(&ann, "{\"type\":\"send\",\"text\":\"one\"}"), 0);
  assert_int_equal(ws_send_text(&ann, "{\"type\":\"send\",\"text\":\"two\",\"ref\":1}"), 0);
  expect_text(&ann, "one");
  expect_text(&ann, "\"type\":\"ack\"");
  expect_text(&ann, "two");
  assert_ok(chat_broadcast(server, "lobby", "three", 5));
  expect_text(&ann, "three");
  what.reason = "spam";
  assert_ok(chat_moderate(server, &what));
  expect_line("audit lobby clear 0 [ann] by 0 [] 0 0: spam");
  expect_text(&ann, "\"type\":\"delete\"");
  expect_text(&ann, "\"type\":\"delete\"");
  assert_ok(chat_history(server, "lobby", 0, 0, count_message, &readable));
  assert_int_equal(readable, 1);
  ws_end(&ann);
  assert_ok(chat_server_free(server));
}

static void a_kick_is_audited(void **state) {
  chat_server *server = start();
  ws_client ann;
  (void)state;
  assert_int_equal(ws_open(&ann, chat_server_port(server), "/chat.v1?token=ann", ""), 101);
  expect_text(&ann, "welcome");
  assert_ok(chat_kick(server, 1, "enough"));
  expect_line("audit  kick 1 [ann] by 0 [] 0 0: enough");
  ws_end(&ann);
  assert_ok(chat_server_free(server));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(bad_arguments_are_refused, reset_application),
      cmocka_unit_test_setup(what_the_application_does_is_audited, reset_application),
      cmocka_unit_test_setup(roles_come_from_the_identity_and_from_the_application, reset_application),
      cmocka_unit_test_setup(a_report_is_told, reset_application),
      cmocka_unit_test_setup(clear_deletes_the_messages_of_a_user, reset_application),
      cmocka_unit_test_setup(a_kick_is_audited, reset_application),
  };
  return cmocka_run_group_tests_name("capi/moderation", tests, NULL, NULL);
}
