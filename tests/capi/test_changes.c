/*
 * Changes of kept messages by the application: chat_edit(), chat_redact() and chat_react(), their arguments, and what
 * on_published and chat_history() show of them. What clients change is in tests/js/changes.test.mjs.
 */
#include "support/callbacks.h"

static void on_published(chat_server *server, const chat_message *message, void *user) {
  application *self = user;
  (void)server;
  journal_write(&self->lines, "published %d kind %d of %d %s by %s/%s: %.*s added %d count %d", (int)message->seq,
                (int)message->event_kind, (int)message->target_seq, message->event, message->from_name,
                message->from_user_id, (int)message->data_size, (const char *)message->data, message->added,
                message->reaction_count == 0 ? 0 : (int)message->reactions[0].users);
}

static chat_server *start(void) {
  chat_server_options options = application_options();
  chat_server *server;
  options.callbacks.on_published = on_published;
  server = start_application(&options);
  assert_ok(chat_broadcast(server, "lobby", "one", 3));
  assert_ok(chat_broadcast(server, "lobby", "two", 3));
  return server;
}

static chat_message text(const char *data) {
  chat_message message = CHAT_MESSAGE_INIT;
  message.data = data;
  message.data_size = strlen(data);
  return message;
}

/* Of each message: "SEQ:DATA edited=0|1 redacted=0|1 REACTION=USERS... ". */
static int show(const chat_message *message, void *user) {
  char *line = user;
  size_t i;
  snprintf(line + strlen(line), 512 - strlen(line), "%d:%.*s edited=%d redacted=%d", (int)message->seq,
           (int)message->data_size, (const char *)message->data, message->edited_ms != 0, message->redacted);
  for (i = 0; i < message->reaction_count; i++) {
    snprintf(line + strlen(line), 512 - strlen(line), " %s=%d", message->reactions[i].reaction,
             (int)message->reactions[i].users);
  }
  snprintf(line + strlen(line), 512 - strlen(line), " reply_to=%d. ", (int)message->reply_to);
  return 0;
}

static void assert_kept(chat_server *server, const char *expected) {
  char line[512] = "";
  assert_ok(chat_history(server, "lobby", 0, 0, show, line));
  assert_string_equal(line, expected);
}

static void bad_arguments_are_refused(void **state) {
  chat_server *server = start();
  chat_message message = text("new");
  chat_message bad = text("\xff");
  (void)state;
  assert_error_about(chat_edit(NULL, "lobby", 1, &message), ERROR_INVALID_ARGUMENT, "server is NULL");
  assert_error_about(chat_redact(NULL, "lobby", 1, NULL), ERROR_INVALID_ARGUMENT, "server is NULL");
  assert_error_about(chat_react(NULL, "lobby", 1, NULL, "+1", 1), ERROR_INVALID_ARGUMENT, "server is NULL");
  assert_error_about(chat_edit(server, "lobby", 1, NULL), ERROR_INVALID_ARGUMENT, "message");
  assert_error_about(chat_edit(server, NULL, 1, &message), ERROR_INVALID_ARGUMENT, "room");
  assert_error(chat_edit(server, "a/b", 1, &message), ERROR_INVALID_ROOM);
  assert_error(chat_edit(server, "lobby", 1, &bad), ERROR_INVALID_UTF8);
  message.from = 999;
  assert_error(chat_edit(server, "lobby", 1, &message), ERROR_NO_SUCH_CLIENT);
  message.from = 0;
  assert_error(chat_redact(server, NULL, 1, NULL), ERROR_INVALID_ARGUMENT);
  assert_error_about(chat_redact(server, "lobby", 1, "a\nb"), ERROR_INVALID_ARGUMENT, "user_id");
  assert_error_about(chat_react(server, "lobby", 1, NULL, NULL, 1), ERROR_INVALID_ARGUMENT, "reaction");
  assert_error(chat_react(server, "lobby", 1, NULL, "", 1), ERROR_INVALID_ARGUMENT);
  assert_error(chat_react(server, "lobby", 1, NULL, "123456789012345678901234567890123", 1), ERROR_INVALID_ARGUMENT);
  assert_error(chat_react(server, "lobby", 1, NULL, "\xff", 1), ERROR_INVALID_UTF8);
  assert_error(chat_react(server, "lobby", 1, "\xff", "+1", 1), ERROR_INVALID_UTF8);
  /* There is no such message: the number 0, one above the newest, another room. */
  assert_error(chat_edit(server, "lobby", 0, &message), ERROR_NO_SUCH_MESSAGE);
  assert_error(chat_edit(server, "lobby", 3, &message), ERROR_NO_SUCH_MESSAGE);
  assert_error(chat_redact(server, "lobby", UINT64_MAX, NULL), ERROR_NO_SUCH_MESSAGE);
  assert_error(chat_react(server, "other", 1, NULL, "+1", 1), ERROR_NO_SUCH_MESSAGE);
  assert_kept(server, "1:one edited=0 redacted=0 reply_to=0. 2:two edited=0 redacted=0 reply_to=0. ");
  assert_ok(chat_server_free(server));
}

static void the_application_changes_messages(void **state) {
  chat_server *server = start();
  chat_message message = text("uno");
  ws_client client;
  (void)state;
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat.v1", ""), 101);
  expect_text(&client, "welcome");
  message.from_name = "Editor";
  message.from_user_id = "ed";
  message.event = "ignored";
  message.reply_to = 2;
  assert_ok(chat_edit(server, "lobby", 1, &message));
  expect_text(&client, "\"type\":\"edit\"");
  expect_line("published 3 kind 1 of 1 chat edit by Editor/ed: uno added 0 count 0");
  assert_ok(chat_react(server, "lobby", 1, "ann", "+1", 1));
  expect_text(&client, "\"added\":true,\"reaction\":\"+1\",\"count\":1");
  expect_line("published 4 kind 4 of 1 chat react by ann/ann: +1 added 1 count 1");
  assert_ok(chat_react(server, "lobby", 1, "ann", "+1", 1)); /* changes nothing */
  assert_ok(chat_react(server, "lobby", 1, NULL, "+1", 1));
  expect_line("published 5 kind 4 of 1 chat react by /: +1 added 1 count 2");
  assert_ok(chat_react(server, "lobby", 1, "ann", "+1", 0));
  expect_line("published 6 kind 4 of 1 chat react by ann/ann: +1 added 0 count 1");
  assert_kept(server, "1:uno edited=1 redacted=0 +1=1 reply_to=0. 2:two edited=0 redacted=0 reply_to=0. ");
  assert_ok(chat_redact(server, "lobby", 1, "mod"));
  expect_line("published 7 kind 2 of 1 chat delete by mod/mod:  added 0 count 0");
  assert_kept(server, "1: edited=0 redacted=1 reply_to=0. 2:two edited=0 redacted=0 reply_to=0. ");
  /* What was deleted, and what is no message, cannot be changed. */
  assert_error(chat_edit(server, "lobby", 1, &message), ERROR_NO_SUCH_MESSAGE);
  assert_error(chat_redact(server, "lobby", 1, NULL), ERROR_NO_SUCH_MESSAGE);
  assert_error(chat_react(server, "lobby", 1, NULL, "+1", 1), ERROR_NO_SUCH_MESSAGE);
  assert_error(chat_edit(server, "lobby", 3, &message), ERROR_NO_SUCH_MESSAGE);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static void a_message_has_so_many_reactions(void **state) {
  chat_server *server = start();
  char reaction[8];
  int i;
  (void)state;
  for (i = 0; i < 20; i++) {
    snprintf(reaction, sizeof(reaction), "r%d", i);
    assert_ok(chat_react(server, "lobby", 2, "ann", reaction, 1));
  }
  assert_error(chat_react(server, "lobby", 2, "ann", "r20", 1), ERROR_TOO_MANY);
  assert_ok(chat_react(server, "lobby", 2, "bob", "r0", 1));
  assert_ok(chat_react(server, "lobby", 2, "ann", "r1", 0));
  assert_ok(chat_react(server, "lobby", 2, "ann", "r20", 1));
  assert_ok(chat_server_free(server));
}

/* In a callback the change comes after what the callback decides about. */
static chat_verdict redact_first(chat_server *server, chat_message_event *event, application *self) {
  (void)event;
  (void)self;
  assert_ok(chat_redact(server, "lobby", 1, NULL));
  return CHAT_PASS;
}

static void a_callback_changes_messages(void **state) {
  chat_server *server;
  ws_client client;
  (void)state;
  app.message = redact_first;
  server = start();
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", ""), 101);
  assert_int_equal(ws_send_text(&client, "hello"), 0);
  assert_true(expect_line("published 3 kind 0 of 0 chat message by guest-1/: hello added 0 count 0") <
              expect_line("published 4 kind 2 of 1 chat delete by /:  added 0 count 0"));
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(bad_arguments_are_refused, reset_application),
      cmocka_unit_test_setup(the_application_changes_messages, reset_application),
      cmocka_unit_test_setup(a_message_has_so_many_reactions, reset_application),
      cmocka_unit_test_setup(a_callback_changes_messages, reset_application),
  };
  return cmocka_run_group_tests_name("capi/changes", tests, NULL, NULL);
}
