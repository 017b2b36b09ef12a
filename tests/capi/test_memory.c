/*
 * Every allocation of C++ in every function of the caller's thread fails once, the first, the second and so on: the
 * call then says NO_MEMORY, leaks nothing (under a sanitizer that would show), and what was there before still works.
 *
 * This program's operator new takes the place of the standard library's.
 */
#include "support/capi_test.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_t failing_thread;
static volatile long left = -1; /* so many allocations of that thread succeed; -1: all */
static void (*throw_bad_alloc)(void);

/* operator new and delete as the Itanium C++ ABI names them. */
void *_Znwm(size_t size);
void *_Znam(size_t size);
void _ZdlPv(void *memory);
void _ZdaPv(void *memory);
void _ZdlPvm(void *memory, size_t size);
void _ZdaPvm(void *memory, size_t size);

void *_Znwm(size_t size) {
  void *memory;
  if (left >= 0 && pthread_equal(pthread_self(), failing_thread) && left-- == 0) throw_bad_alloc();
  memory = malloc(size == 0 ? 1 : size);
  if (memory == NULL) throw_bad_alloc();
  return memory;
}
void *_Znam(size_t size) { return _Znwm(size); }
void _ZdlPv(void *memory) { free(memory); }
void _ZdaPv(void *memory) { free(memory); }
void _ZdlPvm(void *memory, size_t size) {
  (void)size;
  free(memory);
}
void _ZdaPvm(void *memory, size_t size) {
  (void)size;
  free(memory);
}

static chat_server *server;

static int64_t history_total_bytes = 0;

static chat_error start(void) {
  const char *events[] = {"an event that is too long to live inside of a string"};
  chat_endpoint endpoint = CHAT_ENDPOINT_INIT;
  chat_server_options options = test_options();
  endpoint.path = "/a/path/that/is/too/long/to/live/inside/of/a/string";
  options.threads = 0;
  options.endpoints = &endpoint;
  options.endpoint_count = 1;
  options.ephemeral_events = events;
  options.ephemeral_event_count = 1;
  options.history_total_bytes = history_total_bytes;
  return chat_server_start(&options, &server);
}

static chat_error broadcast(void) {
  static const char text[] = "a text that is too long to live inside of a string";
  return chat_broadcast(server, "a room whose name is too long to live inside of a string", text, sizeof(text) - 1);
}

static chat_error publish(void) {
  const chat_blob blob = {"an attachment that is too long to live inside of a string", 57};
  const chat_pair pair = {"an attribute", "a value that is too long to live inside of a string", 51};
  chat_message message = CHAT_MESSAGE_INIT;
  message.room = "lobby";
  message.payload = CHAT_PAYLOAD_ARGS;
  message.data = "[{\"_placeholder\":true,\"num\":0},\"x\"]";
  message.data_size = strlen(message.data);
  message.attachments = &blob;
  message.attachment_count = 1;
  message.attributes = &pair;
  message.attribute_count = 1;
  message.from_name = "a name that is too long to live inside of a string";
  return chat_publish(server, &message, NULL);
}

static int see_message(const chat_message *message, void *user) {
  (void)message, (void)user;
  return 0;
}
static int see_room(const chat_room *room, void *user) {
  (void)room, (void)user;
  return 0;
}

static chat_error history(void) { return chat_history(server, "lobby", 0, 0, see_message, NULL); }
static chat_error rooms(void) { return chat_rooms(server, see_room, NULL); }
static chat_error ban_user(void) {
  return chat_ban_user(server, "a user id that is too long to live inside of a string", "lobby", 60000, "a reason");
}
static chat_error close_room(void) {
  return chat_close_room(server, "lobby", "a reason that is long enough to allocate");
}

static chat_error restore(void) {
  chat_message message = CHAT_MESSAGE_INIT;
  message.data = "a text that is too long to live inside of a string";
  message.data_size = strlen(message.data);
  message.from_name = "a name that is too long to live inside of a string";
  message.from_user_id = "a user id that is too long to live inside of a string";
  message.seq = 7;
  message.time_ms = INT64_MAX / 2;
  return chat_room_restore(server, "another room whose name is too long for a string", "anEpochThatIsTooLongForAString",
                           0, &message, 1);
}

/* How many allocations the call makes; each of them has failed once. */
static int fail_each(chat_error (*call)(void)) {
  int count;
  for (count = 0; count < 10000; count++) {
    chat_error error;
    left = count;
    error = call();
    left = -1;
    if (error == CHAT_OK) return count;
    assert_string_equal(error_name(error), "ERROR_NO_MEMORY");
    assert_string_equal(chat_error_message(), "out of memory");
  }
  fail_msg("it never succeeds");
  return 0;
}

static int set_up(void **state) {
  void *symbol = dlsym(dlopen(NULL, RTLD_NOW), "_ZSt17__throw_bad_allocv");
  (void)state;
  memcpy(&throw_bad_alloc, &symbol, sizeof(symbol));
  failing_thread = pthread_self();
  return symbol == NULL ? -1 : 0;
}

static void starting(void **state) {
  (void)state;
  assert_true(fail_each(start) > 10);
  assert_ok(broadcast());
  assert_ok(chat_server_free(server));
}

static void publishing(void **state) {
  (void)state;
  assert_ok(start());
  assert_true(fail_each(broadcast) > 2);
  assert_true(fail_each(publish) > 2);
  assert_true(fail_each(history) > 1);
  assert_true(fail_each(rooms) > 1);
  assert_true(fail_each(ban_user) > 1);
  assert_true(fail_each(close_room) > 0);
  assert_true(fail_each(restore) > 2);
  assert_ok(chat_server_free(server));
}

/* A failure leaves a room as it was: no number is lost, nothing is kept twice. */
static int expect_next(const chat_message *message, void *user) {
  assert_int_equal(message->seq, ++*(uint64_t *)user);
  return 0;
}

static void a_failed_publish_takes_no_number(void **state) {
  uint64_t seq = 0;
  (void)state;
  assert_ok(start());
  fail_each(publish);
  assert_ok(publish());
  assert_ok(chat_history(server, "lobby", 0, 0, expect_next, &seq));
  assert_int_equal(seq, 2);
  assert_ok(chat_server_free(server));
}

/* Nor does it fail when the message is out and only old history could not be dropped. */
static void a_publish_that_failed_has_published_nothing(void **state) {
  chat_stats before = {0};
  chat_stats after = {0};
  (void)state;
  before.struct_size = after.struct_size = sizeof(before);
  history_total_bytes = 1;
  assert_ok(start());
  history_total_bytes = 0;
  assert_ok(chat_server_stats(server, &before));
  fail_each(publish);
  assert_ok(chat_server_stats(server, &after));
  assert_int_equal(after.messages_published - before.messages_published, 1);
  assert_ok(chat_server_free(server));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(starting),
      cmocka_unit_test(publishing),
      cmocka_unit_test(a_failed_publish_takes_no_number),
      cmocka_unit_test(a_publish_that_failed_has_published_nothing),
  };
  return cmocka_run_group_tests_name("capi/memory", tests, set_up, NULL);
}
