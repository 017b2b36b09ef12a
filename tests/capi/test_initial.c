/* The functions for languages without macros: chat_..._init() and chat_..._event_refuse(). */
#include "support/capi_test.h"

#include <stdlib.h>
#include <string.h>

typedef chat_error (*init_function)(void *target, size_t struct_size);

/* A type for each structure, so that one test serves all. */
#define ADAPT(name) \
  static chat_error init_##name(void *target, size_t struct_size) { return chat_##name##_init(target, struct_size); }
ADAPT(server_options)
ADAPT(endpoint)
ADAPT(static_mount)
ADAPT(identity)
ADAPT(message)
ADAPT(stats)
#undef ADAPT

/* Static, so that their padding is zero as well. */
static const chat_server_options options_by_macro = CHAT_SERVER_OPTIONS_INIT;
static const chat_endpoint endpoint_by_macro = CHAT_ENDPOINT_INIT;
static const chat_static_mount mount_by_macro = CHAT_STATIC_MOUNT_INIT;
static const chat_identity identity_by_macro = CHAT_IDENTITY_INIT;
static const chat_message message_by_macro = CHAT_MESSAGE_INIT;
static const chat_stats stats_by_hand = {CHAT_STATS_SIZE, 0};

static const struct {
  init_function init;
  const void *expected; /* what the macro gives, of size bytes */
  size_t size;
  size_t smallest; /* what the first version had */
} cases[] = {
    {init_server_options, &options_by_macro, sizeof(chat_server_options), offsetof(chat_server_options, user)},
    {init_endpoint, &endpoint_by_macro, sizeof(chat_endpoint), offsetof(chat_endpoint, transports)},
    {init_static_mount, &mount_by_macro, sizeof(chat_static_mount), sizeof(chat_static_mount)},
    {init_identity, &identity_by_macro, sizeof(chat_identity), offsetof(chat_identity, attributes)},
    {init_message, &message_by_macro, sizeof(chat_message), offsetof(chat_message, attachments)},
    {init_stats, &stats_by_hand, sizeof(chat_stats), offsetof(chat_stats, connections_total)},
};

enum { UNTOUCHED = 0xA5, SPARE = 64, LARGEST_STRUCT = 65536 };

static int all_bytes_are(const unsigned char *bytes, size_t size, int value) {
  size_t i;
  for (i = 0; i < size; i++) {
    if (bytes[i] != value) return 0;
  }
  return 1;
}

/* Every size from the first version's to a newer one's: as an older and as a newer caller have it. */
static void exactly_the_caller_s_size_is_written(void **state) {
  size_t i, size;
  (void)state;
  for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    const size_t whole = cases[i].size + SPARE;
    unsigned char *target = malloc(whole + SPARE);
    assert_non_null(target);
    for (size = cases[i].smallest; size <= whole; size++) {
      const size_t known = size < cases[i].size ? size : cases[i].size;
      memset(target, UNTOUCHED, whole + SPARE);
      assert_ok(cases[i].init(target, size));
      assert_memory_equal(target, &size, sizeof(size)); /* struct_size */
      assert_memory_equal(target + sizeof(size), (const char *)cases[i].expected + sizeof(size), known - sizeof(size));
      assert_true(all_bytes_are(target + known, size - known, 0));
      assert_true(all_bytes_are(target + size, whole + SPARE - size, UNTOUCHED));
    }
    free(target);
  }
}

static void a_size_that_is_none_is_refused_and_nothing_is_written(void **state) {
  size_t i, j;
  (void)state;
  for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    const size_t sizes[] = {0, 1, cases[i].smallest - 1, LARGEST_STRUCT + 1, (size_t)-1};
    unsigned char target[SPARE];
    memset(target, UNTOUCHED, sizeof(target));
    for (j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
      assert_error_about(cases[i].init(target, sizes[j]), ERROR_INVALID_ARGUMENT, "struct_size");
      assert_true(all_bytes_are(target, sizeof(target), UNTOUCHED));
    }
    assert_error_about(cases[i].init(NULL, cases[i].size), ERROR_INVALID_ARGUMENT, "NULL");
  }
}

static void a_server_starts_with_less_and_more_than_its_options(void **state) {
  const size_t sizes[] = {offsetof(chat_server_options, user), offsetof(chat_server_options, log_level),
                          sizeof(chat_server_options), sizeof(chat_server_options) + SPARE};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    chat_server_options *options = malloc(sizes[i]); /* exactly, for the sanitizer */
    chat_server *server;
    chat_stats stats;
    assert_non_null(options);
    assert_ok(chat_server_options_init(options, sizes[i]));
    options->address = "127.0.0.1";
    assert_ok(chat_server_start(options, &server));
    free(options);
    assert_true(chat_server_port(server) > 0);
    assert_ok(chat_stats_init(&stats, sizeof(stats)));
    assert_ok(chat_server_stats(server, &stats));
    assert_ok(chat_server_free(server));
  }
}

/* The options contain it, and every declaration of them in another language. */
static void the_callbacks_keep_their_size(void **state) {
  (void)state;
  assert_int_equal(sizeof(chat_callbacks), sizeof(size_t) + 16 * sizeof(void (*)(void)));
}

/* Endpoints are an array, so all of them have the size that the caller's language gives one. */
static void endpoints_of_the_first_version_s_size(void **state) {
  enum { SIZE = offsetof(chat_endpoint, transports) + sizeof(uint32_t) };
  chat_server_options options = test_options();
  unsigned char endpoints[2 * SIZE];
  chat_endpoint one;
  chat_server *server;
  (void)state;
  assert_ok(chat_endpoint_init(&one, SIZE));
  one.path = "/one";
  memcpy(endpoints, &one, SIZE);
  one.path = "/two";
  one.protocol = CHAT_PROTOCOL_CHAT_V1;
  memcpy(endpoints + SIZE, &one, SIZE);
  options.endpoints = (const chat_endpoint *)(const void *)endpoints;
  options.endpoint_count = 2;
  assert_ok(chat_server_start(&options, &server));
  assert_ok(chat_server_free(server));
}

static void a_refusal_writes_the_reason(void **state) {
  chat_connect_event connect_event;
  chat_authorize_event authorize_event;
  chat_message_event message_event;
  (void)state;
  memset(&connect_event, UNTOUCHED, sizeof(connect_event));
  memset(&authorize_event, UNTOUCHED, sizeof(authorize_event));
  memset(&message_event, UNTOUCHED, sizeof(message_event));
  assert_int_equal(chat_connect_event_refuse(&connect_event, "members only"), CHAT_REFUSE);
  assert_string_equal(connect_event.reason, "members only");
  assert_int_equal(chat_authorize_event_refuse(&authorize_event, "not today"), CHAT_REFUSE);
  assert_string_equal(authorize_event.reason, "not today");
  assert_int_equal(chat_message_event_refuse(&message_event, "be kind"), CHAT_REFUSE);
  assert_string_equal(message_event.reason, "be kind");
  assert_int_equal(chat_message_event_refuse(&message_event, NULL), CHAT_REFUSE);
  assert_string_equal(message_event.reason, "");
  assert_int_equal(chat_message_event_refuse(NULL, "be kind"), CHAT_REFUSE);
  assert_int_equal(chat_connect_event_refuse(NULL, NULL), CHAT_REFUSE);
  assert_int_equal(chat_authorize_event_refuse(NULL, NULL), CHAT_REFUSE);
}

static void a_long_reason_is_cut_between_characters(void **state) {
  chat_message_event event;
  char reason[400];
  size_t i;
  (void)state;
  memset(&event, UNTOUCHED, sizeof(event));
  for (i = 0; i < sizeof(reason) - 1; i++) reason[i] = i % 2 == 0 ? '\xc3' : '\xa9';
  reason[sizeof(reason) - 1] = '\0';
  assert_int_equal(chat_message_event_refuse(&event, reason), CHAT_REFUSE);
  assert_int_equal(strlen(event.reason), CHAT_REASON_BYTES - 2); /* 61 characters of two bytes */
  assert_memory_equal(event.reason, reason, CHAT_REASON_BYTES - 2);
  assert_true(all_bytes_are((const unsigned char *)&event.decision_id, sizeof(event.decision_id), UNTOUCHED));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exactly_the_caller_s_size_is_written),
      cmocka_unit_test(a_size_that_is_none_is_refused_and_nothing_is_written),
      cmocka_unit_test(a_server_starts_with_less_and_more_than_its_options),
      cmocka_unit_test(the_callbacks_keep_their_size),
      cmocka_unit_test(endpoints_of_the_first_version_s_size),
      cmocka_unit_test(a_refusal_writes_the_reason),
      cmocka_unit_test(a_long_reason_is_cut_between_characters),
  };
  return cmocka_run_group_tests_name("capi/initial", tests, NULL, NULL);
}
