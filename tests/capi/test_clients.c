/* What an application does with its clients from outside: sends, joins, bans, throws out, renames, looks at them. */
#include "support/callbacks.h"

#include <pthread.h>

static chat_server *start(int threads) {
  chat_server_options options = application_options();
  options.threads = threads;
  return start_application(&options);
}

static void say(ws_client *client, const char *json) { assert_int_equal(ws_send_text(client, json), 0); }

static chat_message text(const char *room, const char *data) {
  chat_message message = CHAT_MESSAGE_INIT;
  message.room = room;
  message.data = data;
  message.data_size = strlen(data);
  return message;
}

static void one_client_is_sent_to(void **state) {
  chat_server *server = start(2);
  chat_message message = text(NULL, "psst");
  ws_client one, two;
  (void)state;
  open_v1(&one, server, "/chat.v1?room=dev");
  open_v1(&two, server, "/chat.v1?room=dev");
  message.from_name = "the house";
  assert_ok(chat_broadcast(server, "dev", "before", 6));
  assert_ok(chat_send(server, 2, &message));
  expect_text(&two, "before");
  expect_text(&two, "psst");
  assert_non_null(strstr(two.data, "\"room\":\"dev\"")); /* the first room labels it */
  assert_non_null(strstr(two.data, "\"name\":\"the house\""));
  assert_non_null(strstr(two.data, "\"ephemeral\":true"));
  assert_null(strstr(two.data, "\"seq\""));
  message.room = "other";
  assert_ok(chat_send(server, 2, &message));
  expect_text(&two, "\"room\":\"other\"");
  expect_text(&one, "before");
  assert_ok(chat_broadcast(server, "dev", "after", 5));
  expect_text(&one, "after");
  ws_end(&one);
  ws_end(&two);
  assert_ok(chat_server_free(server));
}

static chat_verdict name_by_token(chat_server *server, chat_connect_event *event, application *self) {
  chat_identity identity = CHAT_IDENTITY_INIT;
  (void)self;
  identity.user_id = event->token;
  chat_set_identity(server, event->client, &identity);
  return CHAT_PASS;
}

static void a_user_is_sent_to_on_every_client(void **state) {
  chat_server *server;
  chat_message message = text(NULL, "both of you");
  ws_client phone, desk, other;
  (void)state;
  app.connect = name_by_token;
  server = start(2);
  open_v1(&phone, server, "/chat.v1?token=ann");
  open_v1(&desk, server, "/chat.v1?token=ann");
  open_v1(&other, server, "/chat.v1?token=bob");
  assert_ok(chat_send_user(server, "ann", &message));
  expect_text(&phone, "both of you");
  expect_text(&desk, "both of you");
  assert_ok(chat_broadcast(server, "lobby", "all", 3));
  expect_text(&other, "\"text\":\"all\"");
  assert_error(chat_send_user(server, "carl", &message), ERROR_NO_SUCH_CLIENT);
  ws_end(&phone), ws_end(&desk), ws_end(&other);
  assert_ok(chat_server_free(server));
}

static void everyone_is_sent_to(void **state) {
  chat_server *server = start(2);
  ws_client one, two;
  (void)state;
  open_v1(&one, server, "/chat.v1?room=a");
  assert_int_equal(ws_open(&two, chat_server_port(server), "/chat?room=b", NULL), 101);
  expect_line("open 2 b");
  assert_ok(chat_broadcast(server, NULL, "hear ye", 7));
  expect_text(&one, "\"text\":\"hear ye\"");
  assert_null(strstr(one.data, "\"room\""));
  expect_text(&two, "hear ye");
  ws_end(&one), ws_end(&two);
  assert_ok(chat_server_free(server));
}

static void a_message_goes_out_in_a_clients_name(void **state) {
  chat_server *server = start(1);
  chat_message message = text("lobby", "as if I said it");
  ws_client one, two;
  (void)state;
  open_v1(&one, server, "/chat.v1");
  open_v1(&two, server, "/chat.v1");
  message.from = 1;
  message.except = 1;
  assert_ok(chat_publish(server, &message, NULL));
  expect_text(&two, "\"from\":{\"id\":\"1\",\"name\":\"guest-1\"}");
  assert_ok(chat_broadcast(server, "lobby", "next", 4));
  expect_text(&one, "next"); /* it has missed the one knowingly */
  assert_non_null(strstr(one.data, "\"seq\":2,"));
  expect_no_line_with("message "); /* on_message is for what clients say */
  ws_end(&one), ws_end(&two);
  assert_ok(chat_server_free(server));
}

static void join_and_leave_from_outside(void **state) {
  chat_server *server = start(1);
  ws_client client;
  (void)state;
  open_v1(&client, server, "/chat.v1");
  assert_ok(chat_broadcast(server, "dev", "before", 6));
  assert_ok(chat_join(server, 1, "dev"));
  assert_ok(chat_join(server, 1, "dev"));
  assert_ok(chat_broadcast(server, "dev", "after", 5));
  expect_text(&client, "{\"type\":\"joined\",\"room\":\"dev\"");
  expect_text(&client, "\"text\":\"after\""); /* and nothing from before */
  expect_line("join 1 dev");
  assert_int_equal(journal_count(&app.lines, "join 1 dev"), 1);
  say(&client, "{\"type\":\"send\",\"room\":\"dev\",\"text\":\"mine\"}");
  expect_text(&client, "\"text\":\"mine\"");

  assert_ok(chat_leave(server, 1, "dev"));
  assert_error(chat_leave(server, 1, "dev"), ERROR_NOT_JOINED);
  expect_text(&client, "{\"type\":\"left\",\"room\":\"dev\"");
  say(&client, "{\"type\":\"send\",\"room\":\"dev\",\"text\":\"mine\"}");
  expect_text(&client, "\"code\":\"not_joined\"");
  ws_end(&client);
  expect_line("disconnect 1 1006");
  assert_ok(chat_server_free(server));
}

static void rooms_of_a_client_are_limited(void **state) {
  chat_server_options options = application_options();
  chat_server *server;
  ws_client client;
  (void)state;
  options.max_rooms_per_client = 2;
  server = start_application(&options);
  open_v1(&client, server, "/chat.v1");
  assert_ok(chat_join(server, 1, "a"));
  assert_error(chat_join(server, 1, "b"), ERROR_TOO_MANY);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static void a_kicked_client_takes_what_is_waiting_with_it(void **state) {
  chat_server *server = start(2);
  ws_client client;
  (void)state;
  open_v1(&client, server, "/chat.v1");
  assert_ok(chat_broadcast(server, "lobby", "you may hear this", 17));
  assert_ok(chat_kick(server, 1, "and go"));
  expect_text(&client, "you may hear this");
  expect_close(&client, 1008);
  assert_string_equal(client.close_reason, "and go");
  expect_line("disconnect 1 1008");
  ws_end(&client);
  open_v1(&client, server, "/chat.v1");
  assert_ok(chat_kick(server, 2, NULL));
  expect_close(&client, 1008);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static int show_socket_id(const chat_client *client, void *text) {
  snprintf(text, 32, "%s", client->socket_id);
  return 0;
}

static void a_client_is_found_by_its_socket_id(void **state) {
  chat_server *server = start(1);
  chat_client_id found = 77;
  char text[32];
  ws_client client;
  (void)state;
  open_v1(&client, server, "/chat.v1");
  assert_ok(chat_find_client(server, "1", &found)); /* what the welcome says */
  assert_int_equal(found, 1);
  assert_ok(chat_client_info(server, 1, show_socket_id, text));
  assert_string_equal(text, "1");
  assert_error(chat_find_client(server, "2", &found), ERROR_NO_SUCH_CLIENT);
  assert_int_equal(found, 0);
  assert_error(chat_find_client(server, "", &found), ERROR_NO_SUCH_CLIENT);
  assert_error(chat_find_client(server, NULL, &found), ERROR_INVALID_ARGUMENT);
  assert_error(chat_find_client(server, "1", NULL), ERROR_INVALID_ARGUMENT);
  ws_end(&client);
  expect_line("disconnect 1 1006");
  assert_error(chat_find_client(server, "1", &found), ERROR_NO_SUCH_CLIENT);
  assert_ok(chat_server_free(server));
}

static void a_closed_connection_of_one_client_is_a_kick(void **state) {
  chat_server *server = start(2);
  ws_client client;
  (void)state;
  open_v1(&client, server, "/chat.v1");
  assert_ok(chat_broadcast(server, "lobby", "you may hear this", 17));
  assert_ok(chat_close_connection(server, 1, "and go"));
  expect_text(&client, "you may hear this");
  expect_close(&client, 1008);
  assert_string_equal(client.close_reason, "and go");
  expect_line("disconnect 1 1008");
  assert_error(chat_close_connection(server, 1, NULL), ERROR_NO_SUCH_CLIENT);
  assert_error(chat_close_connection(server, 1, "\xff"), ERROR_INVALID_UTF8);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static void a_banned_guest_stays_out_by_address(void **state) {
  chat_server *server = start(1);
  ws_client one, two;
  (void)state;
  open_v1(&one, server, "/chat.v1?room=dev");
  assert_ok(chat_ban(server, 1, "dev", 60000, "spam"));
  expect_text(&one, "{\"type\":\"left\",\"room\":\"dev\",\"reason\":\"spam\"}");
  expect_line("leave 1 dev: spam");
  assert_error(chat_join(server, 1, "dev"), ERROR_BANNED);
  say(&one, "{\"type\":\"join\",\"room\":\"dev\"}");
  expect_text(&one, "\"code\":\"banned\"");
  /* docs/protocol.md: banned from the room that it asks for, it is not let in. */
  if (ws_open(&two, chat_server_port(server), "/chat?room=dev", NULL) == 101) {
    expect_close(&two, 1008);
  } else {
    assert_int_equal(two.status, 403);
  }
  ws_end(&two);
  assert_ok(chat_join(server, 1, "other")); /* one room only */
  assert_ok(chat_ban(server, 1, "dev", 0, NULL));
  assert_ok(chat_join(server, 1, "dev"));
  ws_end(&one);
  assert_ok(chat_server_free(server));
}

static void a_banned_user_leaves_with_every_client(void **state) {
  chat_server *server;
  ws_client phone, desk, other;
  (void)state;
  app.connect = name_by_token;
  server = start(2);
  open_v1(&phone, server, "/chat.v1?token=ann");
  open_v1(&desk, server, "/chat.v1?token=ann");
  open_v1(&other, server, "/chat.v1?token=bob");
  assert_ok(chat_ban_user(server, "ann", "lobby", 60000, NULL));
  expect_text(&phone, "{\"type\":\"left\",\"room\":\"lobby\"");
  expect_text(&desk, "{\"type\":\"left\",\"room\":\"lobby\"");
  assert_error(chat_join(server, 1, "lobby"), ERROR_BANNED);
  assert_ok(chat_broadcast(server, "lobby", "x", 1));
  expect_text(&other, "\"text\":\"x\"");
  assert_ok(chat_ban_user(server, "ann", "lobby", 0, NULL));
  assert_ok(chat_join(server, 1, "lobby"));
  ws_end(&phone), ws_end(&desk), ws_end(&other);
  assert_ok(chat_server_free(server));
}

static void a_guest_on_a_unix_socket_has_nothing_to_be_banned_by(void **state) {
  chat_server_options options = application_options();
  chat_server *server;
  ws_client client;
  char path[64];
  (void)state;
  snprintf(path, sizeof(path), "/tmp/chat-test-ban-%d", (int)getpid());
  options.unix_path = path;
  server = start_application(&options);
  assert_int_equal(ws_open_unix(&client, path, "/chat"), 101);
  expect_line("open 1 lobby");
  assert_error(chat_ban(server, 1, "lobby", 1000, NULL), ERROR_UNSUPPORTED);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static void a_closed_room_is_left_by_all(void **state) {
  chat_server *server = start(2);
  ws_client one, two;
  (void)state;
  open_v1(&one, server, "/chat.v1?room=dev");
  open_v1(&two, server, "/chat.v1?room=dev");
  assert_ok(chat_broadcast(server, "dev", "last", 4));
  assert_ok(chat_close_room(server, "dev", "closing time"));
  expect_text(&one, "last");
  expect_text(&one, "{\"type\":\"left\",\"room\":\"dev\",\"reason\":\"closing time\"}");
  expect_text(&two, "last");
  expect_text(&two, "{\"type\":\"left\",\"room\":\"dev\",\"reason\":\"closing time\"}");
  expect_line("leave 1 dev: closing time");
  expect_line("leave 2 dev: closing time");
  assert_error(chat_close_room(server, "dev", NULL), ERROR_NO_SUCH_ROOM);
  ws_end(&one), ws_end(&two);
  assert_ok(chat_server_free(server));
}

static void a_new_identity_shows_in_what_is_said_next(void **state) {
  chat_identity identity = CHAT_IDENTITY_INIT;
  chat_server *server = start(1);
  ws_client client;
  (void)state;
  open_v1(&client, server, "/chat.v1");
  say(&client, "{\"type\":\"send\",\"text\":\"x\"}");
  expect_text(&client, "\"name\":\"guest-1\"");
  identity.user_id = "u1";
  identity.name = "Ann";
  assert_ok(chat_set_identity(server, 1, &identity));
  say(&client, "{\"type\":\"send\",\"text\":\"x\"}");
  do {
    expect_text(&client, "\"name\":\"Ann\"");
  } while (strstr(client.data, "\"type\":\"named\"") != NULL);
  /* The whole identity is replaced: what is not given takes the default. */
  identity.name = NULL;
  assert_ok(chat_set_identity(server, 1, &identity));
  say(&client, "{\"type\":\"send\",\"text\":\"x\"}");
  do {
    expect_text(&client, "\"name\":\"u1\"");
  } while (strstr(client.data, "\"type\":\"named\"") != NULL);
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

typedef struct visit {
  int count, limit;
  chat_client_id ids[8];
  chat_server *server;
} visit;

static int collect(const chat_client *client, void *user) {
  visit *self = user;
  self->ids[self->count] = client->id;
  /* A visitor may call anything. */
  if (self->server != NULL) assert_ok(chat_kick(self->server, client->id, "visited"));
  return ++self->count == self->limit;
}

static void clients_are_visited_in_order(void **state) {
  chat_server *server = start(2);
  ws_client clients[4];
  visit seen;
  int i;
  (void)state;
  for (i = 0; i < 4; i++) open_v1(&clients[i], server, i % 2 == 0 ? "/chat.v1?room=even" : "/chat.v1?room=odd");
  memset(&seen, 0, sizeof(seen));
  assert_ok(chat_members(server, NULL, collect, &seen));
  assert_int_equal(seen.count, 4);
  for (i = 0; i < 4; i++) assert_int_equal(seen.ids[i], i + 1);
  memset(&seen, 0, sizeof(seen));
  assert_ok(chat_members(server, "odd", collect, &seen));
  assert_int_equal(seen.count, 2);
  assert_int_equal(seen.ids[0], 2);
  assert_int_equal(seen.ids[1], 4);
  memset(&seen, 0, sizeof(seen));
  seen.limit = 1;
  assert_ok(chat_members(server, "odd", collect, &seen));
  assert_int_equal(seen.count, 1);
  memset(&seen, 0, sizeof(seen));
  seen.server = server;
  assert_ok(chat_members(server, NULL, collect, &seen));
  for (i = 0; i < 4; i++) {
    expect_close(&clients[i], 1008);
    ws_end(&clients[i]);
  }
  assert_ok(chat_server_free(server));
}

/* From many threads at once; every member hears everything, in the order of the numbers. */

enum { PUBLISHERS = 4, MESSAGES = 200 };

static void *publish_many(void *server) {
  int i;
  for (i = 0; i < MESSAGES; i++) {
    if (chat_broadcast(server, "lobby", "x", 1) != CHAT_OK) return server;
  }
  return NULL;
}

static void any_thread_publishes(void **state) {
  int threads;
  (void)state;
  for (threads = 1; threads <= 4; threads += threads) {
    chat_server *server = start(threads);
    pthread_t publishers[PUBLISHERS];
    ws_client clients[3];
    void *failed = NULL;
    int i, seq;
    for (i = 0; i < 3; i++) open_v1(&clients[i], server, "/chat.v1");
    for (i = 0; i < PUBLISHERS; i++) {
      assert_int_equal(pthread_create(&publishers[i], NULL, publish_many, server), 0);
    }
    for (i = 0; i < PUBLISHERS; i++) {
      assert_int_equal(pthread_join(publishers[i], &failed), 0);
      assert_null(failed);
    }
    for (i = 0; i < 3; i++) {
      for (seq = 1; seq <= PUBLISHERS * MESSAGES; seq++) {
        char part[32];
        snprintf(part, sizeof(part), "\"seq\":%d,", seq);
        expect_text(&clients[i], part);
      }
      ws_end(&clients[i]);
    }
    assert_ok(chat_server_free(server));
    journal_clear(&app.lines);
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, reset_application)
  const struct CMUnitTest tests[] = {
      TEST(one_client_is_sent_to),
      TEST(a_user_is_sent_to_on_every_client),
      TEST(everyone_is_sent_to),
      TEST(a_message_goes_out_in_a_clients_name),
      TEST(join_and_leave_from_outside),
      TEST(rooms_of_a_client_are_limited),
      TEST(a_kicked_client_takes_what_is_waiting_with_it),
      TEST(a_client_is_found_by_its_socket_id),
      TEST(a_closed_connection_of_one_client_is_a_kick),
      TEST(a_banned_guest_stays_out_by_address),
      TEST(a_banned_user_leaves_with_every_client),
      TEST(a_guest_on_a_unix_socket_has_nothing_to_be_banned_by),
      TEST(a_closed_room_is_left_by_all),
      TEST(a_new_identity_shows_in_what_is_said_next),
      TEST(clients_are_visited_in_order),
      TEST(any_thread_publishes),
  };
  return cmocka_run_group_tests_name("capi/clients", tests, NULL, NULL);
}
