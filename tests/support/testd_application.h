/*
 * testd's callbacks. Each reports its event as a JSON line, and does what the client asks for in its address, its `auth` or
 * its message. Only testd.c includes this file.
 */
#ifndef TESTS_SUPPORT_TESTD_APPLICATION_H
#define TESTS_SUPPORT_TESTD_APPLICATION_H

#include <chat/chat.h>
#include <time.h>

#include "support/testd_script.h"

static const char *stop_in = ""; /* the callback that stops the server */

static void maybe_stop(const char *callback, chat_server *server) {
  if (strcmp(stop_in, callback) == 0) chat_server_stop(server);
}

static void print_pairs(json_line *line, const char *name, const chat_pair *pairs, size_t count) {
  json_open(line, name, "{");
  for (size_t i = 0; i < count; i++) json_bytes(line, pairs[i].name, pairs[i].value, pairs[i].value_size);
  json_close(line, "}");
}

/* In the original order, and with repeated names, which an object would lose. */
static void print_header_lines(json_line *line, const chat_pair *headers, size_t count) {
  json_open(line, "header_lines", "[");
  for (size_t i = 0; i < count; i++) {
    json_open(line, NULL, "[");
    json_string(line, NULL, headers[i].name);
    json_bytes(line, NULL, headers[i].value, headers[i].value_size);
    json_close(line, "]");
  }
  json_close(line, "]");
}

static void print_attachments(json_line *line, const chat_blob *attachments, size_t count) {
  json_open(line, "attachments", "[");
  for (size_t i = 0; i < count; i++) json_hex(line, NULL, attachments[i].data, attachments[i].size_bytes);
  json_close(line, "]");
}

static void print_message(json_line *line, const chat_message *message) {
  static const char *const payloads[] = {"text", "args", "binary"};
  json_string(line, "room", message->room);
  json_string(line, "event", message->event);
  json_string(line, "payload", payloads[message->payload]);
  if (message->payload == CHAT_PAYLOAD_BINARY) {
    json_hex(line, "data", message->data, message->data_size);
  } else {
    json_bytes(line, "data", message->data, message->data_size);
  }
  print_attachments(line, message->attachments, message->attachment_count);
  print_pairs(line, "attributes", message->attributes, message->attribute_count);
  json_number(line, "ephemeral", message->ephemeral);
  json_id(line, "except", message->except);
  json_id(line, "from", message->from);
  json_string(line, "from_name", message->from_name);
  json_number(line, "seq", (int64_t)message->seq);
  json_string(line, "epoch", message->epoch);
  json_number(line, "time_ms", message->time_ms);
}

static const char *query_value(const chat_connect_event *event, const char *name) {
  for (size_t i = 0; i < event->query_count; i++) {
    if (strcmp(event->query[i].name, name) == 0) return event->query[i].value;
  }
  return "";
}

/* Returns what the client asks for in its auth, or else in its query; "" if nothing. */
static const char *wish(const chat_connect_event *event, const cJSON *auth, const char *name) {
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(auth, name));
  return text == NULL ? query_value(event, name) : text;
}

/*
 * A client can set: mode= refuse, defer (a command gives the verdict), accept-inside, refuse-inside; user_id= and name= of
 * the identity; reason= of a refusal, and in auth only its data, any JSON; hello= a text that is sent to the client before
 * it is open.
 */
static chat_verdict decide(chat_server *server, chat_connect_event *event, const cJSON *auth) {
  const char *mode = wish(event, auth, "mode");
  const char *hello = wish(event, auth, "hello");
  const char *reason = wish(event, auth, "reason");
  const cJSON *data = cJSON_GetObjectItemCaseSensitive(auth, "data");
  chat_identity identity = CHAT_IDENTITY_INIT;
  identity.user_id = wish(event, auth, "user_id");
  identity.name = wish(event, auth, "name");
  if (*hello != '\0') {
    chat_message message = text_message(NULL, hello);
    chat_send(server, event->client, &message);
  }
  if (strcmp(mode, "refuse") == 0 && data == NULL) {
    snprintf(event->reason, sizeof(event->reason), "%s", reason);
    return CHAT_REFUSE;
  }
  if (strcmp(mode, "defer") == 0) return CHAT_DEFER;
  /* In these modes the call is the verdict. The opposite is returned, to show that it is ignored. */
  if (strcmp(mode, "accept-inside") == 0) {
    chat_accept(server, event->client, &identity);
    return CHAT_REFUSE;
  }
  if (begins_with(mode, "refuse")) {
    char *json = data == NULL ? NULL : cJSON_PrintUnformatted(data);
    chat_refuse(server, event->client, reason, json);
    free(json);
    return CHAT_PASS;
  }
  if (*identity.user_id != '\0' || *identity.name != '\0') chat_set_identity(server, event->client, &identity);
  return CHAT_PASS;
}

static chat_verdict on_connect(chat_server *server, chat_connect_event *event, void *user) {
  json_line line = begin("connect", user);
  json_id(&line, "client", event->client);
  json_string(&line, "path", event->path);
  print_pairs(&line, "query", event->query, event->query_count);
  print_pairs(&line, "headers", event->headers, event->header_count);
  print_header_lines(&line, event->headers, event->header_count);
  print_pairs(&line, "cookies", event->cookies, event->cookie_count);
  json_string(&line, "origin", event->origin);
  json_string(&line, "address", event->address);
  json_number(&line, "secure", event->secure);
  json_string(&line, "room", event->room);
  json_string(&line, "token", event->token);
  json_string(&line, "user_name", event->user_name);
  json_string(&line, "password", event->password);
  json_number(&line, "protocol", event->protocol);
  json_number(&line, "transport", event->transport);
  json_string(&line, "auth", event->auth);
  json_string(&line, "socket_id", event->socket_id);
  json_id(&line, "recovered_from", event->recovered_from);
  json_end(&line);
  maybe_stop("on_connect", server);

  cJSON *auth = cJSON_Parse(event->auth);
  const chat_verdict verdict = decide(server, event, auth);
  cJSON_Delete(auth);
  return verdict;
}

static void print_client_event(const char *type, const chat_client_event *event, void *user) {
  json_line line = begin(type, user);
  json_id(&line, "client", event->client);
  json_string(&line, "name", event->name);
  json_string(&line, "user_id", event->user_id);
  json_string(&line, "room", event->room);
  json_number(&line, "close_code", event->close_code);
  json_string(&line, "reason", event->reason);
  json_id(&line, "recovered_from", event->recovered_from);
  json_string(&line, "socket_id", event->socket_id);
  json_end(&line);
}

static void on_open(chat_server *server, const chat_client_event *event, void *user) {
  print_client_event("open", event, user);
  maybe_stop("on_open", server);
}

static void on_disconnect(chat_server *server, const chat_client_event *event, void *user) {
  print_client_event("disconnect", event, user);
  maybe_stop("on_disconnect", server);
}

static void on_abandon(chat_server *server, const chat_client_event *event, void *user) {
  print_client_event("abandon", event, user);
  maybe_stop("on_abandon", server);
}

static void on_join(chat_server *server, const chat_client_event *event, void *user) {
  print_client_event("join", event, user);
  maybe_stop("on_join", server);
}

static void on_leave(chat_server *server, const chat_client_event *event, void *user) {
  print_client_event("leave", event, user);
  maybe_stop("on_leave", server);
}

/*
 * Refuses to join rooms named closed... and forbidden..., to publish in quiet..., to list or read secret..., and the name
 * Admin. Joins of rooms named deferred... and messages to judged... are deferred until the command decide.
 */
static chat_verdict on_authorize(chat_server *server, chat_authorize_event *event, void *user) {
  const char *reason = NULL;
  json_line line = begin("authorize", user);
  json_id(&line, "client", event->client);
  json_number(&line, "action", event->action);
  json_string(&line, "room", event->room);
  json_string(&line, "value", event->value);
  json_id(&line, "decision_id", event->decision_id);
  json_end(&line);
  maybe_stop("on_authorize", server);
  if (event->action == CHAT_ACTION_JOIN && begins_with(event->room, "deferred")) return CHAT_DEFER;
  if (event->action == CHAT_ACTION_PUBLISH && begins_with(event->room, "judged")) return CHAT_DEFER;

  if (event->action == CHAT_ACTION_JOIN &&
      (begins_with(event->room, "closed") || begins_with(event->room, "forbidden")))
    reason = "this room is closed";
  if (event->action == CHAT_ACTION_PUBLISH && begins_with(event->room, "quiet")) reason = "quiet, please";
  if (begins_with(event->room, "secret") &&
      (event->action == CHAT_ACTION_HISTORY || event->action == CHAT_ACTION_MEMBERS)) {
    reason = "that is secret";
  }
  if (event->action == CHAT_ACTION_RENAME && strcmp(event->value, "Admin") == 0) reason = "not that name";
  if (reason == NULL) return CHAT_PASS;
  snprintf(event->reason, sizeof(event->reason), "%s", reason);
  return CHAT_REFUSE;
}

static int publish_number(chat_server *server, const chat_message *like, int number) {
  char text[32];
  snprintf(text, sizeof(text), "published %d", number);
  chat_message message = text_message(like->room, text);
  return chat_publish(server, &message, NULL) == CHAT_OK;
}

/* Runs a text command "!command argument". Other texts pass. */
static chat_verdict obey(chat_server *server, chat_message_event *event, instance *self, const char *command,
                         const char *argument) {
  const char *room = event->message->room;
  chat_error error = CHAT_OK;
  chat_verdict verdict = CHAT_PASS;
  if (strcmp(command, "!refuse") == 0) {
    snprintf(event->reason, sizeof(event->reason), "%s", argument);
    return CHAT_REFUSE;
  }
  if (strcmp(command, "!consume") == 0) return CHAT_CONSUME;
  if (strcmp(command, "!defer") == 0) return CHAT_DEFER;
  if (strcmp(command, "!replace") == 0) {
    chat_message message = text_message(NULL, argument);
    error = chat_message_event_replace(event, &message);
  } else if (strcmp(command, "!publish") == 0) {
    for (int i = 1; i <= atoi(argument); i++) publish_number(server, event->message, i);
  } else if (strcmp(command, "!self") == 0) {
    chat_message message = text_message(NULL, argument);
    error = chat_send(server, event->client, &message);
    verdict = CHAT_CONSUME;
  } else if (strcmp(command, "!announce") == 0) {
    error = chat_broadcast(server, NULL, argument, strlen(argument));
    verdict = CHAT_CONSUME;
  } else if (strcmp(command, "!kick") == 0) {
    error = chat_kick(server, event->client, argument);
  } else if (strcmp(command, "!join") == 0) {
    error = chat_join(server, event->client, argument);
  } else if (strcmp(command, "!leave") == 0) {
    error = chat_leave(server, event->client, room);
  } else if (strcmp(command, "!ban") == 0) {
    error = chat_ban(server, event->client, room, atoi(argument), "banned for a while");
  } else if (strcmp(command, "!close-room") == 0) {
    error = chat_close_room(server, room, argument);
  } else if (strcmp(command, "!stall") == 0) {
    const struct timespec pause = {0, atoi(argument) * 1000000L};
    nanosleep(&pause, NULL); /* On purpose: the test asked for this pause. */
  } else if (strcmp(command, "!stop") == 0) {
    chat_server_stop(server);
  } else if (strcmp(command, "!free") == 0) {
    error = chat_server_free(server); /* must fail inside a callback */
  } else {
    return CHAT_PASS;
  }
  print_result(self, command, error);
  return verdict;
}

/*
 * Handles messages by event: "question" is answered immediately with its arguments, "question-later" by the command reply;
 * "echo" is sent back to its sender only; "script" contains steps. Then the text commands above; other messages pass.
 */
static chat_verdict on_message(chat_server *server, chat_message_event *event, void *user) {
  const chat_message *message = event->message;
  char text[1024] = "";
  char *argument;
  json_line line = begin("message", user);
  json_id(&line, "client", event->client);
  json_id(&line, "ack_id", event->ack_id);
  json_id(&line, "decision_id", event->decision_id);
  json_string(&line, "socket_id", event->socket_id);
  print_message(&line, message);
  json_end(&line);
  maybe_stop("on_message", server);

  if (strcmp(message->event, "question") == 0) {
    print_result(user, "question", reply(server, event->client, event->ack_id, message));
    return CHAT_CONSUME;
  }
  if (strcmp(message->event, "echo") == 0) {
    chat_message echo = *message;
    echo.except = echo.from = 0;
    print_result(user, "echo", chat_send(server, event->client, &echo));
    return CHAT_CONSUME;
  }
  if (strcmp(message->event, "script") == 0) return play_script(server, event, user);
  if (strcmp(message->event, "question-later") == 0) return CHAT_CONSUME;
  if (message->payload != CHAT_PAYLOAD_TEXT || message->data_size == 0 || message->data_size >= sizeof(text)) {
    return CHAT_PASS;
  }
  memcpy(text, message->data, message->data_size);
  if (text[0] != '!') return CHAT_PASS;
  argument = strchr(text, ' ');
  if (argument != NULL) *argument++ = '\0';
  return obey(server, event, user, text, argument == NULL ? "" : argument);
}

static void on_ack(chat_server *server, const chat_ack_event *event, void *user) {
  json_line line = begin("ack", user);
  json_id(&line, "client", event->client);
  json_id(&line, "ack_id", event->ack_id);
  json_string(&line, "error", chat_error_name(event->error));
  json_bytes(&line, "args", event->args, event->args_size);
  print_attachments(&line, event->attachments, event->attachment_count);
  json_end(&line);
  maybe_stop("on_ack", server);
}

static void on_audit(chat_server *server, const chat_audit_event *event, void *user) {
  json_line line = begin("audit", user);
  (void)server;
  json_string(&line, "room", event->room);
  json_string(&line, "action", event->action_name);
  json_id(&line, "actor", event->actor);
  json_string(&line, "actor_name", event->actor_name);
  json_string(&line, "user_id", event->user_id);
  json_string(&line, "name", event->name);
  json_string(&line, "address", event->address);
  json_number(&line, "duration_ms", event->duration_ms);
  json_number(&line, "value", event->value);
  json_string(&line, "reason", event->reason);
  json_end(&line);
}

static void on_report(chat_server *server, const chat_report_event *event, void *user) {
  json_line line = begin("report", user);
  (void)server;
  json_string(&line, "room", event->message->room);
  json_number(&line, "seq", (long long)event->message->seq);
  json_string(&line, "from", event->message->from_user_id);
  json_string(&line, "user_id", event->user_id);
  json_string(&line, "reason", event->reason);
  json_end(&line);
}

static void on_log(chat_server *server, chat_log_level level, const char *text, void *user) {
  json_line line = begin("log", user);
  (void)server;
  json_number(&line, "level", level);
  json_string(&line, "text", text);
  json_end(&line);
}

#endif
