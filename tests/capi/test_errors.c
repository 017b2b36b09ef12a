/* Versions, features, and what a program can learn about a failure. */
#include "support/capi_test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void the_version_is_that_of_the_header(void **state) {
  (void)state;
  assert_string_equal(chat_version(), CHAT_VERSION_STRING);
  assert_int_equal(chat_version_number(),
                   CHAT_VERSION_MAJOR * 1000000 + CHAT_VERSION_MINOR * 1000 + CHAT_VERSION_PATCH);
}

static void the_libraries_below_are_named(void **state) {
  static const char *const names[] = {"libwebsockets ", "libuv ", "OpenSSL ", "cJSON ", "zlib ", "SQLite ", "ICU "};
  const char *text = chat_library_versions();
  size_t i;
  (void)state;
  for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    const char *found = strstr(text, names[i]);
    if (strcmp(names[i], "SQLite ") == 0 && !chat_has_feature("history-file")) continue;
    if (strcmp(names[i], "ICU ") == 0 && !chat_has_feature("unique-names")) continue;
    assert_non_null(found);
    assert_in_range(found[strlen(names[i])], '0', '9');
  }
  assert_ptr_equal(chat_library_versions(), text);
}

static void features_are_asked_by_name(void **state) {
  static const char *const names[] = {
      "tls",         "permessage-deflate", "unix-socket", "chat.v1", "socket.io", "threads",
      "host-driven", "deferral",           "page",        "metrics", "sockjs",    "stomp",
      "http"};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) assert_int_equal(chat_has_feature(names[i]), 1);
  assert_int_equal(chat_has_feature("history-file"), strstr(chat_library_versions(), "SQLite ") != NULL);
  assert_int_equal(chat_has_feature("unique-names"), strstr(chat_library_versions(), "ICU ") != NULL);
  assert_int_equal(chat_has_feature("telepathy"), 0);
  assert_int_equal(chat_has_feature(""), 0);
  assert_int_equal(chat_has_feature(NULL), 0);
}

static void every_error_has_a_name_and_a_text(void **state) {
  int number = 0;
  (void)state;
#define CHECK(name, value, text)                                    \
  assert_int_equal(value, number++); /* without a hole */           \
  assert_string_equal(chat_error_name((chat_error)(value)), #name); \
  assert_string_equal(chat_strerror((chat_error)(value)), text);
  CHAT_ERROR_MAP(CHECK)
#undef CHECK
  assert_null(chat_error_name((chat_error)number));
  assert_string_equal(chat_strerror((chat_error)number), "unknown error");
  assert_null(chat_error_name((chat_error)-1));
  assert_string_equal(chat_strerror((chat_error)-1), "unknown error");
}

static void the_message_is_that_of_the_last_failure(void **state) {
  (void)state;
  assert_error(chat_check_room_name("a/b"), ERROR_INVALID_ROOM);
  assert_non_null(strstr(chat_error_message(), "room"));
  assert_ok(chat_check_room_name("fine"));
  assert_non_null(strstr(chat_error_message(), "room")); /* a success says nothing about the failure before */
  assert_error(chat_server_start(NULL, NULL), ERROR_INVALID_ARGUMENT);
  assert_string_equal(chat_error_message(), "server is NULL");
}

static void *in_another_thread(void *fresh) {
  *(int *)fresh = strcmp(chat_error_message(), "") == 0;
  chat_check_room_name(NULL);
  return NULL;
}

static void each_thread_has_its_own_message(void **state) {
  pthread_t thread;
  int fresh = 0;
  char before[256];
  (void)state;
  assert_error(chat_check_room_name(""), ERROR_INVALID_ROOM);
  snprintf(before, sizeof(before), "%s", chat_error_message());
  assert_int_equal(pthread_create(&thread, NULL, in_another_thread, &fresh), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(fresh, 1);
  assert_string_equal(chat_error_message(), before);
}

/* A message that quotes something long ends with NUL, whatever was long. */
static void a_long_message_is_cut(void **state) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  char *path = malloc(5001);
  (void)state;
  assert_non_null(path);
  memset(path, 'x', 5000);
  path[0] = '/';
  path[5000] = '\0';
  options.tls_certificate_file = path;
  options.tls_private_key_file = path;
  assert_error(chat_server_start(&options, &server), ERROR_CERTIFICATE);
  assert_true(strlen(chat_error_message()) > 20);
  assert_true(strlen(chat_error_message()) < 5000);
  free(path);
}

static void room_names_are_checked(void **state) {
  static const char *const good[] = {"lobby", "a", "two words", "caf\xc3\xa9", "100%", "a.b:c@d!", "\xf0\x9f\x98\x80"};
  static const char *const bad[] = {"",          "a/b",  "a,b",      "a?",   "a#b",  " a",          "a ",
                                    "tab\there", "\x7f", "\xc2\x80", "\xff", "\xc3", "\xed\xa0\x80"};
  char name[130];
  size_t i;
  (void)state;
  for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) assert_ok(chat_check_room_name(good[i]));
  for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) assert_error(chat_check_room_name(bad[i]), ERROR_INVALID_ROOM);
  memset(name, 'x', sizeof(name));
  name[128] = '\0';
  assert_ok(chat_check_room_name(name));
  name[128] = 'x';
  name[129] = '\0';
  assert_error(chat_check_room_name(name), ERROR_INVALID_ROOM);
  assert_error(chat_check_room_name(NULL), ERROR_INVALID_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_version_is_that_of_the_header),
      cmocka_unit_test(the_libraries_below_are_named),
      cmocka_unit_test(features_are_asked_by_name),
      cmocka_unit_test(every_error_has_a_name_and_a_text),
      cmocka_unit_test(the_message_is_that_of_the_last_failure),
      cmocka_unit_test(each_thread_has_its_own_message),
      cmocka_unit_test(a_long_message_is_cut),
      cmocka_unit_test(room_names_are_checked),
  };
  return cmocka_run_group_tests_name("capi/errors", tests, NULL, NULL);
}
