/*
 * testd's command line: NAME=VALUE for the fields of chat_server_options. Numbers, default_room, socket_io_client_directory,
 * tls_certificate_file, tls_private_key_file and the prefixes of STOMP have the names of their fields. The other options:
 *
 *   allowed_origin= trusted_proxy= ephemeral_event=     adds an entry to a list
 *   endpoint=PATH,PROTOCOL[,TRANSPORTS[,MAX_MESSAGE_BYTES[,SOCKJS[,SOCKJS_COOKIE]]]]   adds an endpoint; the first one removes the defaults
 *   socket_io_path=PATH                                 the default endpoints, with Socket.IO at PATH
 */
#ifndef TESTS_SUPPORT_TESTD_OPTIONS_H
#define TESTS_SUPPORT_TESTD_OPTIONS_H

#include <chat/chat.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LIST = 8 };

typedef struct option_field {
  const char *name;
  size_t offset;
} option_field;

#define FIELD(name) \
  { #name, offsetof(chat_server_options, name) }

static const option_field numbers[] = {
    FIELD(max_clients),
    FIELD(max_clients_per_address),
    FIELD(max_connections),
    FIELD(max_message_bytes),
    FIELD(max_header_bytes),
    FIELD(inbound_rate),
    FIELD(inbound_burst),
    FIELD(max_outbox_bytes),
    FIELD(max_outbox_messages),
    FIELD(flush_interval_ms),
    FIELD(send_buffer_bytes),
    FIELD(memory_release_ms),
    FIELD(max_rooms),
    FIELD(max_rooms_per_client),
    FIELD(history_messages),
    FIELD(history_bytes),
    FIELD(history_age_ms),
    FIELD(history_total_bytes),
    FIELD(ping_interval_ms),
    FIELD(ping_timeout_ms),
    FIELD(handshake_timeout_ms),
    FIELD(http_idle_timeout_ms),
    FIELD(verdict_timeout_ms),
    FIELD(drain_timeout_ms),
    FIELD(drain_spread_ms),
    FIELD(slow_callback_ms),
    FIELD(max_http_body_bytes),
    FIELD(upgrade_timeout_ms),
    FIELD(connect_timeout_ms),
    FIELD(recovery_window_ms),
    FIELD(recovery_bytes),
    FIELD(poll_budget_ms),
    FIELD(max_connections_per_address),
    FIELD(max_rooms_per_address),
    FIELD(max_memberships),
    FIELD(max_memberships_per_address),
    FIELD(max_queued_bytes),
    FIELD(max_queued_bytes_per_address),
    FIELD(sockjs_heartbeat_ms),
    FIELD(sockjs_disconnect_delay_ms),
    FIELD(sockjs_response_bytes),
    FIELD(stomp_heart_beat_ms),
    FIELD(http_identity_ms),
    FIELD(max_http_identities),
    FIELD(idempotency_ms),
    FIELD(history_file_bytes),
    FIELD(presence_grace_ms),
};

/* Includes enumerations: outbox_policy 0, 1, 2; log_level 1 to 4. */
static const option_field small_numbers[] = {FIELD(threads),
                                             FIELD(history_off),
                                             FIELD(permessage_deflate),
                                             FIELD(outbox_policy),
                                             FIELD(log_level),
                                             FIELD(recovery_asks_on_connect),
                                             FIELD(http_lists),
                                             FIELD(history_sync),
                                             FIELD(history_on_failure),
                                             FIELD(presence),
                                             FIELD(moderation_events),
                                             FIELD(unique_names),
                                             FIELD(history_search),
                                             FIELD(cluster_ack_replicas),
                                             FIELD(cluster_policy)};

static const option_field texts[] = {FIELD(default_room),
                                     FIELD(socket_io_client_directory),
                                     FIELD(tls_certificate_file),
                                     FIELD(tls_private_key_file),
                                     FIELD(stomp_room_prefix),
                                     FIELD(stomp_application_prefix),
                                     FIELD(stomp_user_queue_prefix),
                                     FIELD(sockjs_script_url),
                                     FIELD(history_path),
                                     FIELD(cluster),
                                     FIELD(cluster_prefix),
                                     FIELD(socket_io_cluster),
                                     FIELD(presence_event),
                                     FIELD(socket_io_seen_event)};

#undef FIELD
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const option_field *find_field(const option_field *fields, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(name, fields[i].name) == 0) return &fields[i];
  }
  return NULL;
}

static void add_endpoint(chat_server_options *options, const char *path, int protocol, unsigned transports,
                         int64_t max_message_bytes, unsigned sockjs, int sockjs_cookie) {
  static chat_endpoint endpoints[MAX_LIST];
  if (options->endpoint_count == MAX_LIST) return;
  chat_endpoint *endpoint = &endpoints[options->endpoint_count++];
  endpoint->struct_size = sizeof(*endpoint);
  endpoint->path = path;
  endpoint->protocol = (chat_protocol)protocol;
  endpoint->transports = transports;
  endpoint->max_message_bytes = max_message_bytes;
  endpoint->sockjs = sockjs;
  endpoint->sockjs_cookie = sockjs_cookie;
  options->endpoints = endpoints;
}

static void parse_endpoint(chat_server_options *options, char *value) {
  char *rest = value + strcspn(value, ",");
  if (*rest != '\0') *rest++ = '\0';
  const int protocol = (int)strtol(rest, &rest, 10);
  const unsigned transports = *rest == ',' ? (unsigned)strtoul(rest + 1, &rest, 10) : 0;
  const int64_t max_message_bytes = *rest == ',' ? strtoll(rest + 1, &rest, 10) : 0;
  const unsigned sockjs = *rest == ',' ? (unsigned)strtoul(rest + 1, &rest, 10) : 0;
  add_endpoint(options, value, protocol, transports, max_message_bytes, sockjs, *rest == ',' ? atoi(rest + 1) : 0);
}

static int add_to_list(const char *const **list, size_t *count, const char **memory, const char *value) {
  if (*count == MAX_LIST) return 0;
  memory[(*count)++] = value;
  *list = memory;
  return 1;
}

/* Returns 0 when there is no such option. `value` must outlive the options. */
static int set_server_option(chat_server_options *options, const char *name, char *value) {
  static const char *origins[MAX_LIST], *proxies[MAX_LIST], *events[MAX_LIST], *names[MAX_LIST];
  const option_field *field;
  if ((field = find_field(numbers, COUNT(numbers), name)) != NULL) {
    *(int64_t *)((char *)options + field->offset) = atoll(value);
    return 1;
  }
  if ((field = find_field(small_numbers, COUNT(small_numbers), name)) != NULL) {
    *(int *)((char *)options + field->offset) = atoi(value);
    return 1;
  }
  if ((field = find_field(texts, COUNT(texts), name)) != NULL) {
    *(const char **)((char *)options + field->offset) = value;
    return 1;
  }
  if (strcmp(name, "allowed_origin") == 0) {
    return add_to_list(&options->allowed_origins, &options->allowed_origin_count, origins, value);
  }
  if (strcmp(name, "trusted_proxy") == 0) {
    return add_to_list(&options->trusted_proxies, &options->trusted_proxy_count, proxies, value);
  }
  if (strcmp(name, "ephemeral_event") == 0) {
    return add_to_list(&options->ephemeral_events, &options->ephemeral_event_count, events, value);
  }
  if (strcmp(name, "reserved_name") == 0) {
    return add_to_list(&options->reserved_names, &options->reserved_name_count, names, value);
  }
  if (strcmp(name, "endpoint") == 0) return parse_endpoint(options, value), 1;
  if (strcmp(name, "socket_io_path") == 0) {
    add_endpoint(options, "/chat", CHAT_PROTOCOL_PLAIN, 0, 0, 0, 0);
    add_endpoint(options, "/chat.v1", CHAT_PROTOCOL_CHAT_V1, 0, 0, 0, 0);
    add_endpoint(options, value, CHAT_PROTOCOL_SOCKET_IO, 0, 0, 0, 0);
    add_endpoint(options, "/stomp", CHAT_PROTOCOL_STOMP, 0, 0, 0, 0);
    return 1;
  }
  return 0;
}

#endif
