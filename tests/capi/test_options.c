/*
 * chat_server_options: every field out of its range is refused with a message that names it, every size of the
 * structure that a program may have been compiled with is read right, and what is fine starts.
 */
#include "support/capi_test.h"

#include <stdlib.h>
#include <string.h>

/* The start fails, leaves no handle, and says which field it was. */
static void refused(const chat_server_options *options, chat_error error, const char *field) {
  chat_server *server = (chat_server *)options; /* anything but NULL */
  assert_string_equal(error_name(chat_server_start(options, &server)), error_name(error));
  assert_null(server);
  if (strstr(chat_error_message(), field) == NULL) fail_msg("\"%s\" is not in: %s", field, chat_error_message());
}

static void invalid(const chat_server_options *options, const char *field) {
  refused(options, CHAT_ERROR_INVALID_ARGUMENT, field);
}

static void starts(const chat_server_options *options) {
  chat_server *server = NULL;
  if (chat_server_start(options, &server) != CHAT_OK) fail_msg("%s", chat_error_message());
  assert_non_null(server);
  assert_ok(chat_server_free(server));
}

/* Host-driven, so that no test here needs a thread. */
static chat_server_options base(void) {
  chat_server_options options = test_options();
  options.threads = 0;
  return options;
}

static void the_defaults_start(void **state) {
  chat_server_options options = base();
  (void)state;
  starts(&options);
}

static void null_is_refused(void **state) {
  chat_server_options options = base();
  (void)state;
  invalid(NULL, "options");
  assert_error_about(chat_server_start(&options, NULL), ERROR_INVALID_ARGUMENT, "server");
}

static void the_size_must_be_set(void **state) {
  chat_server_options options = base();
  (void)state;
  options.struct_size = 0;
  invalid(&options, "options.struct_size");
  options.struct_size = offsetof(chat_server_options, callbacks);
  invalid(&options, "options.struct_size");
  options.struct_size = (size_t)-1;
  invalid(&options, "options.struct_size");
  memset(&options, 0, sizeof(options));
  invalid(&options, "options.struct_size");
}

static void the_size_of_the_callbacks_must_be_set(void **state) {
  chat_server_options options = base();
  (void)state;
  options.callbacks.struct_size = 0;
  invalid(&options, "callbacks");
  options.callbacks.struct_size = sizeof(chat_callbacks) + 8;
  invalid(&options, "callbacks");
}

/* On the heap and no larger than it says, so that reading further is seen. */
static void an_older_program_is_read_as_far_as_it_reaches(void **state) {
  const size_t sizes[] = {offsetof(chat_server_options, user), offsetof(chat_server_options, endpoints),
                          offsetof(chat_server_options, max_rooms), offsetof(chat_server_options, permessage_deflate),
                          offsetof(chat_server_options, max_http_body_bytes)};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    chat_server_options whole = base();
    chat_server_options *options = malloc(sizes[i]);
    assert_non_null(options);
    whole.struct_size = sizes[i];
    whole.socket_io_client_directory = ""; /* beyond the end: not seen */
    memcpy(options, &whole, sizes[i]);
    starts(options);
    free(options);
  }
}

static void a_newer_program_may_set_nothing_that_is_unknown(void **state) {
  struct {
    chat_server_options options;
    int64_t later_field;
  } newer;
  (void)state;
  memset(&newer, 0, sizeof(newer));
  newer.options = base();
  newer.options.struct_size = sizeof(newer);
  starts(&newer.options);
  newer.later_field = 1;
  refused(&newer.options, CHAT_ERROR_UNSUPPORTED, "options");
}

static void whole_numbers_have_ranges(void **state) {
  const struct {
    size_t offset;
    int too_low, too_high;
    const char *field;
  } cases[] = {
      {offsetof(chat_server_options, port), -1, 65536, "options.port"},
      {offsetof(chat_server_options, threads), -1, 257, "options.threads"},
      {offsetof(chat_server_options, listen_fd), -1, -2147483647, "options.listen_fd"},
      {offsetof(chat_server_options, log_level), -1, 5, "options.log_level"},
      {offsetof(chat_server_options, outbox_policy), -1, 3, "options.outbox_policy"},
      {offsetof(chat_server_options, history_off), -1, 2, "options.history_off"},
      {offsetof(chat_server_options, permessage_deflate), -1, 2, "options.permessage_deflate"},
      {offsetof(chat_server_options, recovery_asks_on_connect), -1, 2, "options.recovery_asks_on_connect"},
  };
  size_t i;
  (void)state;
  for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    chat_server_options options = base();
    memcpy((char *)&options + cases[i].offset, &cases[i].too_low, sizeof(int));
    invalid(&options, cases[i].field);
    memcpy((char *)&options + cases[i].offset, &cases[i].too_high, sizeof(int));
    invalid(&options, cases[i].field);
  }
}

/* Every 64-bit number: no negative one but CHAT_UNLIMITED, and that only where chat.h marks it with (*). */
static void limits_and_timers_have_ranges(void **state) {
#define FIELD(name, unlimited) \
  { offsetof(chat_server_options, name), "options." #name, unlimited }
  const struct {
    size_t offset;
    const char *field;
    int unlimited;
  } cases[] = {
      FIELD(max_clients, 1),
      FIELD(max_clients_per_address, 1),
      FIELD(max_connections, 1),
      FIELD(max_message_bytes, 0),
      FIELD(max_header_bytes, 0),
      FIELD(inbound_rate, 1),
      FIELD(inbound_burst, 0),
      FIELD(max_outbox_bytes, 0),
      FIELD(max_outbox_messages, 0),
      FIELD(flush_interval_ms, 0),
      FIELD(send_buffer_bytes, 1),
      FIELD(memory_release_ms, 1),
      FIELD(max_rooms, 0),
      FIELD(max_rooms_per_client, 0),
      FIELD(history_messages, 1),
      FIELD(history_bytes, 0),
      FIELD(history_age_ms, 1),
      FIELD(history_total_bytes, 0),
      FIELD(ping_interval_ms, 1),
      FIELD(ping_timeout_ms, 0),
      FIELD(handshake_timeout_ms, 0),
      FIELD(http_idle_timeout_ms, 0),
      FIELD(verdict_timeout_ms, 0),
      FIELD(drain_timeout_ms, 0),
      FIELD(drain_spread_ms, 0),
      FIELD(slow_callback_ms, 0),
      FIELD(max_http_body_bytes, 0),
      FIELD(upgrade_timeout_ms, 0),
      FIELD(connect_timeout_ms, 0),
      FIELD(recovery_window_ms, 1),
      FIELD(recovery_bytes, 0),
      FIELD(poll_budget_ms, 1),
      FIELD(max_connections_per_address, 1),
      FIELD(max_rooms_per_address, 1),
      FIELD(max_memberships, 1),
      FIELD(max_memberships_per_address, 1),
      FIELD(max_queued_bytes, 1),
      FIELD(max_queued_bytes_per_address, 1),
      FIELD(stomp_heart_beat_ms, 1),
  };
#undef FIELD
  const int64_t negative = -2, unlimited = CHAT_UNLIMITED, huge = INT64_MAX;
  size_t i;
  (void)state;
  for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    chat_server_options options = base();
    char *field = (char *)&options + cases[i].offset;
    memcpy(field, &negative, sizeof(negative));
    invalid(&options, cases[i].field);
    memcpy(field, &huge, sizeof(huge));
    invalid(&options, cases[i].field);
    memcpy(field, &unlimited, sizeof(unlimited));
    if (cases[i].unlimited) {
      starts(&options);
    } else {
      invalid(&options, cases[i].field);
    }
  }
}

static void an_outbox_holds_at_least_one_message(void **state) {
  chat_server_options options = base();
  (void)state;
  options.max_outbox_bytes = 1000;
  invalid(&options, "options.max_outbox_bytes");
  options.max_message_bytes = 1000;
  starts(&options);
}

/* The largest text that the application may say, which is the largest that any endpoint's clients may say. */
static void may_say(const chat_server_options *options, size_t size) {
  chat_server *server = NULL;
  char *text = malloc(size + 1);
  assert_non_null(text);
  memset(text, 'x', size + 1);
  if (chat_server_start(options, &server) != CHAT_OK) fail_msg("%s", chat_error_message());
  assert_ok(chat_broadcast(server, "lobby", text, size));
  assert_error(chat_broadcast(server, "lobby", text, size + 1), ERROR_TOO_LARGE);
  assert_ok(chat_server_free(server));
  free(text);
}

static void socket_io_has_a_larger_default_for_messages(void **state) {
  chat_server_options options = base();
  (void)state;
  may_say(&options, 1000000);
  options.max_http_body_bytes = 200000;
  may_say(&options, 200000);
  options.max_http_body_bytes = 1000; /* less than other endpoints take */
  may_say(&options, 65536);
  options.max_http_body_bytes = 0;

  options.max_outbox_bytes = 300000; /* as programs without Socket.IO set it */
  may_say(&options, 300000);
  options.max_outbox_bytes = 0;

  options.max_message_bytes = 5000; /* said by the caller: for every protocol */
  may_say(&options, 5000);
}

static void each_endpoint_may_have_a_limit_of_its_own(void **state) {
  chat_endpoint endpoints[2] = {CHAT_ENDPOINT_INIT, CHAT_ENDPOINT_INIT};
  chat_server_options options = base();
  (void)state;
  options.endpoints = endpoints;
  options.endpoint_count = 1;
  endpoints[0].path = "/chat";
  may_say(&options, 65536);

  options.endpoint_count = 2;
  endpoints[1].path = "/live";
  endpoints[1].protocol = CHAT_PROTOCOL_SOCKET_IO;
  may_say(&options, 1000000);
  endpoints[1].max_message_bytes = 70000;
  may_say(&options, 70000);
  options.max_message_bytes = 5000;
  may_say(&options, 70000);
  options.max_outbox_bytes = 69999;
  invalid(&options, "options.max_outbox_bytes");
}

static void transports_are_those_of_the_protocol(void **state) {
  static const struct {
    chat_protocol protocol;
    uint32_t transports;
    int fine;
  } cases[] = {
      {CHAT_PROTOCOL_PLAIN, 0, 1},
      {CHAT_PROTOCOL_PLAIN, CHAT_TRANSPORT_WEBSOCKET, 1},
      {CHAT_PROTOCOL_PLAIN, CHAT_TRANSPORT_POLLING, 1},
      {CHAT_PROTOCOL_PLAIN, CHAT_TRANSPORT_STREAMING | CHAT_TRANSPORT_WEBSOCKET, 1},
      {CHAT_PROTOCOL_CHAT_V1, CHAT_TRANSPORT_WEBSOCKET, 1},
      {CHAT_PROTOCOL_CHAT_V1, CHAT_TRANSPORT_POLLING, 1},
      {CHAT_PROTOCOL_SOCKET_IO, 0, 1},
      {CHAT_PROTOCOL_SOCKET_IO, CHAT_TRANSPORT_WEBSOCKET, 1},
      {CHAT_PROTOCOL_SOCKET_IO, CHAT_TRANSPORT_POLLING, 1},
      {CHAT_PROTOCOL_SOCKET_IO, CHAT_TRANSPORT_POLLING | CHAT_TRANSPORT_WEBSOCKET, 1},
      {CHAT_PROTOCOL_SOCKET_IO, CHAT_TRANSPORT_STREAMING, 0},
      {CHAT_PROTOCOL_SOCKET_IO, 1u << CHAT_TRANSPORT_COUNT, 0},
      {CHAT_PROTOCOL_STOMP, CHAT_TRANSPORT_WEBSOCKET, 1},
      {CHAT_PROTOCOL_STOMP, CHAT_TRANSPORT_POLLING | CHAT_TRANSPORT_STREAMING, 1},
  };
  chat_endpoint endpoint = CHAT_ENDPOINT_INIT;
  chat_server_options options = base();
  size_t i;
  (void)state;
  endpoint.path = "/here";
  options.endpoints = &endpoint;
  options.endpoint_count = 1;
  for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    endpoint.protocol = cases[i].protocol;
    endpoint.transports = cases[i].transports;
    if (cases[i].fine) {
      starts(&options);
    } else {
      invalid(&options, "options.endpoints[0].transports");
    }
  }
}

static void sockjs_is_an_option_of_each_endpoint(void **state) {
  static const struct {
    chat_protocol protocol;
    uint32_t sockjs;
    int fine;
  } cases[] = {
      {CHAT_PROTOCOL_PLAIN, 0, 1},
      {CHAT_PROTOCOL_PLAIN, CHAT_SOCKJS_XHR | CHAT_SOCKJS_JSONP, 1},
      {CHAT_PROTOCOL_PLAIN, CHAT_SOCKJS_OFF, 1},
      {CHAT_PROTOCOL_PLAIN, CHAT_SOCKJS_OFF | CHAT_SOCKJS_XHR, 0},
      {CHAT_PROTOCOL_PLAIN, CHAT_SOCKJS_OFF << 1, 0},
      {CHAT_PROTOCOL_SOCKET_IO, CHAT_SOCKJS_OFF, 1},
      {CHAT_PROTOCOL_SOCKET_IO, CHAT_SOCKJS_XHR, 0},
      {CHAT_PROTOCOL_STOMP, CHAT_SOCKJS_XHR, 1},
      {CHAT_PROTOCOL_HTTP, CHAT_SOCKJS_XHR, 0},
  };
  chat_endpoint endpoint = CHAT_ENDPOINT_INIT;
  chat_server_options options = base();
  size_t i;
  (void)state;
  endpoint.path = "/here";
  options.endpoints = &endpoint;
  options.endpoint_count = 1;
  for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    endpoint.protocol = cases[i].protocol;
    endpoint.sockjs = cases[i].sockjs;
    if (cases[i].fine) {
      starts(&options);
    } else {
      invalid(&options, "options.endpoints[0].sockjs");
    }
  }
  endpoint.sockjs = 0;
  endpoint.sockjs_cookie = 2;
  invalid(&options, "options.endpoints[0].sockjs_cookie");
  endpoint.sockjs_cookie = 1;
  options.sockjs_heartbeat_ms = CHAT_UNLIMITED;
  invalid(&options, "options.sockjs_heartbeat_ms");
  options.sockjs_heartbeat_ms = 1;
  options.sockjs_response_bytes = -2;
  invalid(&options, "options.sockjs_response_bytes");
  options.sockjs_response_bytes = 1;
  options.sockjs_script_url = "/sockjs.js";
  starts(&options);
}

static void socket_io_owns_what_is_below_its_path(void **state) {
  chat_endpoint endpoints[2] = {CHAT_ENDPOINT_INIT, CHAT_ENDPOINT_INIT};
  chat_server_options options = base();
  (void)state;
  endpoints[0].path = "/live/inner";
  endpoints[1].path = "/live/";
  endpoints[1].protocol = CHAT_PROTOCOL_SOCKET_IO;
  options.endpoints = endpoints;
  options.endpoint_count = 2;
  invalid(&options, "options.endpoints[0].path");
  endpoints[0].path = "/lively";
  starts(&options);
  endpoints[1].path = "/";
  invalid(&options, "options.endpoints[1].path");
  endpoints[1].protocol = CHAT_PROTOCOL_PLAIN; /* which owns this one path */
  starts(&options);
}

static void prefixes_of_stomp_differ(void **state) {
  chat_server_options options = base();
  (void)state;
  options.stomp_room_prefix = "";
  invalid(&options, "options.stomp_room_prefix");
  options.stomp_room_prefix = "/a\nb/";
  invalid(&options, "options.stomp_room_prefix");
  options.stomp_room_prefix = "/app/"; /* that of events */
  invalid(&options, "options.stomp_room_prefix");
  options.stomp_room_prefix = "/user/";
  invalid(&options, "options.stomp_room_prefix");
  options.stomp_room_prefix = "/topic/";
  options.stomp_user_queue_prefix = "/topic/mine/";
  invalid(&options, "options.stomp_room_prefix");
  options.stomp_room_prefix = "room:";
  options.stomp_application_prefix = "event:";
  options.stomp_user_queue_prefix = "queue:";
  starts(&options);
}

static void the_client_directory_is_a_name(void **state) {
  chat_server_options options = base();
  (void)state;
  options.socket_io_client_directory = "";
  invalid(&options, "options.socket_io_client_directory");
  options.socket_io_client_directory = ".";
  starts(&options);
}

static void endpoints_are_checked(void **state) {
  const char *const bad_paths[] = {NULL, "", "chat", "/a?b", "/a#b", "/a\nb", "/\xff", "/a//b"};
  chat_endpoint endpoints[2] = {CHAT_ENDPOINT_INIT, CHAT_ENDPOINT_INIT};
  chat_server_options options = base();
  char long_path[2000];
  size_t i;
  (void)state;
  endpoints[0].path = "/one";
  endpoints[1].path = "/two";
  options.endpoints = endpoints;
  options.endpoint_count = 2;
  starts(&options);

  for (i = 0; i < sizeof(bad_paths) / sizeof(bad_paths[0]); i++) {
    endpoints[1].path = bad_paths[i];
    invalid(&options, "options.endpoints[1].path");
  }
  memset(long_path, 'x', sizeof(long_path));
  long_path[0] = '/';
  long_path[sizeof(long_path) - 1] = '\0';
  endpoints[1].path = long_path;
  invalid(&options, "options.endpoints[1].path");
  endpoints[1].path = "/one/"; /* the same but for a trailing slash */
  invalid(&options, "/one");
  endpoints[1].path = "/two";

  endpoints[1].protocol = (chat_protocol)0;
  invalid(&options, "options.endpoints[1].protocol");
  endpoints[1].protocol = (chat_protocol)CHAT_PROTOCOL_COUNT;
  invalid(&options, "options.endpoints[1].protocol");
  endpoints[1].protocol = CHAT_PROTOCOL_CHAT_V1;

  endpoints[1].transports = 1u << 30;
  invalid(&options, "options.endpoints[1].transports");
  endpoints[1].transports = CHAT_TRANSPORT_WEBSOCKET;

  endpoints[1].max_message_bytes = -1;
  invalid(&options, "options.endpoints[1].max_message_bytes");
  endpoints[1].max_message_bytes = 100;
  starts(&options);

  endpoints[0].struct_size = 0;
  invalid(&options, "options.endpoints[0].struct_size");
  endpoints[0].struct_size = sizeof(chat_endpoint);
  endpoints[1].struct_size = sizeof(chat_endpoint) - 8;
  invalid(&options, "options.endpoints[1].struct_size");

  options.endpoints = NULL;
  invalid(&options, "options.endpoints");
  options.endpoints = endpoints;
  options.endpoint_count = 0;
  invalid(&options, "options.endpoint_count");
  options.endpoint_count = 1000000;
  invalid(&options, "options.endpoints");
}

/* An array goes in steps of the size that the program was compiled with. */
static void endpoints_of_another_size_are_read(void **state) {
  struct newer_endpoint {
    chat_endpoint endpoint;
    int64_t later_field;
  } newer[2];
  struct older_endpoint {
    size_t struct_size;
    const char *path;
    chat_protocol protocol;
  } older[2];
  chat_server_options options = base();
  (void)state;
  memset(newer, 0, sizeof(newer));
  newer[0].endpoint.struct_size = newer[1].endpoint.struct_size = sizeof(newer[0]);
  newer[0].endpoint.path = "/one";
  newer[1].endpoint.path = "/two";
  newer[0].endpoint.protocol = newer[1].endpoint.protocol = CHAT_PROTOCOL_PLAIN;
  options.endpoints = &newer[0].endpoint;
  options.endpoint_count = 2;
  starts(&options);
  newer[1].later_field = 7;
  refused(&options, CHAT_ERROR_UNSUPPORTED, "options.endpoints[1]");

  memset(older, 0, sizeof(older));
  older[0].struct_size = older[1].struct_size = sizeof(older[0]);
  older[0].path = "/one";
  older[1].path = "/two";
  older[0].protocol = older[1].protocol = CHAT_PROTOCOL_CHAT_V1;
  options.endpoints = (const chat_endpoint *)(const void *)older;
  starts(&options);
}

static void static_mounts_are_checked(void **state) {
  chat_static_mount mounts[2] = {CHAT_STATIC_MOUNT_INIT, CHAT_STATIC_MOUNT_INIT};
  chat_server_options options = base();
  (void)state;
  mounts[0].path = "/";
  mounts[0].directory = ".";
  mounts[1].path = "/files";
  mounts[1].directory = ".";
  options.static_mounts = mounts;
  options.static_mount_count = 2;
  starts(&options);
  mounts[1].path = "files";
  invalid(&options, "options.static_mounts[1].path");
  mounts[1].path = "/";
  invalid(&options, "options.static_mounts[1].path");
  mounts[1].path = "/files";
  mounts[1].directory = NULL;
  invalid(&options, "options.static_mounts[1].directory");
  mounts[1].directory = "";
  invalid(&options, "options.static_mounts[1].directory");
  mounts[1].directory = "/nowhere/at/all";
  invalid(&options, "/nowhere/at/all");
  mounts[1].directory = ".";
  mounts[0].struct_size = 1;
  invalid(&options, "options.static_mounts[0].struct_size");
  options.static_mounts = NULL;
  invalid(&options, "options.static_mounts");
}

static void own_paths_are_checked(void **state) {
  static const char *const bad[] = {"", "talk", "/a//b", "/a?b", "/a#b", "/a\nb", "/\xff"};
  chat_server_options options = base();
  (void)state;
  for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
    options.chat_page_path = bad[i];
    invalid(&options, "options.chat_page_path");
    options.chat_page_path = NULL;
    options.chat_script_path = bad[i];
    invalid(&options, "options.chat_script_path");
    options.chat_script_path = NULL;
    options.metrics_path = bad[i];
    invalid(&options, "options.metrics_path");
    options.metrics_path = NULL;
  }
  options.chat_page_path = "/talk/";
  options.chat_script_path = "/chat.js";
  options.metrics_path = "/metrics";
  starts(&options);
  options.metrics_path = "/talk";
  invalid(&options, "metrics_path: /talk is already used by the chat page");
  options.metrics_path = "/healthz";
  invalid(&options, "metrics_path: /healthz is already used by the health check");
  options.metrics_path = "/readyz";
  invalid(&options, "metrics_path: /readyz is already used by the check of readiness");
}

static void rooms_and_events_are_checked(void **state) {
  const char *events[] = {"typing", "cursor", NULL};
  chat_server_options options = base();
  (void)state;
  options.default_room = "";
  invalid(&options, "options.default_room");
  options.default_room = "a/b";
  invalid(&options, "options.default_room");
  options.default_room = "entrance hall";
  starts(&options);

  options.ephemeral_events = events;
  options.ephemeral_event_count = 2;
  starts(&options);
  options.ephemeral_event_count = 3;
  invalid(&options, "options.ephemeral_events[2]");
  events[1] = "disconnect";
  invalid(&options, "options.ephemeral_events[1]");
  options.ephemeral_events = NULL;
  invalid(&options, "options.ephemeral_events");
}

static void names_are_checked(void **state) {
  const char *names[] = {"admin", "\xc2\xa9", NULL};
  chat_server_options options = base();
  (void)state;
  options.unique_names = 2;
  invalid(&options, "options.unique_names");
  options.unique_names = 1;
  if (chat_has_feature("unique-names")) {
    starts(&options);
  } else {
    refused(&options, CHAT_ERROR_UNSUPPORTED, "options.unique_names: this build has no ICU");
  }
  options.unique_names = 0;
  options.reserved_names = names;
  options.reserved_name_count = 2;
  starts(&options);
  options.reserved_name_count = 3;
  invalid(&options, "options.reserved_names[2]");
  names[1] = "";
  invalid(&options, "options.reserved_names[1]");
  names[1] = "a\nb";
  invalid(&options, "options.reserved_names[1]");
  names[1] = "\xff";
  invalid(&options, "options.reserved_names[1]");
  options.reserved_name_count = 1001;
  invalid(&options, "options.reserved_names");
}

static void a_cluster_is_checked(void **state) {
  const char *prefixes[] = {"", "a{b", "a b", "\xff",
                            "12345678901234567890123456789012345678901234567890123456789012345"};
  chat_server_options options = base();
  size_t i;
  (void)state;
  for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
    options.cluster_prefix = prefixes[i];
    invalid(&options, "options.cluster_prefix");
  }
  options.cluster_prefix = "game-1:";
  starts(&options);
  for (i = 0; i < 2; i++) {
    options.cluster_ack_replicas = i == 0 ? -1 : 17;
    invalid(&options, "options.cluster_ack_replicas");
  }
  options.cluster_ack_replicas = 16;
  starts(&options);
  for (i = 0; i < 2; i++) {
    options.cluster_policy = (chat_cluster_policy)(i == 0 ? -1 : CHAT_CLUSTER_ISLAND + 1);
    invalid(&options, "options.cluster_policy");
  }
  options.cluster_policy = CHAT_CLUSTER_ISLAND;
  starts(&options);
  options.cluster = "";
  invalid(&options, "options.cluster");
  options.cluster = "redis://127.0.0.1";
  options.history_path = "chat.db";
  invalid(&options, "options.cluster");
  options.history_path = NULL;
  options.history_off = 1;
  invalid(&options, "options.cluster");
  options.history_off = 0;
  options.cluster = "http://127.0.0.1";
  if (chat_has_feature("cluster")) {
    refused(&options, CHAT_ERROR_INVALID_ARGUMENT, "cluster: ");
    options.cluster = "redis://127.0.0.1:1,127.0.0.1:2";
    refused(&options, CHAT_ERROR_UNAVAILABLE, "cluster: ");
    options.cluster = "redis://127.0.0.1:1";
    refused(&options, CHAT_ERROR_UNAVAILABLE, "cluster: ");
  } else {
    refused(&options, CHAT_ERROR_UNSUPPORTED, "cluster: this build has no Redis");
  }
}

static void a_guest_is_checked(void **state) {
  const char *urls[] = {"http://127.0.0.1",
                        "redis://127.0.0.1?adapter=nats",
                        "redis://127.0.0.1?adapter=redis&adapter=redis",
                        "redis://127.0.0.1?colour=red",
                        "redis://127.0.0.1?namespaces=dev",
                        "redis://127.0.0.1?namespaces=/dev,/dev",
                        "redis://127.0.0.1?room_prefix=a/b",
                        "redis://127.0.0.1?prefix=",
                        "redis://127.0.0.1?stream=s",
                        "redis://127.0.0.1?adapter=streams&streams=0",
                        "redis://127.0.0.1?adapter=sharded&requests=no",
                        "redis://127.0.0.1?python=%zz"};
  chat_server_options options = base();
  size_t i;
  (void)state;
  options.socket_io_cluster = "";
  invalid(&options, "options.socket_io_cluster");
  options.socket_io_cluster = "redis://127.0.0.1:1";
  options.cluster = "redis://127.0.0.1:1";
  invalid(&options, "options.socket_io_cluster");
  options.cluster = NULL;
  if (!chat_has_feature("cluster")) {
    refused(&options, CHAT_ERROR_UNSUPPORTED, "socket_io_cluster: this build has no Redis");
    return;
  }
  starts(&options); /* whether Redis is there or not */
  options.socket_io_cluster = "redis://127.0.0.1:1?adapter=streams&streams=4&namespaces=/,%2Fdev&room_prefix=chat:";
  starts(&options);
  for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
    options.socket_io_cluster = urls[i];
    refused(&options, CHAT_ERROR_INVALID_ARGUMENT, "socket_io_cluster: ");
  }
  options.socket_io_cluster = "redis://a,b";
  refused(&options, CHAT_ERROR_UNSUPPORTED, "socket_io_cluster: ");
}

static void origins_proxies_and_hosts_are_checked(void **state) {
  const char *good[] = {"https://example.org", "http://localhost:8080", "*", "null", "wss://example.org"};
  const char *bad[] = {"", "example.org", "https://", "https://example.org/", "https://*.example.org", "://x"};
  const char *good_proxies[] = {"127.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32", "unix"};
  const char *bad_proxies[] = {"", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "::/129", "unix:", "/run/x"};
  const char *good_hosts[] = {"localhost", "example.org:8443", "*.example.org", "192.0.2.1", "[::1]:3000"};
  const char *bad_hosts[] = {"", "*", "*.", "https://example.org", "example.org/", "example.org:0x1", "::1", "a b"};
  chat_server_options options = base();
  size_t i;
  (void)state;
  options.allowed_origins = good;
  options.allowed_origin_count = 5;
  starts(&options);
  for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    options.allowed_origins = &bad[i];
    options.allowed_origin_count = 1;
    invalid(&options, "options.allowed_origins[0]");
  }
  options.allowed_origins = NULL;
  invalid(&options, "options.allowed_origins");
  options.allowed_origin_count = 0;

  options.trusted_proxies = good_proxies;
  options.trusted_proxy_count = 5;
  starts(&options);
  for (i = 0; i < sizeof(bad_proxies) / sizeof(bad_proxies[0]); i++) {
    options.trusted_proxies = &bad_proxies[i];
    options.trusted_proxy_count = 1;
    invalid(&options, "trusted_proxies");
  }
  options.trusted_proxies = NULL;
  options.trusted_proxy_count = 0;

  options.allowed_hosts = good_hosts;
  options.allowed_host_count = 5;
  starts(&options);
  for (i = 0; i < sizeof(bad_hosts) / sizeof(bad_hosts[0]); i++) {
    options.allowed_hosts = &bad_hosts[i];
    options.allowed_host_count = 1;
    invalid(&options, "options.allowed_hosts[0]");
  }
  options.allowed_hosts = NULL;
  invalid(&options, "options.allowed_hosts");
}

static void tls_files_go_together(void **state) {
  chat_server_options options = base();
  (void)state;
  options.tls_certificate_file = "/nowhere/certificate.pem";
  invalid(&options, "options.tls_private_key_file");
  options.tls_certificate_file = NULL;
  options.tls_private_key_file = "/nowhere/key.pem";
  invalid(&options, "options.tls_certificate_file");
}

static void text_must_be_utf8(void **state) {
  chat_server_options options = base();
  (void)state;
  options.address = "\xff";
  invalid(&options, "options.address");
  options.address = NULL;
  options.unix_path = "";
  invalid(&options, "options.unix_path");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_defaults_start),
      cmocka_unit_test(null_is_refused),
      cmocka_unit_test(the_size_must_be_set),
      cmocka_unit_test(the_size_of_the_callbacks_must_be_set),
      cmocka_unit_test(an_older_program_is_read_as_far_as_it_reaches),
      cmocka_unit_test(a_newer_program_may_set_nothing_that_is_unknown),
      cmocka_unit_test(whole_numbers_have_ranges),
      cmocka_unit_test(limits_and_timers_have_ranges),
      cmocka_unit_test(an_outbox_holds_at_least_one_message),
      cmocka_unit_test(socket_io_has_a_larger_default_for_messages),
      cmocka_unit_test(each_endpoint_may_have_a_limit_of_its_own),
      cmocka_unit_test(transports_are_those_of_the_protocol),
      cmocka_unit_test(sockjs_is_an_option_of_each_endpoint),
      cmocka_unit_test(socket_io_owns_what_is_below_its_path),
      cmocka_unit_test(prefixes_of_stomp_differ),
      cmocka_unit_test(the_client_directory_is_a_name),
      cmocka_unit_test(endpoints_are_checked),
      cmocka_unit_test(endpoints_of_another_size_are_read),
      cmocka_unit_test(static_mounts_are_checked),
      cmocka_unit_test(own_paths_are_checked),
      cmocka_unit_test(rooms_and_events_are_checked),
      cmocka_unit_test(names_are_checked),
      cmocka_unit_test(a_cluster_is_checked),
      cmocka_unit_test(a_guest_is_checked),
      cmocka_unit_test(origins_proxies_and_hosts_are_checked),
      cmocka_unit_test(tls_files_go_together),
      cmocka_unit_test(text_must_be_utf8),
  };
  return cmocka_run_group_tests_name("capi/options", tests, NULL, NULL);
}
