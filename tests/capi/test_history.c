/*
 * A history in a file: what a program sees of it. The servers are host-driven; the file is written by threads of the library.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "support/capi_test.h"

static char folder[64];
static char path[96];

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/libchat-history-XXXXXX");
  if (mkdtemp(folder) == NULL) return -1;
  snprintf(path, sizeof(path), "%s/chat.db", folder);
  return 0;
}

static int remove_folder(void **state) {
  static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
    char name[128];
    snprintf(name, sizeof(name), "%s%s", path, ends[i]);
    unlink(name);
  }
  return rmdir(folder);
}

static chat_server_options with_file(void) {
  chat_server_options options = test_options();
  options.threads = 0;
  options.history_path = path;
  return options;
}

static chat_server *start(const chat_server_options *options) {
  chat_server *server = NULL;
  assert_ok(chat_server_start(options, &server));
  return server;
}

static chat_stats stats_of(chat_server *server) {
  chat_stats stats;
  assert_ok(chat_stats_init(&stats, CHAT_STATS_SIZE));
  assert_ok(chat_server_stats(server, &stats));
  return stats;
}

static void wait_stored(chat_server *server, uint64_t count) {
  const struct timespec pause = {0, 1000000};
  int tries;
  for (tries = 0; tries < 20000 && stats_of(server).history_stored < count; tries++) {
    nanosleep(&pause, NULL); /* On purpose: another thread writes. */
  }
  assert_int_equal(stats_of(server).history_stored, count);
}

static void publish(chat_server *server, const char *room, const char *text) {
  chat_message message = CHAT_MESSAGE_INIT;
  message.room = room;
  message.data = text;
  message.data_size = strlen(text);
  assert_ok(chat_publish(server, &message, NULL));
}

static int join_texts(const chat_message *message, void *user) {
  char *text = user;
  snprintf(text + strlen(text), 256 - strlen(text), "%d:%s ", (int)message->seq, (const char *)message->data);
  return 0;
}

static void assert_history(chat_server *server, const char *room, const char *expected) {
  char text[256] = "";
  assert_ok(chat_history(server, room, 0, 0, join_texts, text));
  assert_string_equal(text, expected);
}

static void a_room_continues_after_a_restart(void **state) {
  const chat_server_options options = with_file();
  chat_server *server = start(&options);
  (void)state;
  publish(server, "lobby", "one");
  publish(server, "lobby", "two");
  wait_stored(server, 2);
  assert_true(stats_of(server).history_file_bytes_now > 0);
  assert_history(server, "lobby", "1:one 2:two ");
  assert_ok(chat_server_free(server));

  server = start(&options);
  assert_history(server, "lobby", "1:one 2:two ");
  publish(server, "lobby", "three");
  wait_stored(server, 1);
  assert_history(server, "lobby", "1:one 2:two 3:three ");
  assert_int_equal(stats_of(server).history_failed, 0);
  assert_int_equal(stats_of(server).history_forgotten, 0);
  assert_ok(chat_close_room(server, "lobby", NULL));
  assert_ok(chat_server_free(server));

  server = start(&options);
  assert_error(chat_history(server, "lobby", 0, 0, join_texts, NULL), ERROR_NO_SUCH_ROOM);
  assert_ok(chat_server_free(server));
}

static void a_restored_room_is_kept(void **state) {
  const chat_server_options options = with_file();
  chat_server *server = start(&options);
  chat_message message = CHAT_MESSAGE_INIT;
  (void)state;
  message.data = "old";
  message.data_size = 3;
  message.seq = 7;
  message.time_ms = 1000 * (int64_t)time(NULL);
  assert_ok(chat_room_restore(server, "restored", "e1", 9, &message, 1));
  assert_ok(chat_server_free(server));
  server = start(&options);
  assert_history(server, "restored", "7:old ");
  assert_error(chat_room_restore(server, "restored", "e1", 9, &message, 1), ERROR_WRONG_STATE);
  publish(server, "restored", "new");
  wait_stored(server, 1);
  assert_history(server, "restored", "7:old 10:new ");
  assert_ok(chat_server_free(server));
}

typedef struct seen_in_callback {
  chat_server *server;
  chat_error in_memory;
  chat_error in_file;
  int count;
} seen_in_callback;

static void read_in_callback(chat_server *server, const chat_message *message, void *user) {
  seen_in_callback *seen = user;
  char text[256] = "";
  (void)message;
  seen->in_memory = chat_history(server, "now", 0, 0, join_texts, text);
  seen->in_file = chat_history(server, "before", 0, 0, join_texts, text);
  seen->count++;
}

static void search_in_callback(chat_server *server, const chat_message *message, void *user) {
  seen_in_callback *seen = user;
  char text[256] = "";
  seen->in_file = chat_search(server, message->room, "cat", 0, 0, join_texts, text);
  seen->count++;
}

static void a_callback_does_not_wait_for_the_disk(void **state) {
  seen_in_callback seen = {NULL, CHAT_OK, CHAT_OK, 0};
  chat_server_options options = with_file();
  chat_server *server = start(&options);
  (void)state;
  publish(server, "before", "x");
  wait_stored(server, 1);
  assert_ok(chat_server_free(server));
  options.callbacks.on_published = read_in_callback;
  options.user = &seen;
  server = start(&options);
  publish(server, "now", "x");
  while (seen.count == 0) assert_ok(chat_server_poll(server, 100));
  assert_error(seen.in_memory, OK);
  assert_error(seen.in_file, ERROR_WRONG_THREAD);
  assert_history(server, "before", "1:x ");
  assert_ok(chat_server_free(server));
}

static void messages_are_found_by_their_words(void **state) {
  char text[256] = "";
  seen_in_callback seen = {NULL, CHAT_OK, CHAT_OK, 0};
  chat_server_options options = with_file();
  chat_server *server;
  (void)state;
  options.history_search = CHAT_HISTORY_SEARCH_WORDS;
  options.callbacks.on_published = search_in_callback;
  options.user = &seen;
  server = start(&options);
  publish(server, "lobby", "a cat");
  publish(server, "lobby", "a dog");
  publish(server, "lobby", "a cat and a dog");
  wait_stored(server, 3);
  assert_ok(chat_search(server, "lobby", "Cat", 0, 0, join_texts, text));
  assert_string_equal(text, "1:a cat 3:a cat and a dog ");
  text[0] = '\0';
  assert_ok(chat_search(server, "lobby", "cat", 1, 3, join_texts, text));
  assert_string_equal(text, "1:a cat ");
  text[0] = '\0';
  assert_ok(chat_search(server, "lobby", "bird", 0, 0, join_texts, text));
  assert_string_equal(text, "");
  assert_error(chat_search(server, "nowhere", "cat", 0, 0, join_texts, text), ERROR_NO_SUCH_ROOM);
  assert_error(chat_search(server, "lobby", "", 0, 0, join_texts, text), ERROR_INVALID_ARGUMENT);
  assert_error(chat_search(server, "lobby", "\xFF", 0, 0, join_texts, text), ERROR_INVALID_UTF8);
  while (seen.count < 3) assert_ok(chat_server_poll(server, 100));
  assert_error(seen.in_file, ERROR_WRONG_THREAD);
  assert_ok(chat_server_free(server));
}

static void one_server_at_a_time(void **state) {
  const chat_server_options options = with_file();
  chat_server *server = start(&options);
  chat_server *second = NULL;
  (void)state;
  assert_error_about(chat_server_start(&options, &second), ERROR_UNAVAILABLE, "another server uses this file");
  assert_null(second);
  assert_ok(chat_server_free(server));
  server = start(&options);
  assert_ok(chat_server_free(server));
}

static void invalid(chat_server_options options, const char *about) {
  chat_server *server = NULL;
  assert_error_about(chat_server_start(&options, &server), ERROR_INVALID_ARGUMENT, about);
}

static void bad_options_are_refused(void **state) {
  chat_server_options options = with_file();
  chat_server *server = NULL;
  (void)state;
  options.history_path = "";
  invalid(options, "options.history_path");
  options = with_file();
  options.history_off = 1;
  invalid(options, "options.history_off");
  options = with_file();
  options.history_sync = (chat_history_sync)2;
  invalid(options, "options.history_sync");
  options = with_file();
  options.history_on_failure = (chat_history_failure)2;
  invalid(options, "options.history_on_failure");
  options = with_file();
  options.history_search = (chat_history_search)3;
  invalid(options, "options.history_search");
  options = test_options();
  options.history_search = CHAT_HISTORY_SEARCH_PARTS;
  invalid(options, "options.history_search");
  options = with_file();
  options.history_file_bytes = -2;
  invalid(options, "options.history_file_bytes");
  options = with_file();
  options.history_path = folder; /* no file */
  assert_true(chat_server_start(&options, &server) != CHAT_OK);
  assert_non_null(strstr(chat_error_message(), folder));
  rmdir(folder);
  snprintf(path, sizeof(path), "%s-lock", folder);
  unlink(path);
  assert_int_equal(make_folder(NULL), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_room_continues_after_a_restart, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(a_restored_room_is_kept, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(a_callback_does_not_wait_for_the_disk, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(messages_are_found_by_their_words, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(one_server_at_a_time, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(bad_options_are_refused, make_folder, remove_folder),
  };
  return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
