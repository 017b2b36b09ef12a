/*
 * What a server does whose library was built without SQLite: a history in a file is refused, and everything else is there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/capi_test.h"

static int count_messages(const chat_message *message, void *user) {
  (void)message;
  ++*(int *)user;
  return 0;
}

static void a_history_in_a_file_is_refused(void **state) {
  char folder[] = "/tmp/libchat-without-XXXXXX";
  char path[64];
  chat_server_options options = test_options();
  chat_server *server = NULL;
  (void)state;
  assert_int_equal(chat_has_feature("history-file"), 0);
  assert_int_equal(chat_has_feature("chat.v1"), 1);
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof(path), "%s/chat.db", folder);
  options.history_path = path;
  assert_error_about(chat_server_start(&options, &server), ERROR_UNSUPPORTED, "history_path: this build has no SQLite");
  assert_null(server);
  options.history_search = CHAT_HISTORY_SEARCH_WORDS;
  assert_error_about(chat_server_start(&options, &server), ERROR_UNSUPPORTED, "history_path");
  assert_int_equal(rmdir(folder), 0); /* nothing is in it */
}

static void a_history_in_memory_works(void **state) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  chat_message message = CHAT_MESSAGE_INIT;
  int count = 0;
  (void)state;
  options.threads = 0;
  assert_ok(chat_server_start(&options, &server));
  message.room = "lobby";
  message.data = "hello";
  message.data_size = 5;
  assert_ok(chat_publish(server, &message, NULL));
  assert_ok(chat_history(server, "lobby", 0, 0, count_messages, &count));
  assert_int_equal(count, 1);
  assert_error(chat_search(server, "lobby", "hello", 0, 0, count_messages, &count), ERROR_UNSUPPORTED);
  assert_ok(chat_server_free(server));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_history_in_a_file_is_refused),
      cmocka_unit_test(a_history_in_memory_works),
  };
  return cmocka_run_group_tests_name("without SQLite", tests, NULL, NULL);
}
