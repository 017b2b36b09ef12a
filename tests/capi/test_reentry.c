/*
 * Everything that chat.h allows inside a callback, inside every callback: the server is stopped there, and every
 * function is called there. Nothing hangs, nothing is freed under anyone's feet.
 */
#include "support/callbacks.h"

#include <time.h>

static const char *const places[] = {"connect", "open",       "authorize", "join", "message",
                                     "leave",   "disconnect", "log",       NULL};
static const char *place;
static void (*action)(chat_server *server, chat_client_id client, application *self);
static int done;

static void at(const char *here, chat_server *server, chat_client_id client, application *self) {
  if (done || strcmp(here, place) != 0) return;
  done = 1;
  action(server, client, self);
}

static chat_verdict at_connect(chat_server *server, chat_connect_event *event, application *self) {
  at("connect", server, event->client, self);
  return CHAT_PASS;
}
static void at_open(chat_server *server, const chat_client_event *event, application *self) {
  const struct timespec while_ = {0, 5 * 1000000};
  if (strcmp(place, "log") == 0) nanosleep(&while_, NULL); /* On purpose: slow enough for a line of log. */
  at("open", server, event->client, self);
}
static chat_verdict at_authorize(chat_server *server, chat_authorize_event *event, application *self) {
  at("authorize", server, event->client, self);
  return CHAT_PASS;
}
static void at_join(chat_server *server, const chat_client_event *event, application *self) {
  at("join", server, event->client, self);
}
static chat_verdict at_message(chat_server *server, chat_message_event *event, application *self) {
  at("message", server, event->client, self);
  return CHAT_PASS;
}
static void at_leave(chat_server *server, const chat_client_event *event, application *self) {
  at("leave", server, event->client, self);
}
static void at_disconnect(chat_server *server, const chat_client_event *event, application *self) {
  at("disconnect", server, event->client, self);
}
static void at_log(chat_server *server, chat_log_level level, const char *text, application *self) {
  (void)level;
  if (strstr(text, "on_open took") != NULL) at("log", server, 1, self);
}

static void set_callbacks(void) {
  app.connect = at_connect;
  app.open = at_open;
  app.authorize = at_authorize;
  app.join = at_join;
  app.message = at_message;
  app.leave = at_leave;
  app.disconnect = at_disconnect;
  app.log = at_log;
}

/* A client that lives through every callback. It does not care how far it comes. */
static void live(int port) {
  ws_client client;
  if (ws_open(&client, port, "/chat.v1", NULL) == 101) {
    ws_send_text(&client, "{\"type\":\"send\",\"text\":\"hi\",\"ref\":1}");
    while (ws_receive(&client, 50) > WS_NOTHING) continue;
    ws_send_close(&client, 1000);
    while (ws_receive(&client, WS_TIMEOUT_MS) == WS_TEXT) continue;
  }
  ws_end(&client);
}

static void run_everywhere(int threads) {
  int i;
  for (i = 0; places[i] != NULL; i++) {
    chat_server_options options;
    chat_server *server;
    reset_application(NULL);
    set_callbacks();
    place = places[i];
    done = 0;
    options = application_options();
    options.threads = threads;
    options.drain_timeout_ms = 500;
    options.log_level = CHAT_LOG_DEBUG;
    options.slow_callback_ms = 5;
    server = start_application(&options);
    live(chat_server_port(server));
    assert_ok(chat_server_free(server));
    if (!done) fail_msg("never came to %s", place);
  }
}

static void stop_inside(chat_server *server, chat_client_id client, application *self) {
  (void)client, (void)self;
  chat_server_stop(server);
  chat_server_stop(server);
  assert_error(chat_server_free(server), ERROR_WRONG_THREAD);
  assert_error(chat_server_poll(server, 0), ERROR_WRONG_STATE);
  assert_error(chat_broadcast(server, "lobby", "x", 1), ERROR_STOPPED);
}

static void stop_in_every_callback(void **state) {
  int threads;
  (void)state;
  action = stop_inside;
  for (threads = 1; threads <= 2; threads++) run_everywhere(threads);
}

static int ignore_client(const chat_client *client, void *user) {
  (void)client, (void)user;
  return 0;
}
static int ignore_room(const chat_room *room, void *user) {
  (void)room, (void)user;
  return 0;
}
static int ignore_message(const chat_message *message, void *user) {
  (void)message, (void)user;
  return 0;
}

/* In an order that takes the client through as much as it can. What each says depends on the callback; all return. */
static void call_everything(chat_server *server, chat_client_id client, application *self) {
  chat_server_options options = test_options();
  chat_server *another = NULL;
  chat_message message = CHAT_MESSAGE_INIT;
  chat_identity identity = CHAT_IDENTITY_INIT;
  chat_stats stats;
  uint64_t seq;
  (void)self;
  identity.user_id = "u1";
  message.room = "lobby";
  message.from = client;
  stats.struct_size = sizeof(stats);
  chat_set_identity(server, client, &identity);
  chat_client_set_user(server, client, &stats);
  chat_client_user(server, client);
  chat_client_set_user(server, client, NULL);
  chat_join(server, client, "dev");
  chat_broadcast(server, "dev", "x", 1);
  chat_broadcast(server, NULL, "x", 1);
  chat_publish(server, &message, &seq);
  chat_send(server, client, &message);
  chat_send_user(server, "u1", &message);
  chat_reply(server, client, 1, "[]", 2, NULL, 0);
  chat_client_info(server, client, ignore_client, NULL);
  chat_members(server, NULL, ignore_client, NULL);
  chat_members(server, "lobby", ignore_client, NULL);
  chat_rooms(server, ignore_room, NULL);
  chat_history(server, "lobby", 0, 0, ignore_message, NULL);
  chat_server_stats(server, &stats);
  chat_server_port(server);
  chat_server_fd(server);
  assert_error(chat_server_check_loops(server, 0), ERROR_WRONG_THREAD);
  chat_server_reload_tls(server);
  chat_leave(server, client, "dev");
  chat_ban(server, client, "elsewhere", 1000, NULL);
  chat_ban_user(server, "u1", "elsewhere", 0, NULL);
  chat_close_room(server, "lobby", NULL);
  /* A whole other server, from inside. */
  assert_ok(chat_server_start(&options, &another));
  assert_ok(chat_server_free(another));
  chat_accept(server, client, NULL);
  chat_kick(server, client, "enough");
}

static void everything_in_every_callback(void **state) {
  int threads;
  (void)state;
  action = call_everything;
  for (threads = 1; threads <= 2; threads++) run_everywhere(threads);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stop_in_every_callback),
      cmocka_unit_test(everything_in_every_callback),
  };
  return cmocka_run_group_tests_name("capi/reentry", tests, NULL, NULL);
}
