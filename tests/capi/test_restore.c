/*
 * A room whose history the application brings: what comes back, how the numbering continues, and that bad input changes
 * nothing. The server is host-driven and never polled.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/capi_test.h"

#define TIME_MS 1700000000000

static chat_server *server;

static int begin(chat_server_options *options) {
  options->threads = 0;
  options->history_age_ms = CHAT_UNLIMITED;
  return chat_server_start(options, &server) == CHAT_OK ? 0 : -1;
}

static int start(void **state) {
  chat_server_options options = test_options();
  (void)state;
  return begin(&options);
}

static int end(void **state) {
  const chat_error error = chat_server_free(server);
  (void)state;
  server = NULL;
  return error == CHAT_OK ? 0 : -1;
}

static chat_message text(uint64_t seq, const char *data) {
  chat_message message = CHAT_MESSAGE_INIT;
  message.data = data;
  message.data_size = strlen(data);
  message.seq = seq;
  message.time_ms = TIME_MS + (int64_t)seq;
  return message;
}

/* "3:three " and so on; who has said it and when is looked at here. */
typedef struct transcript {
  char text[1024];
} transcript;

static int transcribe(const chat_message *message, void *user) {
  transcript *self = user;
  const size_t used = strlen(self->text);
  snprintf(self->text + used, sizeof(self->text) - used, "%d:%s/%s/%s/%d/%s ", (int)message->seq,
           (const char *)message->data, message->from_name, message->from_user_id, (int)message->from, message->epoch);
  if (message->from_name[0] != '\0') assert_int_equal(message->time_ms, TIME_MS + (int64_t)message->seq);
  return 0;
}

static const char *history(const char *room, uint64_t after_seq) {
  static transcript result;
  memset(&result, 0, sizeof(result));
  assert_ok(chat_history(server, room, after_seq, 0, transcribe, &result));
  return result.text;
}

static int count_rooms(const chat_room *room, void *user) {
  (void)room;
  ++*(int *)user;
  return 0;
}

static int rooms(void) {
  int count = 0;
  assert_ok(chat_rooms(server, count_rooms, &count));
  return count;
}

static uint64_t publish(const char *room, const char *data) {
  chat_message message = CHAT_MESSAGE_INIT;
  uint64_t seq = 0;
  message.room = room;
  message.data = data;
  message.data_size = strlen(data);
  assert_ok(chat_publish(server, &message, &seq));
  return seq;
}

static void messages_come_back_with_number_epoch_time_and_sender(void **state) {
  chat_message messages[3];
  (void)state;
  messages[0] = text(3, "three");
  messages[0].from_name = "Ann";
  messages[0].from_user_id = "ann";
  messages[0].from = 12; /* long gone */
  messages[0].room = "dev";
  messages[0].epoch = "k3v9";
  messages[1] = text(4, "four");
  messages[1].from_name = "bot";
  messages[1].except = 1;
  messages[2] = text(7, "seven");
  assert_ok(chat_room_restore(server, "dev", "k3v9", 0, messages, 3));
  assert_string_equal(history("dev", 0), "3:three/Ann/ann/12/k3v9 4:four/bot//0/k3v9 7:seven///0/k3v9 ");
  assert_string_equal(history("dev", 5), "7:seven///0/k3v9 ");
  assert_int_equal(publish("dev", "next"), 8);
  assert_string_equal(history("dev", 7), "8:next///0/k3v9 ");
}

static void the_numbering_may_have_gone_further(void **state) {
  chat_message message = text(3, "three");
  (void)state;
  assert_ok(chat_room_restore(server, "dev", "e", 100, &message, 1));
  assert_int_equal(publish("dev", "next"), 101);
  message = text((uint64_t)1 << 52, "the last");
  assert_ok(chat_room_restore(server, "far", "e", 0, &message, 1));
  assert_true(publish("far", "next") == ((uint64_t)1 << 52) + 1);
}

/* What one server shows another one takes, as it is. */
static int restore_one(const chat_message *message, void *user) {
  chat_server *other = user;
  assert_ok(chat_room_restore(other, message->room, message->epoch, 0, message, 1));
  return 0;
}

static void a_shown_message_can_be_restored(void **state) {
  chat_server_options options = test_options();
  chat_server *const first = server;
  const char *shown;
  char before[1024];
  (void)state;
  publish("dev", "said");
  snprintf(before, sizeof(before), "%s", history("dev", 0));
  assert_int_equal(begin(&options), 0);
  assert_ok(chat_history(first, "dev", 0, 0, restore_one, server));
  shown = history("dev", 0);
  assert_string_equal(shown, before);
  end(NULL);
  server = first;
}

static void only_a_room_without_messages_can_be_restored(void **state) {
  chat_message message = text(1, "old");
  chat_message typing = CHAT_MESSAGE_INIT;
  (void)state;
  publish("dev", "new");
  assert_error(chat_room_restore(server, "dev", "e", 0, &message, 1), ERROR_WRONG_STATE);
  assert_ok(chat_room_restore(server, "quiet", "e", 0, &message, 1));
  assert_error(chat_room_restore(server, "quiet", "e", 0, &message, 1), ERROR_WRONG_STATE);
  /* A room may be there: banned from it, and told what is not numbered. */
  assert_ok(chat_ban_user(server, "troll", "known", 60000, NULL));
  typing.room = "known";
  typing.ephemeral = 1;
  assert_ok(chat_publish(server, &typing, NULL));
  assert_ok(chat_room_restore(server, "known", "e", 0, &message, 1));
  /* One that was closed begins anew. */
  assert_ok(chat_close_room(server, "dev", NULL));
  assert_ok(chat_room_restore(server, "dev", "e", 0, &message, 1));
  assert_string_equal(history("dev", 0), "1:old///0/e ");
}

static void bad_input_changes_nothing(void **state) {
  chat_message messages[2];
  char epoch[66];
  (void)state;
#define BAD(call, part)                                                                                       \
  do {                                                                                                        \
    assert_error(call, ERROR_INVALID_ARGUMENT);                                                               \
    if (strstr(chat_error_message(), part) == NULL) fail_msg("%s: not about %s", chat_error_message(), part); \
    assert_int_equal(rooms(), 0);                                                                             \
  } while (0)
#define RESET() (messages[0] = text(1, "one"), messages[1] = text(2, "two"))
  RESET();
  BAD(chat_room_restore(server, "dev", "e", 0, NULL, 2), "messages");
  BAD(chat_room_restore(server, "dev", "e", 0, messages, 0), "messages");
  BAD(chat_room_restore(server, "dev", NULL, 0, messages, 2), "epoch");
  BAD(chat_room_restore(server, "dev", "", 0, messages, 2), "epoch");
  BAD(chat_room_restore(server, "dev", "a:b", 0, messages, 2), "epoch");
  memset(epoch, 'e', sizeof(epoch));
  epoch[65] = '\0';
  BAD(chat_room_restore(server, "dev", epoch, 0, messages, 2), "epoch");
  BAD(chat_room_restore(server, "dev", "e", 1, messages, 2), "seq");
  BAD(chat_room_restore(server, "dev", "e", ((uint64_t)1 << 52) + 1, messages, 2), "seq");
  messages[1].seq = 1;
  BAD(chat_room_restore(server, "dev", "e", 0, messages, 2), "messages[1].seq");
  RESET(), messages[0].seq = 0;
  BAD(chat_room_restore(server, "dev", "e", 0, messages, 2), "messages[0].");
  RESET(), messages[1].seq = UINT64_MAX;
  BAD(chat_room_restore(server, "dev", "e", 0, messages, 2), "seq");
  RESET(), messages[1].time_ms = 0;
  BAD(chat_room_restore(server, "dev", "e", 0, messages, 2), "messages[1].time_ms");
  RESET(), messages[1].ephemeral = 1;
  BAD(chat_room_restore(server, "dev", "e", 0, messages, 2), "messages[1].ephemeral");
  RESET(), messages[1].room = "other";
  BAD(chat_room_restore(server, "dev", "e", 0, messages, 2), "messages[1].room");
  RESET(), messages[1].epoch = "other";
  BAD(chat_room_restore(server, "dev", "e", 0, messages, 2), "messages[1].epoch");
  RESET(), messages[1].struct_size = 0;
  BAD(chat_room_restore(server, "dev", "e", 0, messages, 2), "messages[1].struct_size");
  RESET(), messages[0].struct_size = 0;
  BAD(chat_room_restore(server, "dev", "e", 0, messages, 2), "messages[0].");
  RESET(), messages[1].from_user_id = "a\nb";
  BAD(chat_room_restore(server, "dev", "e", 0, messages, 2), "messages[1].from_user_id");
  RESET(), messages[1].from_name = "a\nb", messages[1].from = 5;
  BAD(chat_room_restore(server, "dev", "e", 0, messages, 2), "messages[1].from_name");
  RESET(), messages[1].event = "connect";
  assert_error(chat_room_restore(server, "dev", "e", 0, messages, 2), ERROR_INVALID_EVENT);
  RESET(), messages[1].data = "\xff", messages[1].data_size = 1;
  assert_error(chat_room_restore(server, "dev", "e", 0, messages, 2), ERROR_INVALID_UTF8);
  assert_error(chat_room_restore(server, "a/b", "e", 0, messages, 2), ERROR_INVALID_ROOM);
  assert_int_equal(rooms(), 0);
  RESET();
  assert_ok(chat_room_restore(server, "dev", "e", 0, messages, 2));
#undef RESET
#undef BAD
}

static void the_limits_of_history_apply(void **state) {
  chat_server_options options = test_options();
  chat_message messages[5];
  int i;
  (void)state;
  for (i = 0; i < 5; i++) messages[i] = text((uint64_t)i + 1, "x");
  options.history_messages = 2;
  options.max_rooms = 1;
  assert_int_equal(begin(&options), 0);
  assert_ok(chat_room_restore(server, "dev", "e", 0, messages, 5));
  assert_string_equal(history("dev", 0), "4:x///0/e 5:x///0/e ");
  assert_ok(chat_ban_user(server, "troll", "dev", 60000, NULL)); /* so that it cannot be forgotten for another */
  assert_error(chat_room_restore(server, "more", "e", 0, messages, 5), ERROR_TOO_MANY);
  end(NULL);

  /* What is too old goes, and with it a room that has nothing else. */
  options.threads = 0;
  options.history_age_ms = 60000;
  assert_ok(chat_server_start(&options, &server));
  assert_ok(chat_room_restore(server, "dev", "e", 0, messages, 5));
  assert_int_equal(rooms(), 0);
  messages[0].time_ms = INT64_MAX; /* a clock that goes wrong: as new as can be */
  assert_ok(chat_room_restore(server, "dev", "e", 0, messages, 1));
  assert_int_equal(rooms(), 1);
  end(NULL);
}

static void the_application_may_name_a_user(void **state) {
  chat_message message = CHAT_MESSAGE_INIT;
  (void)state;
  message.room = "dev";
  message.data = "hello";
  message.data_size = 5;
  message.from_user_id = "ann";
  assert_ok(chat_publish(server, &message, NULL));
  assert_non_null(strstr(history("dev", 0), "1:hello//ann/0/"));
  message.from_user_id = "a\nb";
  assert_error(chat_publish(server, &message, NULL), ERROR_INVALID_ARGUMENT);
}

int main(void) {
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, start, end)
  const struct CMUnitTest tests[] = {
      WITH_SERVER(messages_come_back_with_number_epoch_time_and_sender),
      WITH_SERVER(the_numbering_may_have_gone_further),
      WITH_SERVER(a_shown_message_can_be_restored),
      WITH_SERVER(only_a_room_without_messages_can_be_restored),
      WITH_SERVER(bad_input_changes_nothing),
      cmocka_unit_test(the_limits_of_history_apply),
      WITH_SERVER(the_application_may_name_a_user),
  };
  return cmocka_run_group_tests_name("capi/restore", tests, NULL, NULL);
}
