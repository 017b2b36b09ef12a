/* on_published: each numbered message, with its place, in the order of its room. */
#include "support/capi_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "support/journal.h"
#include "support/ws_client.h"

static journal lines = JOURNAL_INIT;

static void on_published(chat_server *server, const chat_message *message, void *user) {
  (void)server;
  assert_ptr_equal(user, &lines);
  assert_true(strlen(message->epoch) > 0);
  assert_true(message->time_ms > 1700000000000);
  journal_write(&lines, "%s %d %s/%s: %.*s", message->room, (int)message->seq, message->from_name,
                message->from_user_id, (int)message->data_size, (const char *)message->data);
}

static chat_verdict on_connect(chat_server *server, chat_connect_event *event, void *user) {
  chat_identity identity = CHAT_IDENTITY_INIT;
  (void)user;
  identity.user_id = "ann";
  identity.name = "Ann";
  chat_accept(server, event->client, &identity);
  return CHAT_PASS;
}

static chat_verdict on_message(chat_server *server, chat_message_event *event, void *user) {
  (void)user;
  if (event->message->data_size == 4) return chat_message_event_refuse(event, "too rude");
  assert_ok(chat_broadcast(server, "lobby", "behind it", 9));
  return CHAT_PASS;
}

static void clients_and_the_application_are_told_in_order(void **state) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  chat_message message = CHAT_MESSAGE_INIT;
  chat_message kept = CHAT_MESSAGE_INIT;
  ws_client client;
  uint64_t seq = 0;
  (void)state;
  options.user = &lines;
  options.callbacks.on_published = on_published;
  options.callbacks.on_connect = on_connect;
  options.callbacks.on_message = on_message;
  assert_ok(chat_server_start(&options, &server));
  journal_clear(&lines);
  kept.data = "restored";
  kept.data_size = 8;
  kept.seq = 4;
  kept.time_ms = INT64_MAX;
  assert_ok(chat_room_restore(server, "lobby", "e", 0, &kept, 1));

  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", NULL), 101);
  assert_int_equal(ws_send_text(&client, "rude"), 0);
  assert_int_equal(ws_send_text(&client, "hello"), 0);
  assert_true(journal_wait(&lines, "lobby 6 /: behind it") >= 0);
  message.room = "lobby";
  message.data = "typing";
  message.data_size = 6;
  message.ephemeral = 1;
  assert_ok(chat_publish(server, &message, &seq));
  assert_ok(chat_broadcast(server, NULL, "everyone", 8));
  message.ephemeral = 0;
  message.data = "last";
  message.data_size = 4;
  message.from_name = "bot";
  assert_ok(chat_publish(server, &message, &seq));
  assert_int_equal(seq, 7);
  assert_true(journal_wait(&lines, "lobby 7 bot/: last") >= 0);
  assert_int_equal(lines.count, 3);
  assert_string_equal(lines.lines[0], "lobby 5 Ann/ann: hello");
  assert_string_equal(lines.lines[1], "lobby 6 /: behind it");
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static void show_id(chat_server *server, const chat_message *message, void *user) {
  (void)server;
  (void)user;
  journal_write(&lines, "%d published %s", (int)message->seq, message->id);
}

static chat_verdict read_id(chat_server *server, chat_message_event *event, void *user) {
  (void)server;
  (void)user;
  journal_write(&lines, "on_message %s", event->message->id);
  return CHAT_PASS;
}

static int read_kept_id(const chat_message *message, void *user) {
  (void)user;
  journal_write(&lines, "%d kept %s", (int)message->seq, message->id);
  return 0;
}

static void an_id_is_published_once(void **state) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  chat_message message = CHAT_MESSAGE_INIT;
  ws_client client;
  uint64_t seq = 0;
  (void)state;
  options.callbacks.on_published = show_id;
  options.callbacks.on_message = read_id;
  journal_clear(&lines);
  assert_ok(chat_server_start(&options, &server));
  message.room = "lobby";
  message.data = "hello";
  message.data_size = 5;
  message.id = "7d1c";
  assert_ok(chat_publish(server, &message, &seq));
  assert_int_equal(seq, 1);
  message.id = "";
  assert_ok(chat_publish(server, &message, &seq));
  assert_int_equal(seq, 2);
  message.id = "7d1c";
  assert_ok(chat_publish(server, &message, &seq));
  assert_int_equal(seq, 1);
  message.data = "HELLO";
  assert_error(chat_publish(server, &message, &seq), ERROR_WRONG_STATE);
  message.id = "a b";
  assert_error_about(chat_publish(server, &message, &seq), ERROR_INVALID_ARGUMENT, "message.id");

  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat.v1", NULL), 101);
  assert_int_equal(ws_send_text(&client, "{\"type\":\"send\",\"text\":\"x\",\"id\":\"of a guest\"}"), 0);
  assert_int_equal(ws_send_text(&client, "{\"type\":\"send\",\"text\":\"x\",\"id\":\"guest\"}"), 0);
  assert_true(journal_wait(&lines, "3 published guest") >= 0);
  assert_true(journal_wait(&lines, "on_message guest") >= 0);
  assert_int_equal(journal_count(&lines, "1 published 7d1c"), 1);
  assert_int_equal(journal_count(&lines, "2 published "), 1);
  assert_ok(chat_history(server, "lobby", 0, 0, read_kept_id, NULL));
  assert_int_equal(journal_count(&lines, "1 kept 7d1c"), 1);
  assert_int_equal(journal_count(&lines, "2 kept "), 1);
  assert_int_equal(journal_count(&lines, "3 kept guest"), 1);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

/* Many threads publish to a few rooms: of each room one call comes at a time, in the order of its numbers. */
enum { ROOMS = 3, PUBLISHERS = 4, EACH = 200 };

typedef struct room_state {
  atomic_int inside;
  atomic_ullong last;
} room_state;
static room_state rooms[ROOMS];
static atomic_int wrong;

static void follow(chat_server *server, const chat_message *message, void *user) {
  room_state *room = &rooms[message->room[0] - '0'];
  (void)server;
  (void)user;
  if (atomic_fetch_add(&room->inside, 1) != 0) atomic_fetch_add(&wrong, 1);
  if (message->seq != atomic_load(&room->last) + 1) atomic_fetch_add(&wrong, 1);
  atomic_store(&room->last, message->seq);
  atomic_fetch_sub(&room->inside, 1);
  if (message->seq == (uint64_t)PUBLISHERS * EACH) journal_write(&lines, "all of %s", message->room);
}

static void *publish(void *server) {
  char name[2] = "0";
  int i;
  for (i = 0; i < EACH * ROOMS; i++) {
    name[0] = (char)('0' + i % ROOMS);
    if (chat_broadcast(server, name, "x", 1) != CHAT_OK) atomic_fetch_add(&wrong, 1);
  }
  return NULL;
}

static void of_each_room_one_call_comes_at_a_time(void **state) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  pthread_t threads[PUBLISHERS];
  int i;
  (void)state;
  journal_clear(&lines);
  options.threads = 3;
  options.callbacks.on_published = follow;
  assert_ok(chat_server_start(&options, &server));
  for (i = 0; i < PUBLISHERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, publish, server), 0);
  for (i = 0; i < PUBLISHERS; i++) pthread_join(threads[i], NULL);
  assert_true(journal_wait(&lines, "all of 0") >= 0);
  assert_true(journal_wait(&lines, "all of 1") >= 0);
  assert_true(journal_wait(&lines, "all of 2") >= 0);
  assert_ok(chat_server_free(server));
  assert_int_equal(wrong, 0);
}

/* What is published before the end is told before the end, and inside of a poll. */
static void a_host_is_told_when_it_polls(void **state) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  (void)state;
  journal_clear(&lines);
  options.threads = 0;
  options.user = &lines;
  options.callbacks.on_published = on_published;
  assert_ok(chat_server_start(&options, &server));
  assert_ok(chat_broadcast(server, "a", "one", 3));
  assert_int_equal(lines.count, 0);
  assert_ok(chat_server_poll(server, 0));
  assert_int_equal(lines.count, 1);
  assert_ok(chat_broadcast(server, "a", "two", 3));
  assert_ok(chat_server_free(server));
  assert_int_equal(lines.count, 2);
  assert_string_equal(lines.lines[1], "a 2 /: two");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(clients_and_the_application_are_told_in_order),
      cmocka_unit_test(an_id_is_published_once),
      cmocka_unit_test(of_each_room_one_call_comes_at_a_time),
      cmocka_unit_test(a_host_is_told_when_it_polls),
  };
  return cmocka_run_group_tests_name("capi/published", tests, NULL, NULL);
}
