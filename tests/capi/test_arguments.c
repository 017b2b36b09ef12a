/*
 * Every function, called wrongly: with NULL, with what is too long, too many or malformed, with a client or a room
 * that is not there. Each mistake has an error of its own and changes nothing.
 */
#include "support/capi_test.h"

#include <stdlib.h>
#include <string.h>

#include "support/ws_client.h"

#define NOBODY ((chat_client_id)1 << 60)

static chat_server *server;
static ws_client socket_of_guest;
static chat_client_id guest;

static int remember_client(const chat_client *client, void *user) {
  *(chat_client_id *)user = client->id;
  return 0;
}

static int set_up(void **state) {
  chat_server_options options = test_options();
  (void)state;
  options.max_message_bytes = 1000;
  if (chat_server_start(&options, &server) != CHAT_OK) return -1;
  if (ws_open(&socket_of_guest, chat_server_port(server), "/chat.v1", NULL) != 101) return -1;
  if (ws_receive(&socket_of_guest, WS_TIMEOUT_MS) != WS_TEXT) return -1; /* the welcome: it is open */
  return chat_members(server, NULL, remember_client, &guest) == CHAT_OK && guest != 0 ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  ws_end(&socket_of_guest);
  return chat_server_free(server) == CHAT_OK ? 0 : -1;
}

static chat_message text(const char *room, const char *data) {
  chat_message message = CHAT_MESSAGE_INIT;
  message.room = room;
  message.data = data;
  message.data_size = strlen(data);
  return message;
}

static chat_message args(const char *json) {
  chat_message message = text("lobby", json);
  message.payload = CHAT_PAYLOAD_ARGS;
  return message;
}

/* A string of so many bytes, valid until the next call. */
static const char *long_string(size_t size) {
  static char buffer[20000];
  assert_true(size < sizeof(buffer));
  memset(buffer, 'x', size);
  buffer[size] = '\0';
  return buffer;
}

static int never(void) {
  fail_msg("a visitor was called");
  return 0;
}
static int no_client(const chat_client *client, void *user) {
  (void)client, (void)user;
  return never();
}
static int no_person(const chat_person *person, void *user) {
  (void)person, (void)user;
  return never();
}

static int no_member(const chat_cluster_member *member, void *user) {
  (void)member, (void)user;
  return never();
}
static int no_room(const chat_room *room, void *user) {
  (void)room, (void)user;
  return never();
}
static int no_message(const chat_message *message, void *user) {
  (void)message, (void)user;
  return never();
}

static void a_server_is_needed(void **state) {
  chat_message message = text("lobby", "x");
  chat_identity identity = CHAT_IDENTITY_INIT;
  chat_client_id found;
  chat_stats stats;
  uint64_t seq;
  (void)state;
  stats.struct_size = sizeof(stats);
#define NO_SERVER(call) assert_error_about(call, ERROR_INVALID_ARGUMENT, "server is NULL")
  NO_SERVER(chat_broadcast(NULL, "lobby", "x", 1));
  NO_SERVER(chat_publish(NULL, &message, NULL));
  NO_SERVER(chat_send(NULL, guest, &message));
  NO_SERVER(chat_send_with_ack(NULL, guest, &message, 0, NULL));
  NO_SERVER(chat_send_user(NULL, "u", &message));
  NO_SERVER(chat_reply(NULL, guest, 1, "[]", 2, NULL, 0));
  NO_SERVER(chat_accept(NULL, guest, NULL));
  NO_SERVER(chat_refuse(NULL, guest, NULL, NULL));
  NO_SERVER(chat_set_identity(NULL, guest, &identity));
  NO_SERVER(chat_client_set_user(NULL, guest, NULL));
  NO_SERVER(chat_find_client(NULL, "1", &found));
  NO_SERVER(chat_kick(NULL, guest, NULL));
  NO_SERVER(chat_close_connection(NULL, guest, NULL));
  NO_SERVER(chat_join(NULL, guest, "lobby"));
  NO_SERVER(chat_leave(NULL, guest, "lobby"));
  NO_SERVER(chat_ban(NULL, guest, "lobby", 1, NULL));
  NO_SERVER(chat_ban_user(NULL, "u", "lobby", 1, NULL));
  NO_SERVER(chat_close_room(NULL, "lobby", NULL));
  NO_SERVER(chat_presence(NULL, "lobby", no_person, NULL));
  NO_SERVER(chat_cluster_members(NULL, "lobby", 1, no_member, NULL));
  NO_SERVER(chat_cluster_rooms(NULL, 1, no_room, NULL));
  NO_SERVER(chat_set_state(NULL, guest, "1"));
  NO_SERVER(chat_seen(NULL, "lobby", "u", &seq));
  NO_SERVER(chat_set_seen(NULL, "lobby", "u", 1));
  NO_SERVER(chat_room_set_presence(NULL, "lobby", CHAT_PRESENCE_FULL));
  NO_SERVER(chat_room_restore(NULL, "lobby", "e", 0, &message, 1));
  NO_SERVER(chat_client_info(NULL, guest, no_client, NULL));
  NO_SERVER(chat_members(NULL, NULL, no_client, NULL));
  NO_SERVER(chat_rooms(NULL, no_room, NULL));
  NO_SERVER(chat_history(NULL, "lobby", 0, 0, no_message, NULL));
  NO_SERVER(chat_history_between(NULL, "lobby", 0, 0, 0, no_message, NULL));
  NO_SERVER(chat_history_around(NULL, "lobby", 1, 0, no_message, NULL));
  NO_SERVER(chat_search(NULL, "lobby", "x", 0, 0, no_message, NULL));
  NO_SERVER(chat_server_stats(NULL, &stats));
  NO_SERVER(chat_server_poll(NULL, 0));
  NO_SERVER(chat_server_check_loops(NULL, 0));
  NO_SERVER(chat_server_wait(NULL, 0));
  NO_SERVER(chat_server_reload_tls(NULL));
#undef NO_SERVER
  assert_int_equal(chat_server_port(NULL), 0);
  assert_int_equal(chat_server_fd(NULL), -1);
  assert_null(chat_client_user(NULL, guest));
  chat_server_stop(NULL);
  assert_ok(chat_server_free(NULL));
}

static void a_client_is_needed(void **state) {
  const chat_client_id nobody[] = {0, NOBODY};
  chat_message message = text("lobby", "x");
  chat_identity identity = CHAT_IDENTITY_INIT;
  size_t i;
  (void)state;
  for (i = 0; i < 2; i++) {
#define NO_CLIENT(call) assert_error(call, ERROR_NO_SUCH_CLIENT)
    NO_CLIENT(chat_send(server, nobody[i], &message));
    NO_CLIENT(chat_send_with_ack(server, nobody[i], &message, 0, NULL));
    NO_CLIENT(chat_reply(server, nobody[i], 1, "[]", 2, NULL, 0));
    NO_CLIENT(chat_accept(server, nobody[i], NULL));
    NO_CLIENT(chat_refuse(server, nobody[i], NULL, NULL));
    NO_CLIENT(chat_set_identity(server, nobody[i], &identity));
    NO_CLIENT(chat_set_state(server, nobody[i], NULL));
    NO_CLIENT(chat_client_set_user(server, nobody[i], NULL));
    NO_CLIENT(chat_kick(server, nobody[i], NULL));
    NO_CLIENT(chat_join(server, nobody[i], "lobby"));
    NO_CLIENT(chat_leave(server, nobody[i], "lobby"));
    NO_CLIENT(chat_ban(server, nobody[i], "lobby", 1, NULL));
    NO_CLIENT(chat_client_info(server, nobody[i], no_client, NULL));
#undef NO_CLIENT
    assert_null(chat_client_user(server, nobody[i]));
  }
  assert_error(chat_send_user(server, "nobody", &message), ERROR_NO_SUCH_CLIENT);
}

static void a_room_name_is_needed(void **state) {
  const char *bad[] = {"", "a/b", "a,b", " a", "\xff", NULL};
  chat_message message;
  size_t i;
  (void)state;
  bad[5] = long_string(129);
  for (i = 0; i < 6; i++) {
    message = text(bad[i], "x");
#define BAD_ROOM(call) assert_error(call, ERROR_INVALID_ROOM)
    BAD_ROOM(chat_broadcast(server, bad[i], "x", 1));
    BAD_ROOM(chat_publish(server, &message, NULL));
    BAD_ROOM(chat_send(server, guest, &message));
    BAD_ROOM(chat_send_with_ack(server, guest, &message, 0, NULL));
    BAD_ROOM(chat_join(server, guest, bad[i]));
    BAD_ROOM(chat_leave(server, guest, bad[i]));
    BAD_ROOM(chat_ban(server, guest, bad[i], 1, NULL));
    BAD_ROOM(chat_ban_user(server, "u", bad[i], 1, NULL));
    BAD_ROOM(chat_close_room(server, bad[i], NULL));
    BAD_ROOM(chat_presence(server, bad[i], no_person, NULL));
    BAD_ROOM(chat_cluster_members(server, bad[i], 1, no_member, NULL));
    BAD_ROOM(chat_room_set_presence(server, bad[i], CHAT_PRESENCE_FULL));
    BAD_ROOM(chat_members(server, bad[i], no_client, NULL));
    BAD_ROOM(chat_history(server, bad[i], 0, 0, no_message, NULL));
    BAD_ROOM(chat_history_between(server, bad[i], 0, 0, 0, no_message, NULL));
    BAD_ROOM(chat_history_around(server, bad[i], 1, 0, no_message, NULL));
    BAD_ROOM(chat_search(server, bad[i], "x", 0, 0, no_message, NULL));
#undef BAD_ROOM
  }
#define NULL_ROOM(call) assert_error_about(call, ERROR_INVALID_ARGUMENT, "room is NULL")
  NULL_ROOM(chat_join(server, guest, NULL));
  NULL_ROOM(chat_leave(server, guest, NULL));
  NULL_ROOM(chat_ban(server, guest, NULL, 1, NULL));
  NULL_ROOM(chat_ban_user(server, "u", NULL, 1, NULL));
  NULL_ROOM(chat_close_room(server, NULL, NULL));
  NULL_ROOM(chat_presence(server, NULL, no_person, NULL));
  NULL_ROOM(chat_cluster_members(server, NULL, 1, no_member, NULL));
  NULL_ROOM(chat_room_set_presence(server, NULL, CHAT_PRESENCE_FULL));
  NULL_ROOM(chat_history(server, NULL, 0, 0, no_message, NULL));
  NULL_ROOM(chat_history_between(server, NULL, 0, 0, 0, no_message, NULL));
  NULL_ROOM(chat_history_around(server, NULL, 1, 0, no_message, NULL));
  NULL_ROOM(chat_search(server, NULL, "x", 0, 0, no_message, NULL));
#undef NULL_ROOM
}

static void unknown_rooms(void **state) {
  (void)state;
  assert_error(chat_close_room(server, "nowhere", NULL), ERROR_NO_SUCH_ROOM);
  assert_error(chat_members(server, "nowhere", no_client, NULL), ERROR_NO_SUCH_ROOM);
  assert_error(chat_history(server, "nowhere", 0, 0, no_message, NULL), ERROR_NO_SUCH_ROOM);
  assert_error(chat_history_between(server, "nowhere", 0, 0, 0, no_message, NULL), ERROR_NO_SUCH_ROOM);
  assert_error(chat_history_around(server, "nowhere", 1, 0, no_message, NULL), ERROR_NO_SUCH_ROOM);
  assert_error(chat_leave(server, guest, "nowhere"), ERROR_NOT_JOINED);
}

static void reasons_fit_into_a_close_frame(void **state) {
  (void)state;
#define BAD_REASON(reason, error)                                         \
  assert_error(chat_refuse(server, guest, reason, NULL), error);          \
  assert_error(chat_kick(server, guest, reason), error);                  \
  assert_error(chat_ban(server, guest, "lobby", 1000, reason), error);    \
  assert_error(chat_ban_user(server, "u", "lobby", 1000, reason), error); \
  assert_error(chat_close_room(server, "lobby", reason), error)
  BAD_REASON(long_string(124), ERROR_TOO_LARGE);
  BAD_REASON("\xc3(", ERROR_INVALID_UTF8);
#undef BAD_REASON
}

static void the_verdict_is_given_once(void **state) {
  chat_identity identity = CHAT_IDENTITY_INIT;
  (void)state;
  assert_error(chat_accept(server, guest, NULL), ERROR_WRONG_STATE);
  assert_error(chat_accept(server, guest, &identity), ERROR_WRONG_STATE);
  assert_error(chat_refuse(server, guest, NULL, NULL), ERROR_WRONG_STATE);
}

static void refusal_data_is_json(void **state) {
  (void)state;
  assert_error(chat_refuse(server, guest, NULL, ""), ERROR_INVALID_JSON);
  assert_error(chat_refuse(server, guest, NULL, "{"), ERROR_INVALID_JSON);
  assert_error(chat_refuse(server, guest, NULL, "1 2"), ERROR_INVALID_JSON);
  assert_error(chat_refuse(server, guest, NULL, "\"\xff\""), ERROR_INVALID_UTF8);
  assert_error(chat_refuse(server, guest, NULL, long_string(1001)), ERROR_TOO_LARGE);
  assert_error(chat_refuse(server, guest, NULL, "null"), ERROR_WRONG_STATE); /* well-formed, but too late */
}

/* Each bad message, given to the four functions that take one. */
static void bad_message(const chat_message *message, chat_error error) {
  uint64_t seq = 77, ack_id = 77;
  assert_string_equal(error_name(chat_publish(server, message, &seq)), error_name(error));
  assert_int_equal(seq, 0);
  assert_string_equal(error_name(chat_send(server, guest, message)), error_name(error));
  assert_string_equal(error_name(chat_send_with_ack(server, guest, message, 0, &ack_id)), error_name(error));
  assert_int_equal(ack_id, 0);
  assert_string_equal(error_name(chat_send_user(server, "u", message)), error_name(error));
}

static void only_socket_io_clients_acknowledge(void **state) {
  chat_message message = text("lobby", "x");
  uint64_t ack_id = 77;
  (void)state;
  assert_error_about(chat_send_with_ack(server, guest, &message, 0, &ack_id), ERROR_UNSUPPORTED, "Socket.IO");
  assert_int_equal(ack_id, 0);
  assert_error(chat_send_with_ack(server, guest, &message, 1000, NULL), ERROR_UNSUPPORTED);
}

static void answers_are_waited_for_so_long(void **state) {
  static const int64_t bad[] = {-2, INT64_MIN, INT64_MAX, (int64_t)1 << 42};
  chat_message message = text("lobby", "x");
  size_t i;
  (void)state;
  for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    uint64_t ack_id = 77;
    assert_error_about(chat_send_with_ack(server, guest, &message, bad[i], &ack_id), ERROR_INVALID_ARGUMENT,
                       "timeout_ms");
    assert_int_equal(ack_id, 0);
  }
  assert_error(chat_send_with_ack(server, guest, &message, CHAT_UNLIMITED, NULL), ERROR_UNSUPPORTED);
}

static void messages_are_checked(void **state) {
  static const char *const reserved[] = {"connect",       "connect_error", "disconnect",
                                         "disconnecting", "newListener",   "removeListener"};
  chat_message message = text("lobby", "x");
  size_t i;
  (void)state;
  bad_message(NULL, CHAT_ERROR_INVALID_ARGUMENT);
  message.struct_size = 0;
  bad_message(&message, CHAT_ERROR_INVALID_ARGUMENT);
  message.struct_size = sizeof(message);

  message.data = NULL;
  bad_message(&message, CHAT_ERROR_INVALID_ARGUMENT);
  message = text("lobby", "\xc0\x80");
  bad_message(&message, CHAT_ERROR_INVALID_UTF8);
  message = text("lobby", long_string(1001));
  bad_message(&message, CHAT_ERROR_TOO_LARGE);
  message.data_size = (size_t)-1; /* not read */
  bad_message(&message, CHAT_ERROR_TOO_LARGE);
  message = text("lobby", "x");
  message.payload = (chat_payload)3;
  bad_message(&message, CHAT_ERROR_INVALID_ARGUMENT);
  message.payload = (chat_payload)-1;
  bad_message(&message, CHAT_ERROR_INVALID_ARGUMENT);

  for (i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
    message = text("lobby", "x");
    message.event = reserved[i];
    bad_message(&message, CHAT_ERROR_INVALID_EVENT);
  }
  message.event = "";
  bad_message(&message, CHAT_ERROR_INVALID_EVENT);
  message.event = "\xff";
  bad_message(&message, CHAT_ERROR_INVALID_EVENT);
  message.event = long_string(129);
  bad_message(&message, CHAT_ERROR_INVALID_EVENT);
  message.event = NULL;

  message.from = NOBODY;
  bad_message(&message, CHAT_ERROR_NO_SUCH_CLIENT);
  message.from = 0;
  message.from_name = "a\nb";
  bad_message(&message, CHAT_ERROR_INVALID_ARGUMENT);
  message.from_name = "\xff";
  bad_message(&message, CHAT_ERROR_INVALID_UTF8);
  message.from_name = long_string(129);
  bad_message(&message, CHAT_ERROR_INVALID_ARGUMENT);
}

static void arguments_are_checked(void **state) {
  static const char *const bad[] = {"",      "x",     "{}",       "\"x\"", "[",     "[1,]", "[01]",
                                    "[nul]", "[1] 2", "[\"\t\"]", "['x']", "[NaN]", "[1 2]"};
  chat_message message;
  char deep[200];
  size_t i;
  (void)state;
  for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    message = args(bad[i]);
    bad_message(&message, CHAT_ERROR_INVALID_JSON);
  }
  message = args("[\"\xff\"]");
  bad_message(&message, CHAT_ERROR_INVALID_UTF8);
  memset(deep, '[', 100);
  memset(deep + 100, ']', 100);
  message = args("");
  message.data = deep;
  message.data_size = sizeof(deep);
  bad_message(&message, CHAT_ERROR_INVALID_JSON);
}

static void attachments_are_checked(void **state) {
  static char bytes[600];
  chat_blob blobs[11];
  chat_message message;
  size_t i;
  (void)state;
  for (i = 0; i < 11; i++) {
    blobs[i].data = bytes;
    blobs[i].size_bytes = 1;
  }
  message = args("[{\"_placeholder\":true,\"num\":0}]");
  bad_message(&message, CHAT_ERROR_INVALID_ARGUMENT); /* there is none */
  message.attachment_count = 1;
  bad_message(&message, CHAT_ERROR_INVALID_ARGUMENT); /* attachments is NULL */
  message.attachments = blobs;
  message.attachment_count = 2;
  bad_message(&message, CHAT_ERROR_INVALID_ARGUMENT); /* the second is not referred to */
  message.attachment_count = 11;
  bad_message(&message, CHAT_ERROR_TOO_MANY);
  message.attachment_count = 1;
  blobs[0].data = NULL;
  bad_message(&message, CHAT_ERROR_INVALID_ARGUMENT);

  message = args("[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
  message.attachments = blobs;
  message.attachment_count = 2;
  blobs[0].data = bytes;
  blobs[0].size_bytes = blobs[1].size_bytes = 600; /* together above the limit */
  bad_message(&message, CHAT_ERROR_TOO_LARGE);
  blobs[1].size_bytes = (size_t)-600;
  bad_message(&message, CHAT_ERROR_TOO_LARGE);

  message = text("lobby", "x");
  message.attachments = blobs;
  message.attachment_count = 1;
  blobs[0].size_bytes = 1;
  bad_message(&message, CHAT_ERROR_INVALID_ARGUMENT); /* text has none */
  message.payload = CHAT_PAYLOAD_BINARY;
  bad_message(&message, CHAT_ERROR_INVALID_ARGUMENT); /* binary data is in data */
}

static void attributes_are_checked(void **state) {
  chat_pair pairs[33];
  chat_message message = text("lobby", "x");
  chat_identity identity = CHAT_IDENTITY_INIT;
  size_t i;
  (void)state;
  for (i = 0; i < 33; i++) {
    pairs[i].name = "name";
    pairs[i].value = "value";
    pairs[i].value_size = 5;
  }
#define BAD_ATTRIBUTES(number, error)  \
  message.attributes = pairs;          \
  message.attribute_count = number;    \
  bad_message(&message, CHAT_##error); \
  identity.attributes = pairs;         \
  identity.attribute_count = number;   \
  assert_error(chat_set_identity(server, guest, &identity), error)
  BAD_ATTRIBUTES(33, ERROR_TOO_MANY);
  BAD_ATTRIBUTES((size_t)-1, ERROR_TOO_MANY);
  pairs[0].name = NULL;
  BAD_ATTRIBUTES(1, ERROR_INVALID_ARGUMENT);
  pairs[0].name = "";
  BAD_ATTRIBUTES(1, ERROR_INVALID_ARGUMENT);
  pairs[0].name = "a\nb";
  BAD_ATTRIBUTES(1, ERROR_INVALID_ARGUMENT);
  pairs[0].name = "\xff";
  BAD_ATTRIBUTES(1, ERROR_INVALID_UTF8);
  pairs[0].name = "name";
  pairs[0].value = NULL;
  BAD_ATTRIBUTES(1, ERROR_INVALID_ARGUMENT);
  pairs[0].value = "\xff";
  pairs[0].value_size = 1;
  BAD_ATTRIBUTES(1, ERROR_INVALID_UTF8);
  pairs[0].value = long_string(8192);
  pairs[0].value_size = 8192;
  BAD_ATTRIBUTES(1, ERROR_TOO_LARGE);
  pairs[0].value_size = (size_t)-1;
  BAD_ATTRIBUTES(1, ERROR_TOO_LARGE);
#undef BAD_ATTRIBUTES
  message.attributes = NULL;
  message.attribute_count = 1;
  bad_message(&message, CHAT_ERROR_INVALID_ARGUMENT);
}

static void identities_are_checked(void **state) {
  chat_identity identity = CHAT_IDENTITY_INIT;
  (void)state;
  assert_error(chat_set_identity(server, guest, NULL), ERROR_INVALID_ARGUMENT);
  identity.struct_size = 8;
  assert_error(chat_set_identity(server, guest, &identity), ERROR_INVALID_ARGUMENT);
  assert_error(chat_accept(server, guest, &identity), ERROR_INVALID_ARGUMENT);
  identity.struct_size = sizeof(identity);
  identity.user_id = long_string(129);
  assert_error_about(chat_set_identity(server, guest, &identity), ERROR_INVALID_ARGUMENT, "identity.user_id");
  identity.user_id = "u\x01";
  assert_error_about(chat_set_identity(server, guest, &identity), ERROR_INVALID_ARGUMENT, "identity.user_id");
  identity.user_id = "u";
  identity.name = long_string(129);
  assert_error_about(chat_set_identity(server, guest, &identity), ERROR_INVALID_ARGUMENT, "identity.name");
  identity.name = "\xed\xa0\x80";
  assert_error_about(chat_set_identity(server, guest, &identity), ERROR_INVALID_UTF8, "identity.name");
}

static void user_ids_are_checked(void **state) {
  chat_message message = text("lobby", "x");
  const char *bad[] = {NULL, "", "a\nb", NULL};
  size_t i;
  (void)state;
  bad[3] = long_string(129);
  for (i = 0; i < 4; i++) {
    assert_error_about(chat_send_user(server, bad[i], &message), ERROR_INVALID_ARGUMENT, "user_id");
    assert_error_about(chat_ban_user(server, bad[i], "lobby", 1, NULL), ERROR_INVALID_ARGUMENT, "user_id");
  }
  assert_error(chat_send_user(server, "\xff", &message), ERROR_INVALID_UTF8);
  assert_error(chat_ban_user(server, "\xff", "lobby", 1, NULL), ERROR_INVALID_UTF8);
}

static void replies_are_checked(void **state) {
  chat_blob blob = {"x", 1};
  (void)state;
  assert_error_about(chat_reply(server, guest, 0, "[]", 2, NULL, 0), ERROR_INVALID_ARGUMENT, "ack_id");
  assert_error(chat_reply(server, guest, 1, NULL, 2, NULL, 0), ERROR_INVALID_ARGUMENT);
  assert_error(chat_reply(server, guest, 1, NULL, 0, NULL, 0), ERROR_INVALID_JSON);
  assert_error(chat_reply(server, guest, 1, "{}", 2, NULL, 0), ERROR_INVALID_JSON);
  assert_error(chat_reply(server, guest, 1, "[\"\xff\"]", 5, NULL, 0), ERROR_INVALID_UTF8);
  assert_error(chat_reply(server, guest, 1, "[]", 2, NULL, 1), ERROR_INVALID_ARGUMENT);
  assert_error(chat_reply(server, guest, 1, "[]", 2, &blob, 1), ERROR_INVALID_ARGUMENT);
  assert_error(chat_reply(server, guest, 1, "[]", 2, &blob, 11), ERROR_TOO_MANY);
  assert_error(chat_reply(server, guest, 1, long_string(1001), 1001, NULL, 0), ERROR_TOO_LARGE);
}

static void bans_have_a_duration(void **state) {
  (void)state;
  assert_error_about(chat_ban(server, guest, "lobby", -1, NULL), ERROR_INVALID_ARGUMENT, "duration_ms");
  assert_error_about(chat_ban_user(server, "u", "lobby", -1, NULL), ERROR_INVALID_ARGUMENT, "duration_ms");
}

static void visitors_are_needed(void **state) {
  (void)state;
  assert_error_about(chat_client_info(server, guest, NULL, NULL), ERROR_INVALID_ARGUMENT, "visitor");
  assert_error_about(chat_members(server, NULL, NULL, NULL), ERROR_INVALID_ARGUMENT, "visitor");
  assert_error_about(chat_presence(server, "lobby", NULL, NULL), ERROR_INVALID_ARGUMENT, "visitor");
  assert_error_about(chat_rooms(server, NULL, NULL), ERROR_INVALID_ARGUMENT, "visitor");
  assert_error_about(chat_cluster_members(server, "lobby", 1, NULL, NULL), ERROR_INVALID_ARGUMENT, "visitor");
  assert_error_about(chat_cluster_rooms(server, 1, NULL, NULL), ERROR_INVALID_ARGUMENT, "visitor");
  assert_error_about(chat_cluster_rooms(server, 0, no_room, NULL), ERROR_INVALID_ARGUMENT, "timeout_ms");
  assert_error_about(chat_cluster_rooms(server, 60001, no_room, NULL), ERROR_INVALID_ARGUMENT, "timeout_ms");
  assert_error_about(chat_history(server, "lobby", 0, 0, NULL, NULL), ERROR_INVALID_ARGUMENT, "visitor");
  assert_error_about(chat_history_between(server, "lobby", 0, 0, 0, NULL, NULL), ERROR_INVALID_ARGUMENT, "visitor");
  assert_error_about(chat_history_around(server, "lobby", 1, 0, NULL, NULL), ERROR_INVALID_ARGUMENT, "visitor");
  assert_error_about(chat_search(server, "lobby", "x", 0, 0, NULL, NULL), ERROR_INVALID_ARGUMENT, "visitor");
  assert_error_about(chat_search(server, "lobby", NULL, 0, 0, no_message, NULL), ERROR_INVALID_ARGUMENT,
                     "text is NULL");
  assert_error(chat_search(server, "lobby", "x", 0, 0, no_message, NULL), ERROR_UNSUPPORTED);
}

static void no_cluster(const chat_cluster_status *status, void *user) {
  (void)status;
  (void)user;
  fail_msg("%s", "there is no cluster");
}

static void a_cluster_is_read_by_its_url(void **state) {
  const char *url = "redis://127.0.0.1:1";
  (void)state;
  assert_error_about(chat_read_cluster(NULL, NULL, 50, no_cluster, NULL), ERROR_INVALID_ARGUMENT, "url");
  assert_error_about(chat_read_cluster("", NULL, 50, no_cluster, NULL), ERROR_INVALID_ARGUMENT, "url");
  assert_error_about(chat_read_cluster(url, "", 50, no_cluster, NULL), ERROR_INVALID_ARGUMENT, "prefix");
  assert_error_about(chat_read_cluster(url, "{", 50, no_cluster, NULL), ERROR_INVALID_ARGUMENT, "prefix");
  assert_error_about(chat_read_cluster(url, long_string(65), 50, no_cluster, NULL), ERROR_INVALID_ARGUMENT, "prefix");
  assert_error_about(chat_read_cluster(url, NULL, 0, no_cluster, NULL), ERROR_INVALID_ARGUMENT, "timeout_ms");
  assert_error_about(chat_read_cluster(url, NULL, 60001, no_cluster, NULL), ERROR_INVALID_ARGUMENT, "timeout_ms");
  assert_error_about(chat_read_cluster(url, NULL, 50, NULL, NULL), ERROR_INVALID_ARGUMENT, "visitor");
  if (chat_has_feature("cluster")) {
    assert_error(chat_read_cluster("http://x", NULL, 50, no_cluster, NULL), ERROR_INVALID_ARGUMENT);
    assert_error(chat_read_cluster(url, NULL, 50, no_cluster, NULL), ERROR_TIMED_OUT);
  } else {
    assert_error(chat_read_cluster(url, NULL, 50, no_cluster, NULL), ERROR_UNSUPPORTED);
  }
}

static void stats_have_a_size(void **state) {
  struct {
    chat_stats stats;
    uint64_t later_counter;
  } newer;
  chat_stats stats;
  (void)state;
  memset(&stats, 0xff, sizeof(stats));
  assert_error(chat_server_stats(server, NULL), ERROR_INVALID_ARGUMENT);
  stats.struct_size = 0;
  assert_error_about(chat_server_stats(server, &stats), ERROR_INVALID_ARGUMENT, "stats.struct_size");
  stats.struct_size = (size_t)-1;
  assert_error_about(chat_server_stats(server, &stats), ERROR_INVALID_ARGUMENT, "stats.struct_size");

  /* An older program's structure is filled as far as it reaches, and not further. */
  stats.struct_size = offsetof(chat_stats, clients_total);
  assert_ok(chat_server_stats(server, &stats));
  assert_int_equal(stats.clients_now, 1);
  assert_int_equal(stats.connections_total, 1);
  assert_true(stats.clients_total == UINT64_MAX);

  memset(&newer, 0xff, sizeof(newer));
  newer.stats.struct_size = sizeof(newer);
  assert_ok(chat_server_stats(server, &newer.stats));
  assert_int_equal(newer.stats.struct_size, sizeof(newer));
  assert_int_equal(newer.stats.clients_now, 1);
  assert_int_equal(newer.later_counter, 0);
}

static void polling_is_for_servers_without_threads(void **state) {
  (void)state;
  assert_error(chat_server_poll(server, -2), ERROR_INVALID_ARGUMENT);
  assert_error(chat_server_poll(server, 0), ERROR_WRONG_STATE);
  assert_int_equal(chat_server_fd(server), -1);
}

static void only_tls_is_reloaded(void **state) {
  (void)state;
  assert_error(chat_server_reload_tls(server), ERROR_WRONG_STATE);
}

static void replacing_is_for_on_message(void **state) {
  chat_message message = text("lobby", "x");
  chat_message_event event;
  (void)state;
  memset(&event, 0, sizeof(event));
  event.struct_size = sizeof(event);
  assert_error(chat_message_event_replace(NULL, &message), ERROR_INVALID_ARGUMENT);
  assert_error(chat_message_event_replace(&event, &message), ERROR_WRONG_THREAD);
}

/* After all that the client is still there, has heard nothing, and is in its room. */
static void nothing_has_changed(void **state) {
  chat_stats stats;
  (void)state;
  stats.struct_size = sizeof(stats);
  assert_ok(chat_server_stats(server, &stats));
  assert_int_equal(stats.clients_now, 1);
  assert_int_equal(stats.rooms_now, 1);
  assert_int_equal(stats.messages_published, 0);
  assert_ok(chat_broadcast(server, "lobby", "hello", 5));
  assert_int_equal(ws_receive(&socket_of_guest, WS_TIMEOUT_MS), WS_TEXT);
  assert_non_null(strstr(socket_of_guest.data, "\"seq\":1,"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_server_is_needed),
      cmocka_unit_test(a_client_is_needed),
      cmocka_unit_test(a_room_name_is_needed),
      cmocka_unit_test(unknown_rooms),
      cmocka_unit_test(reasons_fit_into_a_close_frame),
      cmocka_unit_test(the_verdict_is_given_once),
      cmocka_unit_test(refusal_data_is_json),
      cmocka_unit_test(messages_are_checked),
      cmocka_unit_test(only_socket_io_clients_acknowledge),
      cmocka_unit_test(answers_are_waited_for_so_long),
      cmocka_unit_test(arguments_are_checked),
      cmocka_unit_test(attachments_are_checked),
      cmocka_unit_test(attributes_are_checked),
      cmocka_unit_test(identities_are_checked),
      cmocka_unit_test(user_ids_are_checked),
      cmocka_unit_test(replies_are_checked),
      cmocka_unit_test(bans_have_a_duration),
      cmocka_unit_test(visitors_are_needed),
      cmocka_unit_test(a_cluster_is_read_by_its_url),
      cmocka_unit_test(stats_have_a_size),
      cmocka_unit_test(polling_is_for_servers_without_threads),
      cmocka_unit_test(only_tls_is_reloaded),
      cmocka_unit_test(replacing_is_for_on_message),
      cmocka_unit_test(nothing_has_changed),
  };
  return cmocka_run_group_tests_name("capi/arguments", tests, set_up, tear_down);
}
