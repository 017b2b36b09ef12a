/*
 * What clients say and what the application makes of it: on_message and on_authorize with their verdicts, answers,
 * and the order of what is done inside a callback.
 */
#include "support/callbacks.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

static chat_server *start(void) {
  const chat_server_options options = application_options();
  return start_application(&options);
}

static void say(ws_client *client, const char *json) { assert_int_equal(ws_send_text(client, json), 0); }

/* Verdicts ----------------------------------------------------------------------------------------------------------*/

static chat_verdict by_first_word(chat_server *server, chat_message_event *event, application *self) {
  const char *text = event->message->data;
  chat_message other = *event->message;
  (void)server;
  if (strcmp(text, "refuse") == 0) {
    snprintf(event->reason, sizeof(event->reason), "mind your language");
    return CHAT_REFUSE;
  }
  if (strcmp(text, "refuse without a reason") == 0) return CHAT_REFUSE;
  if (strcmp(text, "refuse by a call") == 0) return chat_message_event_refuse(event, "be kind");
  if (strcmp(text, "refuse at length") == 0) {
    /* Two bytes for each, so that the end of the buffer cuts one in two. */
    size_t i;
    for (i = 0; i + 1 < sizeof(event->reason); i += 2) memcpy(event->reason + i, "\xc3\xa9", 2);
    event->reason[0] = 'x';
    event->reason[1] = 'x';
    memmove(event->reason + 1, event->reason + 2, sizeof(event->reason) - 2);
    return CHAT_REFUSE;
  }
  if (strcmp(text, "consume") == 0) return CHAT_CONSUME;
  if (strcmp(text, "nonsense") == 0) return (chat_verdict)9;
  if (strcmp(text, "change") == 0) {
    other.room = "somewhere else"; /* stays as it is */
    other.from = 99;               /* so does the sender */
    other.event = "changed";
    other.data = "changed text";
    other.data_size = 12;
    journal_write(&self->lines, "replace %s", error_name(chat_message_event_replace(event, &other)));
    journal_write(&self->lines, "still %s", (const char *)event->message->data);
    other.data = "changed again";
    other.data_size = 13;
    journal_write(&self->lines, "replace %s", error_name(chat_message_event_replace(event, &other)));
  }
  if (strcmp(text, "change badly") == 0) {
    other.event = "disconnect";
    journal_write(&self->lines, "replace %s", error_name(chat_message_event_replace(event, &other)));
    journal_write(&self->lines, "replace %s", error_name(chat_message_event_replace(event, NULL)));
  }
  return CHAT_PASS;
}

static void verdicts_on_messages(void **state) {
  chat_server *server;
  ws_client one, two;
  chat_stats stats;
  (void)state;
  app.message = by_first_word;
  server = start();
  open_v1(&one, server, "/chat.v1");
  open_v1(&two, server, "/chat.v1");

  say(&one, "{\"type\":\"send\",\"text\":\"pass\",\"ref\":1}");
  expect_text(&two, "\"text\":\"pass\"");
  expect_line("message 1 lobby chat message: pass");

  say(&one, "{\"type\":\"send\",\"text\":\"refuse\",\"ref\":2}");
  say(&one, "{\"type\":\"send\",\"text\":\"refuse without a reason\",\"ref\":3}");
  say(&one, "{\"type\":\"send\",\"text\":\"refuse at length\",\"ref\":4}");
  say(&one, "{\"type\":\"send\",\"text\":\"nonsense\",\"ref\":5}");
  say(&one, "{\"type\":\"send\",\"text\":\"consume\",\"ref\":6}");
  say(&one, "{\"type\":\"send\",\"text\":\"change\",\"ref\":7}");
  say(&one, "{\"type\":\"send\",\"text\":\"change badly\",\"ref\":8}");

  /* The second client sees only what has passed, with nothing in between. */
  expect_text(&two, "changed again");
  assert_non_null(strstr(two.data, "\"seq\":2,"));
  assert_non_null(strstr(two.data, "\"event\":\"changed\""));
  assert_non_null(strstr(two.data, "\"room\":\"lobby\""));
  assert_non_null(strstr(two.data, "\"id\":\"1\""));
  expect_text(&two, "\"text\":\"change badly\"");
  assert_true(journal_count(&app.lines, "replace OK") == 2);
  expect_line("still change");
  expect_line("replace ERROR_INVALID_EVENT");
  expect_line("replace ERROR_INVALID_ARGUMENT");
  assert_true(journal_contains(&app.lines, "log 1 on_message returned 9"));

  stats.struct_size = sizeof(stats);
  assert_ok(chat_server_stats(server, &stats));
  assert_int_equal(stats.messages_in, 8);
  assert_int_equal(stats.messages_in_by_protocol[CHAT_PROTOCOL_CHAT_V1], 8);
  assert_int_equal(stats.messages_in_by_transport[0], 8);
  assert_int_equal(stats.messages_refused, 4);
  assert_int_equal(stats.messages_published, 3);
  assert_int_equal(stats.clients_now, 2);
  assert_int_equal(stats.clients_now_by_protocol[CHAT_PROTOCOL_CHAT_V1], 2);
  assert_int_equal(stats.clients_now_by_transport[0], 2);
  assert_int_equal(stats.connections_now, 2);
  assert_true(stats.bytes_in > 0 && stats.bytes_out > 0);
  ws_end(&one);
  ws_end(&two);
  assert_ok(chat_server_free(server));
}

/* The next frame of the given type; others may come before it. */
static void expect_type(ws_client *client, const char *type, const char *part) {
  char wanted[64];
  snprintf(wanted, sizeof(wanted), "{\"type\":\"%s\"", type);
  do {
    assert_int_equal(ws_receive(client, WS_TIMEOUT_MS), WS_TEXT);
  } while (strncmp(client->data, wanted, strlen(wanted)) != 0);
  if (strstr(client->data, part) == NULL) fail_msg("\"%s\" is not in: %s", part, client->data);
}

static void the_sender_hears_the_verdict(void **state) {
  chat_server *server;
  ws_client client;
  (void)state;
  app.message = by_first_word;
  server = start();
  open_v1(&client, server, "/chat.v1");
  say(&client, "{\"type\":\"send\",\"text\":\"pass\",\"ref\":1}");
  expect_type(&client, "ack", "\"ref\":1,\"seq\":1,");
  say(&client, "{\"type\":\"send\",\"text\":\"refuse\",\"ref\":2}");
  expect_type(&client, "error", "\"ref\":2,\"code\":\"forbidden\",\"reason\":\"mind your language\"");
  say(&client, "{\"type\":\"send\",\"text\":\"refuse without a reason\",\"ref\":3}");
  expect_type(&client, "error", "\"ref\":3,\"code\":\"forbidden\"");
  say(&client, "{\"type\":\"send\",\"text\":\"refuse at length\",\"ref\":4}");
  expect_type(&client, "error", "\"reason\":\"x\xc3\xa9\xc3\xa9");
  assert_int_equal(client.data[strlen(client.data) - 3], '\xa9'); /* whole characters only */
  say(&client, "{\"type\":\"send\",\"text\":\"refuse by a call\",\"ref\":5}");
  expect_type(&client, "error", "\"ref\":5,\"code\":\"forbidden\",\"reason\":\"be kind\"");
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static chat_verdict look(chat_server *server, chat_message_event *event, application *self) {
  const chat_message *message = event->message;
  (void)server;
  journal_write(&self->lines, "sizes %d %d", event->struct_size == sizeof(*event),
                message->struct_size == sizeof(*message));
  journal_write(&self->lines, "payload %d %.*s, %d attachments", (int)message->payload, (int)message->data_size,
                (const char *)message->data, (int)message->attachment_count);
  if (message->attachment_count != 0) {
    journal_write(&self->lines, "attachment %.*s", (int)message->attachments[0].size_bytes,
                  (const char *)message->attachments[0].data);
  }
  if (message->attribute_count != 0) {
    journal_write(&self->lines, "attribute %s=%s", message->attributes[0].name, message->attributes[0].value);
  }
  journal_write(&self->lines, "from %u %s, ephemeral %d, except %u, ack %d, seq %d", id_of(message->from),
                message->from_name, message->ephemeral, id_of(message->except), event->ack_id != 0, (int)message->seq);
  return CHAT_PASS;
}

static void messages_are_shown_whole(void **state) {
  chat_server *server;
  ws_client client, plain;
  (void)state;
  app.message = look;
  server = start();
  open_v1(&client, server, "/chat.v1");
  say(&client,
      "{\"type\":\"send\",\"event\":\"e\",\"args\":[ 1e400 ,{\"_placeholder\":true,\"num\":0}],"
      "\"attachments\":[\"YWJj\"],\"attributes\":{\"k\":\"v\"},\"ephemeral\":true,\"except_self\":true,"
      "\"ref\":1}");
  expect_line("message 1 lobby e: [ 1e400 ,{\"_placeholder\":true,\"num\":0}]");
  expect_line("payload 1 [ 1e400 ,{\"_placeholder\":true,\"num\":0}], 1 attachments");
  expect_line("attachment abc");
  expect_line("attribute k=v");
  expect_line("from 1 guest-1, ephemeral 1, except 1, ack 1, seq 0");
  expect_line("sizes 1 1");

  assert_int_equal(ws_open(&plain, chat_server_port(server), "/chat", NULL), 101);
  assert_int_equal(ws_send(&plain, WS_BINARY, "bytes", 5), 0);
  expect_line("payload 2 bytes, 0 attachments");
  assert_int_equal(ws_send_text(&plain, ""), 0);
  expect_line("payload 0 , 0 attachments");
  expect_line("from 2 guest-2, ephemeral 0, except 0, ack 0, seq 0");
  ws_end(&plain);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

/* Order -------------------------------------------------------------------------------------------------------------*/

static chat_verdict publish_inside(chat_server *server, chat_message_event *event, application *self) {
  uint64_t seq = 77;
  chat_message message = CHAT_MESSAGE_INIT;
  message.room = event->message->room;
  message.data = "second";
  message.data_size = 6;
  journal_write(&self->lines, "publish %s", error_name(chat_publish(server, &message, &seq)));
  journal_write(&self->lines, "seq %d", (int)seq);
  journal_write(&self->lines, "broadcast %s", error_name(chat_broadcast(server, message.room, "third", 5)));
  /* What is wrong with the arguments is told at once. */
  journal_write(&self->lines, "bad room %s", error_name(chat_broadcast(server, "a/b", "x", 1)));
  journal_write(&self->lines, "bad client %s", error_name(chat_kick(server, 999, NULL)));
  /* What only shows later goes to the log. */
  journal_write(&self->lines, "leave %s", error_name(chat_leave(server, event->client, "nowhere")));
  return CHAT_PASS;
}

static void what_is_published_inside_comes_after(void **state) {
  chat_server *server;
  ws_client one, two;
  (void)state;
  app.message = publish_inside;
  server = start();
  open_v1(&one, server, "/chat.v1");
  open_v1(&two, server, "/chat.v1");
  say(&one, "{\"type\":\"send\",\"text\":\"first\"}");
  expect_text(&two, "\"text\":\"first\"");
  expect_text(&two, "\"text\":\"second\"");
  expect_text(&two, "\"text\":\"third\"");
  assert_non_null(strstr(two.data, "\"seq\":3,"));
  expect_line("publish OK");
  expect_line("seq 0");
  expect_line("broadcast OK");
  expect_line("bad room ERROR_INVALID_ROOM");
  expect_line("bad client ERROR_NO_SUCH_CLIENT");
  expect_line("leave OK");
  expect_line("log 2 chat_leave failed after its callback: not a member of the room nowhere");
  assert_int_equal(journal_count(&app.lines, "message 1 lobby chat message: first"), 1);
  expect_no_line_with("message 1 lobby chat message: second"); /* it is not asked about what it says itself */
  ws_end(&one);
  ws_end(&two);
  assert_ok(chat_server_free(server));
}

static chat_verdict join_inside(chat_server *server, chat_message_event *event, application *self) {
  journal_write(&self->lines, "join %s", error_name(chat_join(server, event->client, "dev")));
  journal_write(&self->lines, "broadcast %s", error_name(chat_broadcast(server, "dev", "welcome to dev", 14)));
  journal_write(&self->lines, "kick %s", error_name(chat_kick(server, event->client, "and out")));
  return CHAT_CONSUME;
}

static void what_is_done_inside_keeps_its_own_order(void **state) {
  chat_server *server;
  ws_client client;
  (void)state;
  app.message = join_inside;
  server = start();
  open_v1(&client, server, "/chat.v1");
  say(&client, "{\"type\":\"send\",\"text\":\"x\"}");
  expect_text(&client, "\"type\":\"joined\",\"room\":\"dev\"");
  expect_text(&client, "welcome to dev");
  expect_close(&client, 1008);
  assert_string_equal(client.close_reason, "and out");
  expect_line("join OK");
  expect_line("broadcast OK");
  expect_line("kick OK");
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

/* Answers -----------------------------------------------------------------------------------------------------------*/

static chat_verdict answer(chat_server *server, chat_message_event *event, application *self) {
  const char *text = event->message->data;
  const chat_blob blob = {"abc", 3};
  const char with_blob[] = "[{\"_placeholder\":true,\"num\":0}]";
  if (strcmp(text, "unasked") == 0) {
    journal_write(&self->lines, "ack %d", (int)event->ack_id);
    journal_write(&self->lines, "reply %s",
                  error_name(chat_reply(server, event->client, event->ack_id, "[]", 2, NULL, 0)));
    return CHAT_PASS;
  }
  if (strcmp(text, "later") == 0) {
    *(uint64_t *)self->memory = event->ack_id;
    journal_write(&self->lines, "kept");
    return CHAT_CONSUME;
  }
  if (strcmp(text, "for another") == 0) {
    /* The same number, but of another client: this message keeps its own acknowledgement. */
    journal_write(&self->lines, "reply to 1 %s", error_name(chat_reply(server, 1, event->ack_id, "[]", 2, NULL, 0)));
    return CHAT_PASS;
  }
  journal_write(&self->lines, "reply %s",
                error_name(chat_reply(server, event->client, event->ack_id, with_blob, strlen(with_blob), &blob, 1)));
  journal_write(&self->lines, "again %s",
                error_name(chat_reply(server, event->client, event->ack_id, "[2]", 3, NULL, 0)));
  return strcmp(text, "consume") == 0 ? CHAT_CONSUME : CHAT_PASS;
}

static void the_application_answers(void **state) {
  uint64_t ack_id = 0;
  chat_server *server;
  ws_client client, other;
  (void)state;
  app.message = answer;
  app.memory = &ack_id;
  server = start();
  open_v1(&client, server, "/chat.v1");

  say(&client, "{\"type\":\"send\",\"text\":\"pass\",\"ref\":\"q\"}");
  expect_text(&client, "\"text\":\"pass\"");
  expect_text(&client,
              "{\"type\":\"ack\",\"ref\":\"q\",\"args\":[{\"_placeholder\":true,\"num\":0}],"
              "\"attachments\":[\"YWJj\"]}");
  expect_line("reply OK");
  expect_line("again ERROR_WRONG_STATE");

  say(&client, "{\"type\":\"send\",\"text\":\"consume\",\"ref\":2}");
  expect_text(&client, "{\"type\":\"ack\",\"ref\":2,\"args\":[");

  say(&client, "{\"type\":\"send\",\"text\":\"later\",\"ref\":3}");
  expect_line("kept");
  assert_ok(chat_reply(server, 1, ack_id, "[true]", 6, NULL, 0));
  expect_text(&client, "{\"type\":\"ack\",\"ref\":3,\"args\":[true]}");
  assert_ok(chat_reply(server, 1, ack_id, "[false]", 7, NULL, 0)); /* it has been answered: nothing comes */
  assert_ok(chat_reply(server, 1, 9999, "[false]", 7, NULL, 0));   /* never asked */

  say(&client, "{\"type\":\"send\",\"text\":\"unasked\"}");
  expect_text(&client, "\"text\":\"unasked\"");
  expect_line("ack 0");
  expect_line("reply ERROR_INVALID_ARGUMENT");

  open_v1(&other, server, "/chat.v1");
  say(&other, "{\"type\":\"send\",\"text\":\"for another\",\"ref\":5}");
  expect_type(&other, "ack", "\"ref\":5,\"seq\":3,");
  expect_line("reply to 1 OK");
  ws_end(&other);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static void plain_has_no_answers(void **state) {
  chat_server *server = start();
  ws_client client;
  (void)state;
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", NULL), 101);
  expect_line("open 1 lobby");
  assert_error(chat_reply(server, 1, 1, "[]", 2, NULL, 0), ERROR_UNSUPPORTED);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

/* Authorisation -----------------------------------------------------------------------------------------------------*/

static chat_verdict by_action(chat_server *server, chat_authorize_event *event, application *self) {
  (void)server;
  if (event->action == *(chat_action *)self->memory) {
    char reason[64];
    snprintf(reason, sizeof(reason), "no %d today", (int)event->action);
    return chat_authorize_event_refuse(event, reason);
  }
  return CHAT_PASS;
}

static void each_action_can_be_refused(void **state) {
  static const struct {
    chat_action action;
    const char *request, *asked, *done;
  } cases[] = {
      {CHAT_ACTION_JOIN, "{\"type\":\"join\",\"room\":\"dev\"}", "authorize 1 1 dev ", "\"type\":\"joined\""},
      {CHAT_ACTION_PUBLISH, "{\"type\":\"send\",\"event\":\"e\",\"args\":[]}", "authorize 1 2 lobby e",
       "\"type\":\"message\""},
      {CHAT_ACTION_HISTORY, "{\"type\":\"history\"}", "authorize 1 3 lobby ", "\"type\":\"history\""},
      {CHAT_ACTION_MEMBERS, "{\"type\":\"members\"}", "authorize 1 4 lobby ", "\"members\":[{\"id\":\"1\""},
      {CHAT_ACTION_ROOMS, "{\"type\":\"rooms\"}", "authorize 1 5  ", "\"rooms\":[{\"name\":\"dev\""},
      {CHAT_ACTION_RENAME, "{\"type\":\"name\",\"name\":\"Ann\"}", "authorize 1 6  Ann",
       "\"type\":\"named\",\"name\":\"Ann\""},
  };
  chat_action refused = (chat_action)0;
  chat_server *server;
  ws_client client;
  size_t i;
  (void)state;
  app.authorize = by_action;
  app.memory = &refused;
  server = start();
  open_v1(&client, server, "/chat.v1");
  expect_line("authorize 1 1 lobby ");
  for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char reason[64];
    refused = cases[i].action;
    say(&client, cases[i].request);
    snprintf(reason, sizeof(reason), "\"code\":\"forbidden\",\"reason\":\"no %d today\"", (int)refused);
    expect_text(&client, reason);
    expect_line(cases[i].asked);
    refused = (chat_action)0;
    say(&client, cases[i].request);
    expect_text(&client, cases[i].done);
  }
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static void lists_are_off_without_on_authorize(void **state) {
  chat_server *server = start();
  ws_client client;
  (void)state;
  open_v1(&client, server, "/chat.v1");
  say(&client, "{\"type\":\"members\"}");
  expect_text(&client, "\"code\":\"forbidden\"");
  say(&client, "{\"type\":\"rooms\"}");
  expect_text(&client, "\"code\":\"forbidden\"");
  say(&client, "{\"type\":\"name\",\"name\":\"Ann\"}");
  expect_text(&client, "\"type\":\"named\"");
  say(&client, "{\"type\":\"history\"}");
  expect_text(&client, "\"type\":\"history\"");
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

/* Slow callbacks ----------------------------------------------------------------------------------------------------*/

static chat_verdict dawdle(chat_server *server, chat_message_event *event, application *self) {
  const struct timespec while_ = {0, 30 * 1000000};
  (void)server, (void)event, (void)self;
  nanosleep(&while_, NULL); /* On purpose: longer than slow_callback_ms at least. */
  return CHAT_PASS;
}

static void a_slow_callback_is_told_now_and_then(void **state) {
  chat_server_options options;
  chat_server *server;
  ws_client client;
  int64_t begin_ms;
  int i, lines = 0;
  (void)state;
  app.message = dawdle;
  options = application_options();
  options.slow_callback_ms = 20;
  server = start_application(&options);
  open_v1(&client, server, "/chat.v1");
  begin_ms = ws_clock_ms();
  for (i = 0; i < 5; i++) {
    say(&client, "{\"type\":\"send\",\"text\":\"x\"}");
    expect_text(&client, "\"type\":\"message\"");
  }
  ws_end(&client);
  assert_ok(chat_server_free(server));
  for (i = 0; i < app.lines.count; i++) lines += strncmp(app.lines.lines[i], "log 2 on_message took ", 22) == 0;
  /* One a second at most, and not one for each: on a busy machine the five take longer. */
  assert_in_range(lines, 1, 1 + (ws_clock_ms() - begin_ms) / 1000);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, reset_application)
  const struct CMUnitTest tests[] = {
      TEST(verdicts_on_messages),
      TEST(the_sender_hears_the_verdict),
      TEST(messages_are_shown_whole),
      TEST(what_is_published_inside_comes_after),
      TEST(what_is_done_inside_keeps_its_own_order),
      TEST(the_application_answers),
      TEST(plain_has_no_answers),
      TEST(each_action_can_be_refused),
      TEST(lists_are_off_without_on_authorize),
      TEST(a_slow_callback_is_told_now_and_then),
  };
  return cmocka_run_group_tests_name("capi/messages", tests, NULL, NULL);
}
