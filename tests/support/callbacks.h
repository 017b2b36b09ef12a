/*
 * A server whose callbacks write all events to a journal and then run the test's own callbacks. The lines:
 *
 *   connect ID | open ID ROOM | join ID ROOM | leave ID ROOM: REASON | disconnect ID CODE | abandon ID CODE |
 *   authorize ID ACTION ROOM VALUE | message ID ROOM EVENT: DATA | log LEVEL TEXT
 *
 * Included by one file of each test program.
 */
#ifndef TESTS_SUPPORT_CALLBACKS_H
#define TESTS_SUPPORT_CALLBACKS_H

#include "support/capi_test.h"

#include <string.h>

#include "support/journal.h"
#include "support/ws_client.h"

typedef struct application {
  journal lines;
  void *memory; /* owned by the test */
  /* Each may be NULL, which means CHAT_PASS. Set them before start_application(). */
  chat_verdict (*connect)(chat_server *server, chat_connect_event *event, struct application *self);
  void (*open)(chat_server *server, const chat_client_event *event, struct application *self);
  void (*disconnect)(chat_server *server, const chat_client_event *event, struct application *self);
  chat_verdict (*authorize)(chat_server *server, chat_authorize_event *event, struct application *self);
  void (*join)(chat_server *server, const chat_client_event *event, struct application *self);
  void (*leave)(chat_server *server, const chat_client_event *event, struct application *self);
  chat_verdict (*message)(chat_server *server, chat_message_event *event, struct application *self);
  void (*log)(chat_server *server, chat_log_level level, const char *text, struct application *self);
} application;

static application app = {JOURNAL_INIT, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL};

static inline unsigned id_of(chat_client_id client) { return (unsigned)client; }

static inline chat_verdict app_on_connect(chat_server *server, chat_connect_event *event, void *user) {
  application *self = (application *)user;
  journal_write(&self->lines, "connect %u", id_of(event->client));
  return self->connect == NULL ? CHAT_PASS : self->connect(server, event, self);
}

static inline void app_on_open(chat_server *server, const chat_client_event *event, void *user) {
  application *self = (application *)user;
  if (self->open != NULL) self->open(server, event, self);
  journal_write(&self->lines, "open %u %s", id_of(event->client), event->room);
}

static inline void app_on_disconnect(chat_server *server, const chat_client_event *event, void *user) {
  application *self = (application *)user;
  if (self->disconnect != NULL) self->disconnect(server, event, self);
  journal_write(&self->lines, "disconnect %u %d", id_of(event->client), event->close_code);
}

static inline void app_on_abandon(chat_server *server, const chat_client_event *event, void *user) {
  application *self = (application *)user;
  (void)server;
  journal_write(&self->lines, "abandon %u %d", id_of(event->client), event->close_code);
}

static inline chat_verdict app_on_authorize(chat_server *server, chat_authorize_event *event, void *user) {
  application *self = (application *)user;
  journal_write(&self->lines, "authorize %u %d %s %s", id_of(event->client), (int)event->action, event->room,
                event->value);
  return self->authorize(server, event, self);
}

static inline void app_on_join(chat_server *server, const chat_client_event *event, void *user) {
  application *self = (application *)user;
  if (self->join != NULL) self->join(server, event, self);
  journal_write(&self->lines, "join %u %s", id_of(event->client), event->room);
}

static inline void app_on_leave(chat_server *server, const chat_client_event *event, void *user) {
  application *self = (application *)user;
  if (self->leave != NULL) self->leave(server, event, self);
  journal_write(&self->lines, "leave %u %s: %s", id_of(event->client), event->room, event->reason);
}

static inline chat_verdict app_on_message(chat_server *server, chat_message_event *event, void *user) {
  application *self = (application *)user;
  const chat_message *message = event->message;
  journal_write(&self->lines, "message %u %s %s: %.*s", id_of(event->client), message->room, message->event,
                (int)(message->data_size < 200 ? message->data_size : 200), (const char *)message->data);
  return self->message == NULL ? CHAT_PASS : self->message(server, event, self);
}

static inline void app_on_log(chat_server *server, chat_log_level level, const char *text, void *user) {
  application *self = (application *)user;
  journal_write(&self->lines, "log %d %s", (int)level, text);
  if (self->log != NULL) self->log(server, level, text, self);
}

/* Options with all callbacks. on_authorize is set only when the test has one, because its presence changes the
 * default policy. */
static inline chat_server_options application_options(void) {
  chat_server_options options = test_options();
  options.callbacks.on_connect = app_on_connect;
  options.callbacks.on_open = app_on_open;
  options.callbacks.on_disconnect = app_on_disconnect;
  options.callbacks.on_abandon = app_on_abandon;
  options.callbacks.on_authorize = app.authorize == NULL ? NULL : app_on_authorize;
  options.callbacks.on_join = app_on_join;
  options.callbacks.on_leave = app_on_leave;
  options.callbacks.on_message = app_on_message;
  options.callbacks.on_log = app_on_log;
  options.user = &app;
  return options;
}

static inline chat_server *start_application(const chat_server_options *options) {
  chat_server *server = NULL;
  if (chat_server_start(options, &server) != CHAT_OK) fail_msg("%s", chat_error_message());
  return server;
}

/* Resets the callbacks and the journal. For the set-up of each test. */
static inline int reset_application(void **state) {
  (void)state;
  journal_clear(&app.lines);
  app.memory = NULL;
  app.connect = NULL;
  app.open = NULL;
  app.disconnect = NULL;
  app.authorize = NULL;
  app.join = NULL;
  app.leave = NULL;
  app.message = NULL;
  app.log = NULL;
  return 0;
}

/* Waits for the line. Returns its position. */
static inline int expect_line(const char *line) {
  const int place = journal_wait(&app.lines, line);
  if (place < 0) fail_msg("it did not happen: %s", line);
  return place;
}

static inline void expect_no_line_with(const char *text) {
  if (journal_contains(&app.lines, text)) fail_msg("it happened: %s", text);
}

/* Waits for a text frame that contains `part`. */
static inline void expect_text(ws_client *client, const char *part) {
  const int got = ws_receive(client, WS_TIMEOUT_MS);
  if (got != WS_TEXT) fail_msg("no text but %d (close code %d) where \"%s\" was due", got, client->close_code, part);
  if (strstr(client->data, part) == NULL) fail_msg("\"%s\" is not in: %s", part, client->data);
}

static inline void expect_close(ws_client *client, int code) {
  int got;
  do {
    got = ws_receive(client, WS_TIMEOUT_MS);
  } while (got == WS_TEXT || got == WS_BINARY);
  assert_int_equal(got, WS_CLOSE);
  assert_int_equal(client->close_code, code);
}

/* Opens a chat.v1 client in its room and reads the welcome. */
static inline void open_v1(ws_client *client, const chat_server *server, const char *target) {
  assert_int_equal(ws_open(client, chat_server_port(server), target, NULL), 101);
  expect_text(client, "\"type\":\"welcome\"");
}

#endif /* TESTS_SUPPORT_CALLBACKS_H */
