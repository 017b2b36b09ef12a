/*
 * A history in a store of the application's own: what the store is given, and what a program sees of it. The store of this test
 * keeps everything in memory beyond the end of a server.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/capi_test.h"

#define MAX_ROWS 512

typedef struct kept_message {
  char room[16], epoch[80], text[32], event[16], name[16], user[16], attribute[16], state[2048];
  uint64_t seq;
  int64_t time_ms;
  chat_client_id from;
} kept_message;

typedef struct kept_room {
  char room[16], epoch[80];
  chat_history_room row;
} kept_room;

/* The database of the application. */
typedef struct memory_store {
  pthread_mutex_t mutex;
  kept_room rooms[MAX_ROWS];
  size_t room_count;
  kept_message messages[MAX_ROWS];
  size_t message_count;
  int write_fails, read_fails, slow, wrong_order;
  int keeps_changes;
  int writes, reads;
  int64_t drop_before_ms;
} memory_store;

static memory_store kept = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void copy(char *to, size_t size, const char *from) {
  assert_true(strlen(from) < size);
  strcpy(to, from);
}

static const char *load(chat_history_reply *reply, void *user) {
  memory_store *store = user;
  size_t i;
  for (i = 0; i < store->room_count; i++) {
    chat_history_value value = CHAT_HISTORY_VALUE_INIT;
    assert_ok(chat_history_reply_room(reply, &store->rooms[i].row));
    value.key = "a";
    value.value = "1";
    value.value_size = 1;
    assert_ok(chat_history_reply_value(reply, &value));
  }
  return NULL;
}

static const char *read_messages(const chat_history_query *query, chat_history_reply *reply, void *user) {
  memory_store *store = user;
  const char *fault = NULL;
  size_t i, found = 0;
  pthread_mutex_lock(&store->mutex);
  store->reads++;
  if (store->read_fails) fault = "the database is gone";
  for (i = store->message_count; fault == NULL && i > 0 && found < query->limit; i--) {
    const kept_message *row = &store->messages[store->wrong_order ? store->message_count - i : i - 1];
    chat_message message = CHAT_MESSAGE_INIT;
    chat_pair attribute;
    if (strcmp(row->room, query->room) != 0 || strcmp(row->epoch, query->epoch) != 0) continue;
    if (row->seq <= query->after_seq || row->seq >= query->before_seq) continue;
    attribute.name = "key";
    attribute.value = row->attribute;
    attribute.value_size = strlen(row->attribute);
    message.data = row->text;
    message.data_size = strlen(row->text);
    message.seq = row->seq;
    message.time_ms = row->time_ms;
    message.from = row->from;
    message.from_name = row->name;
    message.from_user_id = row->user;
    message.event = row->event;
    message.kept_state = row->state;
    message.attributes = &attribute;
    message.attribute_count = row->attribute[0] != '\0' ? 1 : 0;
    chat_history_reply_message(reply, &message);
    found++;
  }
  pthread_mutex_unlock(&store->mutex);
  return fault;
}

static kept_room *find_room(memory_store *store, const char *name) {
  size_t i;
  for (i = 0; i < store->room_count; i++) {
    if (strcmp(store->rooms[i].room, name) == 0) return &store->rooms[i];
  }
  return NULL;
}

static kept_message *find_row(memory_store *store, const char *room, uint64_t seq) {
  size_t i;
  for (i = 0; i < store->message_count; i++) {
    if (store->messages[i].seq == seq && strcmp(store->messages[i].room, room) == 0) return &store->messages[i];
  }
  return NULL;
}

static void delete_messages(memory_store *store, const char *room, uint64_t up_to) {
  size_t i, left = 0;
  for (i = 0; i < store->message_count; i++) {
    const int matches = strcmp(store->messages[i].room, room) == 0 && store->messages[i].seq <= up_to;
    if (!matches) store->messages[left++] = store->messages[i];
  }
  store->message_count = left;
}

static void apply(memory_store *store, const chat_history_change *change) {
  const char *name = change->room->room;
  kept_room *room = find_room(store, name);
  size_t i;
  assert_true(change->struct_size == sizeof(*change));
  if (change->clear || change->remove) delete_messages(store, name, UINT64_MAX);
  if (change->remove) {
    if (room != NULL) *room = store->rooms[--store->room_count];
    return;
  }
  if (room == NULL) room = &store->rooms[store->room_count++];
  room->row = *change->room;
  copy(room->room, sizeof(room->room), name);
  copy(room->epoch, sizeof(room->epoch), change->room->epoch);
  room->row.room = room->room;
  room->row.epoch = room->epoch;
  for (i = 0; i < change->message_count; i++) {
    const chat_message *message = change->messages[i];
    kept_message *row = find_row(store, name, message->seq);
    if (row == NULL) {
      row = &store->messages[store->message_count++];
    } else {
      assert_true(store->keeps_changes);
    }
    assert_true(store->message_count <= MAX_ROWS);
    assert_true(i == 0 || message->seq > change->messages[i - 1]->seq);
    memset(row, 0, sizeof(*row));
    assert_string_equal(message->room, name);
    copy(row->room, sizeof(row->room), name);
    copy(row->epoch, sizeof(row->epoch), message->epoch);
    copy(row->text, sizeof(row->text), message->data);
    copy(row->event, sizeof(row->event), message->event);
    copy(row->name, sizeof(row->name), message->from_name);
    copy(row->user, sizeof(row->user), message->from_user_id);
    copy(row->state, sizeof(row->state), message->kept_state);
    assert_true(store->keeps_changes || message->event_kind == CHAT_EVENT_MESSAGE);
    if (message->attribute_count != 0) copy(row->attribute, sizeof(row->attribute), message->attributes[0].value);
    row->seq = message->seq;
    row->time_ms = message->time_ms;
    row->from = message->from;
  }
  delete_messages(store, name, change->room->dropped_seq);
  if (change->drop_before_ms != 0) store->drop_before_ms = change->drop_before_ms;
}

static const char *write_changes(const chat_history_change *const *changes, size_t count, void *user) {
  const struct timespec pause = {0, 1000000};
  memory_store *store = user;
  const char *fault = NULL;
  size_t i;
  pthread_mutex_lock(&store->mutex);
  while (store->slow) {
    pthread_mutex_unlock(&store->mutex);
    nanosleep(&pause, NULL); /* On purpose: a slow database. */
    pthread_mutex_lock(&store->mutex);
  }
  store->writes++;
  if (store->write_fails) fault = "the database is full";
  for (i = 0; fault == NULL && i < count; i++) apply(store, changes[i]);
  pthread_mutex_unlock(&store->mutex);
  return fault;
}

static chat_history_store store_of_test(void) {
  chat_history_store store = CHAT_HISTORY_STORE_INIT;
  store.user = &kept;
  store.load = load;
  store.read = read_messages;
  store.write = write_changes;
  store.keeps_changes = kept.keeps_changes;
  return store;
}

static chat_server *start_with(void (*change)(chat_server_options *)) {
  chat_history_store store = store_of_test();
  chat_server_options options = test_options();
  chat_server *server = NULL;
  options.history_store = &store;
  if (change != NULL) change(&options);
  assert_ok(chat_server_start(&options, &server));
  return server;
}

static int clear_store(void **state) {
  (void)state;
  kept.room_count = kept.message_count = 0;
  kept.keeps_changes = 0;
  kept.write_fails = kept.read_fails = kept.slow = kept.wrong_order = 0;
  kept.writes = kept.reads = 0;
  kept.drop_before_ms = 0;
  return 0;
}

static void set(int *flag, int value) {
  pthread_mutex_lock(&kept.mutex);
  *flag = value;
  pthread_mutex_unlock(&kept.mutex);
}

static chat_stats stats_of(chat_server *server) {
  chat_stats stats;
  assert_ok(chat_stats_init(&stats, CHAT_STATS_SIZE));
  assert_ok(chat_server_stats(server, &stats));
  return stats;
}

static int is_stored(chat_server *server, uint64_t count) { return stats_of(server).history_stored == count; }
static int is_failed(chat_server *server, uint64_t count) { return stats_of(server).history_failed == count; }
static int is_forgotten(chat_server *server, uint64_t count) { return stats_of(server).history_forgotten == count; }
static int has_rooms(chat_server *server, uint64_t count) {
  size_t rooms;
  (void)server;
  pthread_mutex_lock(&kept.mutex);
  rooms = kept.room_count;
  pthread_mutex_unlock(&kept.mutex);
  return rooms == count;
}

static void until(int (*condition)(chat_server *, uint64_t), chat_server *server, uint64_t count) {
  const struct timespec pause = {0, 1000000};
  int tries;
  for (tries = 0; tries < 20000 && !condition(server, count); tries++) {
    nanosleep(&pause, NULL); /* On purpose: another thread writes. */
  }
  assert_true(condition(server, count));
}

static void publish(chat_server *server, const char *room, const char *text) {
  const chat_pair attribute = {"key", "red", 3};
  chat_message message = CHAT_MESSAGE_INIT;
  message.room = room;
  message.data = text;
  message.data_size = strlen(text);
  message.from_name = "Ann";
  message.from_user_id = "ann";
  message.attributes = &attribute;
  message.attribute_count = 1;
  assert_ok(chat_publish(server, &message, NULL));
}

typedef struct seen {
  char text[256];
  char epoch[80];
} seen;

static int see(const chat_message *message, void *user) {
  seen *result = user;
  sprintf(result->text + strlen(result->text), "%d:%s ", (int)message->seq, (const char *)message->data);
  copy(result->epoch, sizeof(result->epoch), message->epoch);
  assert_string_equal(message->from_name, "Ann");
  assert_string_equal(message->attributes[0].value, "red");
  return 0;
}

static seen history(chat_server *server, const char *room) {
  seen result;
  memset(&result, 0, sizeof(result));
  assert_ok(chat_history(server, room, 0, 0, see, &result));
  return result;
}

static void a_room_continues_with_its_epoch(void **state) {
  chat_server *server = start_with(NULL);
  seen before, after;
  (void)state;
  publish(server, "lobby", "one");
  publish(server, "lobby", "two");
  until(is_stored, server, 2);
  before = history(server, "lobby");
  assert_ok(chat_server_free(server));
  assert_int_equal(kept.reads, 0);

  server = start_with(NULL);
  after = history(server, "lobby");
  assert_string_equal(after.text, "1:one 2:two ");
  assert_string_equal(after.epoch, before.epoch);
  assert_int_equal(kept.reads, 1);
  publish(server, "lobby", "three");
  until(is_stored, server, 1);
  after = history(server, "lobby");
  assert_string_equal(after.text, "1:one 2:two 3:three ");
  assert_int_equal(kept.reads, 1); /* what was read is in memory */
  assert_ok(chat_close_room(server, "lobby", NULL));
  until(has_rooms, server, 0);
  assert_int_equal(kept.message_count, 0);
  publish(server, "lobby", "new");
  until(is_stored, server, 2);
  assert_ok(chat_server_free(server));

  server = start_with(NULL);
  after = history(server, "lobby");
  assert_string_equal(after.text, "1:new ");
  assert_string_not_equal(after.epoch, before.epoch);
  assert_ok(chat_server_free(server));
}

static void kept_messages_cannot_be_deleted(void **state) {
  chat_server *server = start_with(NULL);
  chat_moderation what = CHAT_MODERATION_INIT;
  (void)state;
  publish(server, "lobby", "one");
  until(is_stored, server, 1);
  assert_int_equal(chat_redact(server, "lobby", 1, NULL), CHAT_ERROR_UNSUPPORTED);
  what.room = "lobby";
  what.action = CHAT_MODERATION_CLEAR;
  what.user_id = "ann";
  assert_int_equal(chat_moderate(server, &what), CHAT_ERROR_UNSUPPORTED);
  assert_string_equal(history(server, "lobby").text, "1:one ");
  assert_ok(chat_server_free(server));
}

static void two_messages(chat_server_options *options) { options->history_messages = 2; }

static void the_store_is_told_what_to_drop(void **state) {
  chat_server *server = start_with(two_messages);
  (void)state;
  publish(server, "lobby", "one");
  publish(server, "lobby", "two");
  publish(server, "lobby", "three");
  until(is_stored, server, 3);
  assert_ok(chat_server_free(server));
  assert_int_equal(kept.message_count, 2);
  server = start_with(two_messages);
  assert_string_equal(history(server, "lobby").text, "2:two 3:three ");
  assert_ok(chat_server_free(server));
}

static void a_second(chat_server_options *options) { options->history_age_ms = 1000; }

static void old_messages_are_dropped(void **state) {
  chat_server *server = start_with(a_second);
  (void)state;
  publish(server, "lobby", "one");
  until(is_stored, server, 1);
  until(has_rooms, server, 0); /* the room goes with its last message */
  assert_true(kept.drop_before_ms > 0);
  assert_ok(chat_server_free(server));
}

static void a_write_that_fails_refuses_messages(void **state) {
  chat_server *server = start_with(NULL);
  (void)state;
  publish(server, "lobby", "one");
  until(is_stored, server, 1);
  set(&kept.write_fails, 1);
  publish(server, "lobby", "two");
  until(is_failed, server, 1);
  set(&kept.write_fails, 0);
  publish(server, "lobby", "three");
  until(is_stored, server, 2);
  assert_string_equal(history(server, "lobby").text, "1:one 2:three ");
  assert_ok(chat_server_free(server));
}

static void forgets(chat_server_options *options) { options->history_on_failure = CHAT_HISTORY_FORGET; }

static void a_write_that_fails_is_forgotten(void **state) {
  chat_server *server = start_with(forgets);
  (void)state;
  set(&kept.write_fails, 1);
  publish(server, "lobby", "one");
  until(is_forgotten, server, 1);
  assert_string_equal(history(server, "lobby").text, "1:one ");
  set(&kept.write_fails, 0);
  publish(server, "lobby", "two");
  until(is_stored, server, 1);
  assert_ok(chat_server_free(server));
  server = start_with(forgets);
  assert_string_equal(history(server, "lobby").text, "2:two ");
  assert_ok(chat_server_free(server));
}

static void a_slow_write_stops_nobody(void **state) {
  chat_server *server = start_with(NULL);
  (void)state;
  set(&kept.slow, 1);
  publish(server, "lobby", "one");
  publish(server, "lobby", "two");
  assert_ok(chat_server_check_loops(server, 20000)); /* the loop answers while the store waits */
  assert_true(is_stored(server, 0));
  set(&kept.slow, 0);
  until(is_stored, server, 2);
  assert_true(kept.writes <= 2); /* what waits is written together */
  assert_ok(chat_server_free(server));
}

static void a_read_that_fails_is_an_error(void **state) {
  chat_server *server = start_with(NULL);
  seen result;
  (void)state;
  publish(server, "lobby", "one");
  publish(server, "lobby", "two");
  until(is_stored, server, 2);
  assert_ok(chat_server_free(server));
  server = start_with(NULL);
  set(&kept.read_fails, 1);
  assert_error_about(chat_history(server, "lobby", 0, 0, see, &result), ERROR_UNAVAILABLE, "the database is gone");
  set(&kept.read_fails, 0);
  set(&kept.wrong_order, 1);
  assert_error_about(chat_history(server, "lobby", 0, 0, see, &result), ERROR_UNAVAILABLE, "not in order");
  set(&kept.wrong_order, 0);
  assert_string_equal(history(server, "lobby").text, "1:one 2:two ");
  assert_ok(chat_server_free(server));
}

static const char *load_nothing(chat_history_reply *reply, void *user) {
  (void)reply, (void)user;
  return "no connection to the database";
}

static const char *load_twice(chat_history_reply *reply, void *user) {
  chat_history_room room = CHAT_HISTORY_ROOM_INIT;
  chat_message message = CHAT_MESSAGE_INIT;
  (void)user;
  room.room = "lobby";
  room.epoch = "e1";
  assert_ok(chat_history_reply_room(reply, &room));
  assert_ok(chat_history_reply_room(reply, &room));
  assert_error(chat_history_reply_message(NULL, &message), ERROR_INVALID_ARGUMENT);
  return NULL;
}

static const char *load_wrong(chat_history_reply *reply, void *user) {
  chat_history_room room = CHAT_HISTORY_ROOM_INIT;
  chat_history_value value = CHAT_HISTORY_VALUE_INIT;
  chat_message message = CHAT_MESSAGE_INIT;
  (void)user;
  assert_error(chat_history_reply_value(reply, &value), ERROR_INVALID_ARGUMENT);
  assert_error(chat_history_reply_message(reply, &message), ERROR_WRONG_STATE);
  assert_error(chat_history_reply_room(reply, &room), ERROR_INVALID_ARGUMENT);
  room.epoch = "e1";
  room.room = "a/b";
  assert_error(chat_history_reply_room(reply, &room), ERROR_INVALID_ROOM);
  room.room = "lobby";
  room.dropped_seq = 1;
  assert_error_about(chat_history_reply_room(reply, &room), ERROR_INVALID_ARGUMENT, "dropped_seq");
  return NULL;
}

static void assert_no_start(chat_history_store store, const char *text) {
  chat_server_options options = test_options();
  chat_server *server = NULL;
  options.history_store = &store;
  assert_error_about(chat_server_start(&options, &server), ERROR_UNAVAILABLE, text);
}

static void a_store_that_cannot_be_loaded_starts_no_server(void **state) {
  chat_history_store store = store_of_test();
  (void)state;
  store.load = load_nothing;
  assert_no_start(store, "no connection to the database");
  store.load = load_twice;
  assert_no_start(store, "lobby occurs twice");
  store.load = load_wrong;
  assert_no_start(store, "a value before the first room");
}

static void a_store_has_all_functions(void **state) {
  chat_history_store store;
  chat_server_options options = test_options();
  chat_server *server = NULL;
  (void)state;
  assert_ok(chat_history_store_init(&store, sizeof(store)));
  options.history_store = &store;
  assert_error_about(chat_server_start(&options, &server), ERROR_INVALID_ARGUMENT, "history_store.load");
  store = store_of_test();
  options.history_path = "chat.db";
  assert_error_about(chat_server_start(&options, &server), ERROR_INVALID_ARGUMENT, "exclude each other");
  options.history_path = NULL;
  options.history_off = 1;
  assert_error_about(chat_server_start(&options, &server), ERROR_INVALID_ARGUMENT, "exclude each other");
  options.history_off = 0;
  store.struct_size = 0;
  assert_error_about(chat_server_start(&options, &server), ERROR_INVALID_ARGUMENT, "struct_size");
}

static int clear_changing_store(void **state) {
  (void)clear_store(state);
  kept.keeps_changes = 1;
  return 0;
}

static void edit(chat_server *server, uint64_t seq, const char *text) {
  chat_message message = CHAT_MESSAGE_INIT;
  message.data = text;
  message.data_size = strlen(text);
  message.from_name = "Ann";
  message.kept_state = "ignored";
  assert_ok(chat_edit(server, "lobby", seq, &message));
}

/* Of each message: "SEQ:TEXT[ edited][ deleted][ REACTION=USERS]... " */
static int show(const chat_message *message, void *user) {
  char *line = user;
  size_t i;
  assert_int_equal(message->event_kind, CHAT_EVENT_MESSAGE);
  assert_string_equal(message->event, "chat message");
  sprintf(line + strlen(line), "%d:%s", (int)message->seq, (const char *)message->data);
  if (message->edited_ms != 0) strcat(line, " edited");
  if (message->redacted) strcat(line, " deleted");
  for (i = 0; i < message->reaction_count; i++) {
    sprintf(line + strlen(line), " %s=%d", message->reactions[i].reaction, (int)message->reactions[i].users);
  }
  assert_int_equal(message->attribute_count, message->redacted ? 0 : 1);
  strcat(line, ". ");
  return 0;
}

static void assert_shown(chat_server *server, const char *expected) {
  char line[1024] = "";
  assert_ok(chat_history(server, "lobby", 0, 0, show, line));
  assert_string_equal(line, expected);
}

/* How many rows of the store have the text in what is said, or in what the library keeps. */
static int rows_with(const char *text) {
  size_t i;
  int found = 0;
  pthread_mutex_lock(&kept.mutex);
  for (i = 0; i < kept.message_count; i++) {
    found += strstr(kept.messages[i].text, text) != NULL || strstr(kept.messages[i].state, text) != NULL;
  }
  pthread_mutex_unlock(&kept.mutex);
  return found;
}

static void changes_are_kept(void **state) {
  chat_server *server = start_with(NULL);
  (void)state;
  publish(server, "lobby", "secret");
  publish(server, "lobby", "two");
  until(is_stored, server, 2);
  edit(server, 1, "typo");
  edit(server, 1, "one");
  assert_ok(chat_react(server, "lobby", 1, "ann", "+1", 1));
  assert_ok(chat_react(server, "lobby", 1, "bob", "+1", 1));
  assert_ok(chat_react(server, "lobby", 1, "bob", "ok", 1));
  until(is_stored, server, 7); /* until then nothing is there to be taken back */
  assert_ok(chat_react(server, "lobby", 1, "bob", "ok", 0));
  assert_ok(chat_react(server, "lobby", 2, "ann", "-1", 1));
  until(is_stored, server, 9);
  assert_shown(server, "1:one edited +1=2. 2:two -1=1. ");
  assert_ok(chat_server_free(server));
  assert_int_equal(rows_with("secret"), 0);
  assert_int_equal(rows_with("typo"), 0);
  assert_int_equal(kept.message_count, 9); /* the events have rows of their own */
  assert_string_equal(find_row(&kept, "lobby", 4)->text, "one");
  assert_string_equal(find_row(&kept, "lobby", 3)->text, "");

  server = start_with(NULL);
  assert_shown(server, "1:one edited +1=2. 2:two -1=1. ");
  /* What was known before is known now: of the two only one changes anything. */
  assert_ok(chat_react(server, "lobby", 1, "bob", "+1", 1));
  assert_ok(chat_react(server, "lobby", 1, "cid", "+1", 1));
  until(is_stored, server, 1);
  assert_shown(server, "1:one edited +1=3. 2:two -1=1. ");
  assert_ok(chat_redact(server, "lobby", 1, "mod"));
  until(is_stored, server, 2);
  assert_shown(server, "1: deleted. 2:two -1=1. ");
  assert_int_equal(chat_redact(server, "lobby", 1, NULL), CHAT_ERROR_NO_SUCH_MESSAGE);
  assert_ok(chat_server_free(server));
  assert_int_equal(rows_with("one"), 0);
  assert_int_equal(rows_with("+1"), 0);
  assert_int_equal(rows_with("-1"), 2);
  assert_string_equal(find_row(&kept, "lobby", 1)->attribute, "");
  assert_string_equal(find_row(&kept, "lobby", 1)->name, "Ann");

  server = start_with(NULL);
  assert_shown(server, "1: deleted. 2:two -1=1. ");
  assert_ok(chat_server_free(server));
}

/* All in one transaction: a target and its changes. */
static void changes_of_a_message_that_waits_are_kept(void **state) {
  chat_server *server = start_with(NULL);
  (void)state;
  publish(server, "lobby", "zero");
  until(is_stored, server, 1);
  publish(server, "lobby", "one");
  until(is_stored, server, 2);
  set(&kept.slow, 1);
  publish(server, "lobby", "two"); /* the writer waits with it, and what follows is one transaction */
  edit(server, 2, "first");
  edit(server, 2, "second");
  assert_ok(chat_react(server, "lobby", 2, "ann", "+1", 1));
  assert_ok(chat_react(server, "lobby", 2, "bob", "+1", 1));
  assert_ok(chat_redact(server, "lobby", 1, NULL));
  edit(server, 1, "too late");
  set(&kept.slow, 0);
  until(is_stored, server, 9);
  assert_shown(server, "1: deleted. 2:second edited +1=2. 3:two. ");
  assert_ok(chat_server_free(server));
  assert_int_equal(rows_with("zero"), 0);
  assert_int_equal(rows_with("one"), 0);
  assert_int_equal(rows_with("first"), 0);
  assert_int_equal(rows_with("too late"), 0);
  server = start_with(NULL);
  assert_shown(server, "1: deleted. 2:second edited +1=2. 3:two. ");
  assert_ok(chat_server_free(server));
}

static void a_message_that_is_only_in_the_store_can_be_changed(void **state) {
  chat_moderation what = CHAT_MODERATION_INIT;
  chat_server *server = start_with(NULL);
  (void)state;
  publish(server, "lobby", "one");
  publish(server, "lobby", "two");
  publish(server, "lobby", "three");
  until(is_stored, server, 3);
  assert_ok(chat_server_free(server));
  server = start_with(NULL);
  assert_int_equal(kept.reads, 0);
  edit(server, 2, "2");
  until(is_stored, server, 1);
  assert_true(kept.reads != 0);
  assert_shown(server, "1:one. 2:2 edited. 3:three. ");
  assert_ok(chat_server_free(server));
  assert_int_equal(rows_with("two"), 0);
  server = start_with(NULL);
  what.room = "lobby";
  what.action = CHAT_MODERATION_CLEAR;
  what.user_id = "ann";
  assert_ok(chat_moderate(server, &what));
  until(is_stored, server, 3);
  assert_shown(server, "1: deleted. 2: deleted. 3: deleted. ");
  assert_ok(chat_server_free(server));
  assert_int_equal(rows_with("one") + rows_with("2 ") + rows_with("three"), 0);
  assert_string_equal(find_row(&kept, "lobby", 4)->text, "");
}

/* What was refused is not done, neither here nor in the store. */
static void a_change_that_cannot_be_written_is_refused(void **state) {
  chat_server *server = start_with(forgets);
  (void)state;
  publish(server, "lobby", "one");
  until(is_stored, server, 1);
  set(&kept.write_fails, 1);
  edit(server, 1, "lost");
  until(is_failed, server, 1);
  set(&kept.write_fails, 0);
  set(&kept.read_fails, 1); /* the target cannot be read */
  edit(server, 1, "lost");
  until(is_failed, server, 2);
  set(&kept.read_fails, 0);
  assert_shown(server, "1:one. ");
  assert_int_equal(rows_with("lost"), 0);
  edit(server, 1, "1");
  until(is_stored, server, 2);
  assert_shown(server, "1:1 edited. ");
  assert_int_equal(kept.message_count, 2);
  assert_int_equal(stats_of(server).history_forgotten, 0);
  assert_ok(chat_server_free(server));
}

static const char *write_and_fail(const chat_history_change *const *changes, size_t count, void *user) {
  const char *fault = write_changes(changes, count, user);
  return fault != NULL || kept.writes != 2 ? fault : "the connection was lost"; /* the second one */
}

/* The database has committed, and the answer is lost. The number of the event goes to a message then. */
static void a_write_whose_answer_is_lost_destroys_nothing(void **state) {
  chat_history_store store = store_of_test();
  chat_server_options options = test_options();
  chat_server *server = NULL;
  (void)state;
  store.write = write_and_fail;
  options.history_store = &store;
  assert_ok(chat_server_start(&options, &server));
  publish(server, "lobby", "one");
  until(is_stored, server, 1);
  assert_ok(chat_react(server, "lobby", 1, "ann", "+1", 1));
  until(is_failed, server, 1);
  publish(server, "lobby", "two");
  until(is_stored, server, 2);
  assert_ok(chat_redact(server, "lobby", 1, NULL));
  until(is_stored, server, 3);
  assert_shown(server, "1: deleted. 2:two. ");
  assert_ok(chat_server_free(server));
  server = start_with(NULL);
  assert_shown(server, "1: deleted. 2:two. ");
  assert_ok(chat_server_free(server));
}

/* More events than one read brings, and than a message keeps. Each one is written alone. */
static void many_reactions_are_kept(void **state) {
  enum { EVENTS = 300 };
  chat_server *server = start_with(NULL);
  char line[256] = "";
  int i, full = 0;
  (void)state;
  publish(server, "lobby", "zero");
  publish(server, "lobby", "one");
  until(is_stored, server, 2);
  for (i = 0; i < EVENTS; i++) {
    assert_ok(chat_react(server, "lobby", 1, "ann", "+1", i % 2 == 0));
    until(is_stored, server, (uint64_t)i + 3);
  }
  assert_ok(chat_react(server, "lobby", 2, "ann", "ok", 1));
  until(is_stored, server, EVENTS + 3);
  assert_ok(chat_server_free(server));
  assert_int_equal(kept.message_count, EVENTS + 3);
  for (i = 3; i < EVENTS + 3; i++) full += find_row(&kept, "lobby", (uint64_t)i)->text[0] != '\0';
  assert_int_equal(full, 256);
  assert_string_equal(find_row(&kept, "lobby", 3)->text, "");
  assert_string_equal(find_row(&kept, "lobby", EVENTS + 2)->text, "+1");

  kept.reads = 0;
  server = start_with(NULL);
  assert_ok(chat_history(server, "lobby", 0, 1, show, line)); /* the newest message, behind all events */
  assert_string_equal(line, "2:one ok=1. ");
  assert_int_equal(kept.reads, 3);
  assert_shown(server, "1:zero. 2:one ok=1. ");
  assert_ok(chat_server_free(server));
}

static void a_message_has_so_many_numbers(void **state) {
  chat_server *server = start_with(two_messages);
  int i;
  (void)state;
  publish(server, "lobby", "one");
  publish(server, "lobby", "two");
  publish(server, "lobby", "three");
  until(is_stored, server, 3);
  for (i = 0; i < 5; i++) {
    assert_ok(chat_react(server, "lobby", 3, i % 2 == 0 ? "ann" : "bob", "+1", i < 2));
    until(is_stored, server, i < 4 ? (uint64_t)i + 4 : 7);
  }
  assert_ok(chat_server_free(server));
  assert_int_equal(find_room(&kept, "lobby")->row.seq, 7);
  assert_int_equal(find_room(&kept, "lobby")->row.dropped_seq, 0);
  server = start_with(two_messages);
  assert_shown(server, "2:two. 3:three. "); /* events are not counted as messages */
  edit(server, 2, "2");
  edit(server, 3, "3");
  until(is_stored, server, 2);
  assert_ok(chat_server_free(server));
  assert_int_equal(find_room(&kept, "lobby")->row.dropped_seq, 1); /* 8 numbers */
  assert_null(find_row(&kept, "lobby", 1));
}

static void assert_wrong(const char *kept_state) {
  chat_server *server;
  char line[256] = "";
  copy(find_row(&kept, "lobby", 2)->state, sizeof(kept.messages[0].state), kept_state);
  server = start_with(NULL);
  assert_error_about(chat_history(server, "lobby", 0, 0, show, line), ERROR_UNAVAILABLE, "kept_state");
  assert_ok(chat_server_free(server));
}

/* What a store gives back is checked. */
static void a_wrong_state_is_refused(void **state) {
  static const char *const wrong[] = {
      "x",
      "[]",
      "null",
      "{\"kind\":\"edit\"}",
      "{\"kind\":\"edit\",\"target\":2}",
      "{\"kind\":\"message\",\"target\":1}",
      "{\"kind\":1,\"target\":1}",
      "{\"target\":1}",
      "{\"kind\":\"edit\",\"target\":1,\"event\":\"connect\"}",
      "{\"kind\":\"edit\",\"target\":1,\"edit\":3}",
      "{\"reply_to\":-1}",
      "{\"reply_to\":18446744073709551615}",
      "{\"edited_ms\":\"1\"}",
      "{\"redacted\":1}",
      "{\"edit\":2}",
      "{\"events\":3}",
      "{\"events\":[1]}",
      "{\"events\":[4,3]}",
      "{\"events\":[[[[[[3]]]]]]}",
      "{\"reactions\":{}}",
      "{\"reactions\":[\"+1\"]}",
      "{\"reactions\":[[\"+1\"]]}",
      "{\"reactions\":[[\"\",\"ann\"]]}",
      "{\"reactions\":[[\"+1\",\"\"]]}",
      "{\"reactions\":[[\"+1\",\"a\\nb\"]]}",
      "{\"reactions\":[[\"+1\",\"\\nb\"]]}",
      "{\"reactions\":[[\"+1\",\"ann\",\"bob\",\"ann\"]]}",
      "{\"reactions\":[[\"+1\",\"ann\"],[\"+1\",\"bob\"]]}",
      "{\"reactions\":[[\"+1\",\"ann\"]],\"redacted\":true}",
      "{\"reactions\":[[\"+1\",\"\xff\"]]}",
  };
  chat_server *server = start_with(NULL);
  char many[2048] = "{\"reactions\":[";
  size_t i;
  (void)state;
  publish(server, "lobby", "one");
  publish(server, "lobby", "two");
  until(is_stored, server, 2);
  assert_ok(chat_server_free(server));
  for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) assert_wrong(wrong[i]);
  for (i = 0; i < 21; i++) { /* one more than a message has */
    sprintf(many + strlen(many), "%s[\"%d\",\"ann\"]", i == 0 ? "" : ",", (int)i);
  }
  strcat(many, "]}");
  assert_wrong(many);
  /* The text of a deleted message is not shown, whatever the store has left of it. */
  copy(find_row(&kept, "lobby", 2)->state, sizeof(many), "{\"a later version\":[[1]],\"redacted\":true}");
  server = start_with(NULL);
  assert_shown(server, "1:one. 2: deleted. ");
  assert_ok(chat_server_free(server));
}

/* A store that names rows of others as events of a message: only events of the message are emptied. */
static void a_wrong_state_destroys_nothing(void **state) {
  chat_server *server = start_with(NULL);
  (void)state;
  publish(server, "lobby", "one");
  publish(server, "lobby", "two");
  publish(server, "lobby", "three");
  until(is_stored, server, 3);
  assert_ok(chat_react(server, "lobby", 2, "ann", "+1", 1));
  until(is_stored, server, 4);
  assert_ok(chat_server_free(server));
  copy(find_row(&kept, "lobby", 1)->state, sizeof(kept.messages[0].state), "{\"edit\":3,\"events\":[2,4,9]}");
  server = start_with(NULL);
  assert_ok(chat_redact(server, "lobby", 1, NULL));
  until(is_stored, server, 1);
  assert_shown(server, "1: deleted. 2:two +1=1. 3:three. ");
  assert_ok(chat_server_free(server));
  assert_string_equal(find_row(&kept, "lobby", 4)->text, "+1");
  server = start_with(NULL);
  assert_shown(server, "1: deleted. 2:two +1=1. 3:three. ");
  assert_ok(chat_server_free(server));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(a_room_continues_with_its_epoch, clear_store),
      cmocka_unit_test_setup(kept_messages_cannot_be_deleted, clear_store),
      cmocka_unit_test_setup(the_store_is_told_what_to_drop, clear_store),
      cmocka_unit_test_setup(old_messages_are_dropped, clear_store),
      cmocka_unit_test_setup(a_write_that_fails_refuses_messages, clear_store),
      cmocka_unit_test_setup(a_write_that_fails_is_forgotten, clear_store),
      cmocka_unit_test_setup(a_slow_write_stops_nobody, clear_store),
      cmocka_unit_test_setup(a_read_that_fails_is_an_error, clear_store),
      cmocka_unit_test_setup(a_store_that_cannot_be_loaded_starts_no_server, clear_store),
      cmocka_unit_test_setup(a_store_has_all_functions, clear_store),
      cmocka_unit_test_setup(changes_are_kept, clear_changing_store),
      cmocka_unit_test_setup(changes_of_a_message_that_waits_are_kept, clear_changing_store),
      cmocka_unit_test_setup(a_message_that_is_only_in_the_store_can_be_changed, clear_changing_store),
      cmocka_unit_test_setup(a_change_that_cannot_be_written_is_refused, clear_changing_store),
      cmocka_unit_test_setup(a_write_whose_answer_is_lost_destroys_nothing, clear_changing_store),
      cmocka_unit_test_setup(many_reactions_are_kept, clear_changing_store),
      cmocka_unit_test_setup(a_message_has_so_many_numbers, clear_changing_store),
      cmocka_unit_test_setup(a_wrong_state_is_refused, clear_changing_store),
      cmocka_unit_test_setup(a_wrong_state_destroys_nothing, clear_changing_store),
  };
  return cmocka_run_group_tests_name("capi/history_store", tests, NULL, NULL);
}
