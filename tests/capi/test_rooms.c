/*
 * Rooms, messages and their history as an application alone sees them, without a client. The server is host-driven and
 * never polled: none of this waits for a loop.
 */
#include "support/capi_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static chat_server *server;

static void start(chat_server_options *options) {
  options->threads = 0;
  if (chat_server_start(options, &server) != CHAT_OK) fail_msg("%s", chat_error_message());
}

static int start_with_defaults(void **state) {
  chat_server_options options = test_options();
  (void)state;
  start(&options);
  return 0;
}

static int end(void **state) {
  const chat_error error = chat_server_free(server);
  (void)state;
  server = NULL;
  return error == CHAT_OK ? 0 : -1;
}

static void say(const char *room, const char *text) { assert_ok(chat_broadcast(server, room, text, strlen(text))); }

/* "1:one 2:two " of a room, or of what is above a seq in it. */
typedef struct transcript {
  char text[4096];
  int visits, limit;
} transcript;

static int transcribe(const chat_message *message, void *user) {
  transcript *self = user;
  const size_t used = strlen(self->text);
  snprintf(self->text + used, sizeof(self->text) - used, "%d:%s ", (int)message->seq, (const char *)message->data);
  return ++self->visits == self->limit;
}

static const char *history(const char *room, uint64_t after_seq, size_t limit) {
  static transcript result;
  memset(&result, 0, sizeof(result));
  assert_ok(chat_history(server, room, after_seq, limit, transcribe, &result));
  return result.text;
}

typedef struct seen_rooms {
  int count, limit;
  char names[8][129];
  char epochs[8][65];
  uint64_t seqs[8];
  size_t members[8], kept[8];
} seen_rooms;

static int see_room(const chat_room *room, void *user) {
  seen_rooms *self = user;
  assert_int_equal(room->struct_size, sizeof(*room));
  snprintf(self->names[self->count], sizeof(self->names[0]), "%s", room->name);
  snprintf(self->epochs[self->count], sizeof(self->epochs[0]), "%s", room->epoch);
  self->seqs[self->count] = room->seq;
  self->members[self->count] = room->member_count;
  self->kept[self->count] = room->history_count;
  return ++self->count == self->limit;
}

static seen_rooms rooms(void) {
  seen_rooms result;
  memset(&result, 0, sizeof(result));
  assert_ok(chat_rooms(server, see_room, &result));
  return result;
}

static chat_stats stats(void) {
  chat_stats result;
  result.struct_size = sizeof(result);
  assert_ok(chat_server_stats(server, &result));
  return result;
}

static int count_client(const chat_client *client, void *user) {
  (void)client;
  ++*(int *)user;
  return 0;
}

static void a_new_server_is_empty(void **state) {
  int clients = 0;
  (void)state;
  assert_int_equal(rooms().count, 0);
  assert_ok(chat_members(server, NULL, count_client, &clients));
  assert_int_equal(clients, 0);
  assert_int_equal(stats().messages_published, 0);
}

static void messages_are_numbered_by_room(void **state) {
  chat_message message = CHAT_MESSAGE_INIT;
  uint64_t seq = 99;
  int clients = 0;
  seen_rooms seen;
  (void)state;
  say("b", "one");
  say("b", "two");
  message.room = "a";
  assert_ok(chat_publish(server, &message, &seq));
  assert_int_equal(seq, 1);
  message.room = "b";
  assert_ok(chat_publish(server, &message, &seq));
  assert_int_equal(seq, 3);
  assert_string_equal(history("b", 0, 0), "1:one 2:two 3: ");

  seen = rooms();
  assert_int_equal(seen.count, 2);
  assert_string_equal(seen.names[0], "a");
  assert_string_equal(seen.names[1], "b");
  assert_int_equal(seen.seqs[1], 3);
  assert_int_equal(seen.members[1], 0);
  assert_int_equal(seen.kept[1], 3);
  assert_string_not_equal(seen.epochs[0], seen.epochs[1]);
  assert_ok(chat_members(server, "b", count_client, &clients));
  assert_int_equal(clients, 0);
  assert_int_equal(stats().messages_published, 4);
  assert_int_equal(stats().rooms_now, 2);
  assert_true(stats().history_bytes_now > 0);
}

static void history_is_read_from_a_seq_and_to_a_limit(void **state) {
  transcript result;
  (void)state;
  say("r", "a"), say("r", "b"), say("r", "c"), say("r", "d");
  assert_string_equal(history("r", 2, 0), "3:c 4:d ");
  assert_string_equal(history("r", 0, 3), "2:b 3:c 4:d ");
  assert_string_equal(history("r", 4, 0), "");
  assert_string_equal(history("r", UINT64_MAX, 0), "");
  memset(&result, 0, sizeof(result));
  result.limit = 2; /* the visitor ends it, which is no error */
  assert_ok(chat_history(server, "r", 0, 0, transcribe, &result));
  assert_string_equal(result.text, "1:a 2:b ");
}

static const char *page(uint64_t after_seq, uint64_t before_seq, size_t limit) {
  static transcript result;
  memset(&result, 0, sizeof(result));
  assert_ok(chat_history_between(server, "r", after_seq, before_seq, limit, transcribe, &result));
  return result.text;
}

static void history_is_read_backwards_in_pages(void **state) {
  (void)state;
  say("r", "a"), say("r", "b"), say("r", "c"), say("r", "d");
  assert_string_equal(page(0, 0, 3), "2:b 3:c 4:d ");
  assert_string_equal(page(0, 2, 3), "1:a ");
  assert_string_equal(page(0, 1, 3), "");
  assert_string_equal(page(1, 4, 0), "2:b 3:c ");
  assert_string_equal(page(0, 4, 1), "3:c ");
  assert_string_equal(page(3, 3, 0), "");
  assert_string_equal(page(0, UINT64_MAX, 1), "4:d ");
  assert_string_equal(page(UINT64_MAX, UINT64_MAX, 0), "");
}

static const char *around(uint64_t seq, size_t limit) {
  static transcript result;
  memset(&result, 0, sizeof(result));
  assert_ok(chat_history_around(server, "r", seq, limit, transcribe, &result));
  return result.text;
}

static void history_is_read_around_a_message(void **state) {
  (void)state;
  say("r", "a"), say("r", "b"), say("r", "c"), say("r", "d"), say("r", "e");
  assert_string_equal(around(3, 1), "3:c ");
  assert_string_equal(around(3, 2), "3:c 4:d ");
  assert_string_equal(around(3, 3), "2:b 3:c 4:d ");
  assert_string_equal(around(1, 3), "1:a 2:b ");
  assert_string_equal(around(5, 3), "3:c 4:d 5:e "); /* more older ones for the missing newer one */
  assert_string_equal(around(3, 0), "1:a 2:b 3:c 4:d 5:e ");
  assert_string_equal(around(UINT64_MAX, 2), "4:d 5:e ");
  assert_string_equal(around(3, SIZE_MAX), "1:a 2:b 3:c 4:d 5:e ");
}

static void a_visit_of_rooms_may_end_early(void **state) {
  seen_rooms seen;
  (void)state;
  say("a", "x"), say("b", "x"), say("c", "x");
  memset(&seen, 0, sizeof(seen));
  seen.limit = 2;
  assert_ok(chat_rooms(server, see_room, &seen));
  assert_int_equal(seen.count, 2);
}

static int publish_more(const chat_message *message, void *user) {
  (void)user;
  assert_ok(chat_broadcast(server, message->room, "more", 4));
  assert_string_equal(history("elsewhere", 0, 0), "1:x ");
  assert_ok(chat_close_room(server, "elsewhere", NULL));
  say("elsewhere", "x");
  return 0;
}

static void a_visitor_may_call_anything(void **state) {
  (void)state;
  say("r", "a"), say("r", "b");
  say("elsewhere", "x");
  assert_ok(chat_history(server, "r", 0, 0, publish_more, NULL));
  assert_string_equal(history("r", 0, 0), "1:a 2:b 3:more 4:more ");
}

/* One message, as it comes back. */
typedef struct kept {
  int visits;
  chat_payload payload;
  char data[256], event[129], epoch[65], from_name[129], room[129];
  size_t data_size, attachment_count, attribute_count;
  char attachments[2][16];
  size_t attachment_sizes[2];
  char attribute_name[32], attribute_value[32];
  size_t attribute_size;
  uint64_t seq;
  chat_client_id from;
  int64_t time_ms;
} kept;

static int keep(const chat_message *message, void *user) {
  kept *self = user;
  size_t i;
  self->visits++;
  assert_int_equal(message->struct_size, sizeof(*message));
  self->payload = message->payload;
  self->data_size = message->data_size;
  assert_true(message->data_size < sizeof(self->data));
  memcpy(self->data, message->data, message->data_size + 1); /* there is a NUL behind the data */
  assert_int_equal(self->data[message->data_size], 0);
  snprintf(self->room, sizeof(self->room), "%s", message->room);
  snprintf(self->event, sizeof(self->event), "%s", message->event);
  snprintf(self->epoch, sizeof(self->epoch), "%s", message->epoch);
  snprintf(self->from_name, sizeof(self->from_name), "%s", message->from_name);
  self->attachment_count = message->attachment_count;
  for (i = 0; i < message->attachment_count && i < 2; i++) {
    self->attachment_sizes[i] = message->attachments[i].size_bytes;
    memcpy(self->attachments[i], message->attachments[i].data, message->attachments[i].size_bytes);
  }
  self->attribute_count = message->attribute_count;
  if (message->attribute_count != 0) {
    snprintf(self->attribute_name, sizeof(self->attribute_name), "%s", message->attributes[0].name);
    self->attribute_size = message->attributes[0].value_size;
    memcpy(self->attribute_value, message->attributes[0].value, self->attribute_size);
  }
  self->seq = message->seq;
  self->from = message->from;
  self->time_ms = message->time_ms;
  return 0;
}

static kept publish_and_read(chat_message *message) {
  kept result;
  uint64_t seq = 0;
  memset(&result, 0, sizeof(result));
  message->room = "r";
  assert_ok(chat_publish(server, message, &seq));
  assert_ok(chat_history(server, "r", seq - 1, 0, keep, &result));
  assert_int_equal(result.visits, 1);
  assert_int_equal(result.seq, seq);
  return result;
}

static void text_may_hold_nul(void **state) {
  chat_message message = CHAT_MESSAGE_INIT;
  kept back;
  (void)state;
  message.data = "a\0b";
  message.data_size = 3;
  back = publish_and_read(&message);
  assert_int_equal(back.payload, CHAT_PAYLOAD_TEXT);
  assert_int_equal(back.data_size, 3);
  assert_memory_equal(back.data, "a\0b", 3);
  assert_string_equal(back.event, "chat message");
  assert_string_equal(back.room, "r");
  assert_string_equal(back.from_name, "");
  assert_int_equal(back.from, 0);
  assert_true(strlen(back.epoch) > 0);
  assert_true(back.time_ms > 1700000000000);
}

static kept publish_args(const char *event, const char *json) {
  chat_message message = CHAT_MESSAGE_INIT;
  message.event = event;
  message.payload = CHAT_PAYLOAD_ARGS;
  message.data = json;
  message.data_size = strlen(json);
  return publish_and_read(&message);
}

static void arguments_come_back_as_they_were(void **state) {
  static const char *const lists[] = {"[]",
                                      "[null]",
                                      " [ 1 , 2 ]\n",
                                      "[123456789012345678901234567890, 1e400, -0.0]",
                                      "[\"\\u0000\",\"\\ud800\"]",
                                      "[{\"b\":1,\"a\":2,\"b\":3}]"};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
    const kept back = publish_args("position", lists[i]);
    assert_int_equal(back.payload, CHAT_PAYLOAD_ARGS);
    assert_string_equal(back.data, lists[i]);
    assert_string_equal(back.event, "position");
  }
}

/* One string as the argument of a chat message is text, whoever wrote it which way. */
static void a_lone_string_is_text(void **state) {
  kept back;
  (void)state;
  back = publish_args(NULL, "[\"caf\\u00e9\\n\"]");
  assert_int_equal(back.payload, CHAT_PAYLOAD_TEXT);
  assert_string_equal(back.data, "caf\xc3\xa9\n");
  back = publish_args("other", "[\"x\"]");
  assert_int_equal(back.payload, CHAT_PAYLOAD_ARGS);
  back = publish_args(NULL, "[\"x\",1]");
  assert_int_equal(back.payload, CHAT_PAYLOAD_ARGS);
}

static void bytes_are_binary(void **state) {
  chat_message message = CHAT_MESSAGE_INIT;
  chat_blob blob = {"\x00\xff\x01", 3};
  kept back;
  (void)state;
  message.payload = CHAT_PAYLOAD_BINARY;
  message.data = blob.data;
  message.data_size = blob.size_bytes;
  back = publish_and_read(&message);
  assert_int_equal(back.payload, CHAT_PAYLOAD_BINARY);
  assert_int_equal(back.data_size, 3);
  assert_memory_equal(back.data, "\x00\xff\x01", 3);
  assert_int_equal(back.attachment_count, 0);

  /* The long way to say the same. */
  message.payload = CHAT_PAYLOAD_ARGS;
  message.data = "[ {\"num\":0, \"_placeholder\":true} ]";
  message.data_size = strlen(message.data);
  message.attachments = &blob;
  message.attachment_count = 1;
  back = publish_and_read(&message);
  assert_int_equal(back.payload, CHAT_PAYLOAD_BINARY);
  assert_memory_equal(back.data, "\x00\xff\x01", 3);

  message.payload = CHAT_PAYLOAD_BINARY; /* no bytes are bytes too */
  message.data = NULL;
  message.data_size = 0;
  message.attachments = NULL;
  message.attachment_count = 0;
  back = publish_and_read(&message);
  assert_int_equal(back.payload, CHAT_PAYLOAD_BINARY);
  assert_int_equal(back.data_size, 0);
}

static void attachments_come_back(void **state) {
  const chat_blob blobs[2] = {{"abc", 3}, {"\0", 1}};
  chat_message message = CHAT_MESSAGE_INIT;
  kept back;
  (void)state;
  message.payload = CHAT_PAYLOAD_ARGS;
  message.data = "[{\"_placeholder\":true,\"num\":1},\"x\",{\"_placeholder\":true,\"num\":0}]";
  message.data_size = strlen(message.data);
  message.attachments = blobs;
  message.attachment_count = 2;
  back = publish_and_read(&message);
  assert_int_equal(back.payload, CHAT_PAYLOAD_ARGS);
  assert_string_equal(back.data, message.data);
  assert_int_equal(back.attachment_count, 2);
  assert_int_equal(back.attachment_sizes[0], 3);
  assert_memory_equal(back.attachments[0], "abc", 3);
  assert_int_equal(back.attachment_sizes[1], 1);
}

static void attributes_and_sender_come_back(void **state) {
  const chat_pair pair = {"priority", "hi\0gh", 5};
  chat_message message = CHAT_MESSAGE_INIT;
  kept back;
  (void)state;
  message.attributes = &pair;
  message.attribute_count = 1;
  message.from_name = "the management";
  back = publish_and_read(&message);
  assert_string_equal(back.from_name, "the management");
  assert_int_equal(back.attribute_count, 1);
  assert_string_equal(back.attribute_name, "priority");
  assert_int_equal(back.attribute_size, 5);
  assert_memory_equal(back.attribute_value, "hi\0gh", 5);
}

/* A message that the library has shown can be published as it is: what only the library sets is not read. */
static int publish_again(const chat_message *message, void *user) {
  uint64_t seq = 0;
  (void)user;
  assert_ok(chat_publish(server, message, &seq));
  assert_int_equal(seq, message->seq + 1);
  return 0;
}

static void a_shown_message_can_be_published(void **state) {
  (void)state;
  say("r", "again");
  assert_ok(chat_history(server, "r", 0, 0, publish_again, NULL));
  assert_string_equal(history("r", 0, 0), "1:again 2:again ");
}

static void ephemeral_messages_leave_no_trace(void **state) {
  chat_message message = CHAT_MESSAGE_INIT;
  uint64_t seq = 99;
  (void)state;
  message.room = "r";
  message.ephemeral = 1;
  assert_ok(chat_publish(server, &message, &seq));
  assert_int_equal(seq, 0);
  message.room = NULL; /* to everyone */
  message.ephemeral = 0;
  seq = 99;
  assert_ok(chat_publish(server, &message, &seq));
  assert_int_equal(seq, 0);
  assert_ok(chat_broadcast(server, NULL, "hear", 4));
  assert_ok(chat_broadcast(server, NULL, NULL, 0));
  assert_int_equal(rooms().count, 0);
  assert_int_equal(stats().messages_published, 4);
}

static void closing_a_room_begins_another_epoch(void **state) {
  char epoch[65];
  (void)state;
  say("r", "a");
  snprintf(epoch, sizeof(epoch), "%s", rooms().epochs[0]);
  assert_ok(chat_close_room(server, "r", "spring cleaning"));
  assert_int_equal(rooms().count, 0);
  assert_int_equal(stats().history_bytes_now, 0);
  say("r", "b");
  assert_string_equal(history("r", 0, 0), "1:b ");
  assert_string_not_equal(rooms().epochs[0], epoch);
}

static void users_can_be_banned_before_they_come(void **state) {
  (void)state;
  assert_ok(chat_ban_user(server, "troll", "r", 60000, "be nice"));
  assert_int_equal(rooms().count, 1);
  assert_ok(chat_ban_user(server, "troll", "r", 0, NULL));
  assert_int_equal(rooms().count, 0);
  assert_ok(chat_ban_user(server, "troll", "r", INT64_MAX, NULL));
}

static void the_options_limit_rooms_and_history(void **state) {
  const char *events[] = {"typing"};
  chat_server_options options = test_options();
  chat_message message = CHAT_MESSAGE_INIT;
  uint64_t seq = 99;
  (void)state;
  options.max_rooms = 2;
  options.history_messages = 2;
  options.ephemeral_events = events;
  options.ephemeral_event_count = 1;
  start(&options);
  say("a", "1"), say("a", "2"), say("a", "3");
  assert_string_equal(history("a", 0, 0), "2:2 3:3 ");
  assert_ok(chat_ban_user(server, "troll", "a", 60000, NULL));
  assert_ok(chat_ban_user(server, "troll", "b", 60000, NULL)); /* so that neither can be forgotten for another */
  assert_error(chat_broadcast(server, "c", "x", 1), ERROR_TOO_MANY);
  assert_ok(chat_ban_user(server, "troll", "b", 0, NULL));
  say("b", "1");
  say("c", "1");
  assert_error(chat_history(server, "b", 0, 0, transcribe, NULL), ERROR_NO_SUCH_ROOM);
  message.room = "a";
  message.event = "typing";
  assert_ok(chat_publish(server, &message, &seq));
  assert_int_equal(seq, 0);
  end(NULL);

  options.history_off = 1;
  start(&options);
  say("a", "1");
  assert_int_equal(rooms().count, 0);
  end(NULL);
}

int main(void) {
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, start_with_defaults, end)
  const struct CMUnitTest tests[] = {
      WITH_SERVER(a_new_server_is_empty),
      WITH_SERVER(messages_are_numbered_by_room),
      WITH_SERVER(history_is_read_from_a_seq_and_to_a_limit),
      WITH_SERVER(history_is_read_backwards_in_pages),
      WITH_SERVER(history_is_read_around_a_message),
      WITH_SERVER(a_visit_of_rooms_may_end_early),
      WITH_SERVER(a_visitor_may_call_anything),
      WITH_SERVER(text_may_hold_nul),
      WITH_SERVER(arguments_come_back_as_they_were),
      WITH_SERVER(a_lone_string_is_text),
      WITH_SERVER(bytes_are_binary),
      WITH_SERVER(attachments_come_back),
      WITH_SERVER(attributes_and_sender_come_back),
      WITH_SERVER(a_shown_message_can_be_published),
      WITH_SERVER(ephemeral_messages_leave_no_trace),
      WITH_SERVER(closing_a_room_begins_another_epoch),
      WITH_SERVER(users_can_be_banned_before_they_come),
      cmocka_unit_test(the_options_limit_rooms_and_history),
  };
  return cmocka_run_group_tests_name("capi/rooms", tests, NULL, NULL);
}
