/* Who may come in: on_connect with its verdicts, at once and deferred, and what it is shown. */
#include "support/callbacks.h"

#include <stdlib.h>

static chat_server *start(void) {
  const chat_server_options options = application_options();
  return start_application(&options);
}

static chat_verdict pass(chat_server *server, chat_connect_event *event, application *self) {
  (void)server, (void)event, (void)self;
  return CHAT_PASS;
}

static void a_life_in_order(void **state) {
  chat_server *server;
  ws_client client;
  int last;
  (void)state;
  app.connect = pass;
  server = start();
  open_v1(&client, server, "/chat.v1?room=dev");
  assert_int_equal(ws_send_text(&client, "{\"type\":\"send\",\"text\":\"hi\"}"), 0);
  expect_text(&client, "\"text\":\"hi\"");
  assert_int_equal(ws_send_close(&client, 1000), 0);
  last = expect_line("disconnect 1 1000");
  assert_int_equal(expect_line("connect 1"), 0);
  assert_int_equal(expect_line("open 1 dev"), 1);
  assert_int_equal(expect_line("join 1 dev"), 2);
  assert_int_equal(expect_line("message 1 dev chat message: hi"), 3);
  assert_int_equal(last, 5);
  ws_end(&client);
  assert_ok(chat_server_free(server));
  assert_int_equal(journal_count(&app.lines, "disconnect 1 1000"), 1);
}

static void a_lost_connection_is_1006(void **state) {
  chat_server *server = start();
  ws_client client;
  (void)state;
  open_v1(&client, server, "/chat.v1");
  ws_end(&client);
  expect_line("disconnect 1 1006");
  assert_ok(chat_server_free(server));
}

/* What on_connect is shown ------------------------------------------------------------------------------------------*/

static const char *value_of(const chat_pair *pairs, size_t count, const char *name) {
  size_t i;
  for (i = 0; i < count; i++) {
    if (strcmp(pairs[i].name, name) == 0) return strlen(pairs[i].value) == pairs[i].value_size ? pairs[i].value : "?";
  }
  return "(none)";
}

static chat_verdict look(chat_server *server, chat_connect_event *event, application *self) {
  (void)server;
  journal_write(&self->lines, "size %d", event->struct_size == sizeof(*event));
  journal_write(&self->lines, "path %s", event->path);
  journal_write(&self->lines, "query room %s", value_of(event->query, event->query_count, "room"));
  journal_write(&self->lines, "query x %s", value_of(event->query, event->query_count, "x"));
  journal_write(&self->lines, "host %s", value_of(event->headers, event->header_count, "host"));
  journal_write(&self->lines, "agent %s", value_of(event->headers, event->header_count, "user-agent"));
  journal_write(&self->lines, "cookie a %s", value_of(event->cookies, event->cookie_count, "a"));
  journal_write(&self->lines, "cookie b %s", value_of(event->cookies, event->cookie_count, "b"));
  journal_write(&self->lines, "origin %s", event->origin);
  journal_write(&self->lines, "address %s", event->address);
  journal_write(&self->lines, "secure %d", event->secure);
  journal_write(&self->lines, "room %s", event->room);
  journal_write(&self->lines, "token %s", event->token);
  journal_write(&self->lines, "user %s", event->user_name);
  journal_write(&self->lines, "password %s", event->password);
  journal_write(&self->lines, "protocol %d", (int)event->protocol);
  journal_write(&self->lines, "transport %d", (int)event->transport);
  return CHAT_PASS;
}

static void everything_is_shown(void **state) {
  chat_server *server;
  ws_client client;
  (void)state;
  app.connect = look;
  server = start();
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat?room=caf%C3%A9&x=a%20b&token=secret",
                           "User-Agent: test\r\nCookie: a=1; b=two\r\nOrigin: http://localhost\r\n"),
                   101);
  expect_line("size 1");
  expect_line("path /chat");
  expect_line("query room caf\xc3\xa9");
  expect_line("query x a b");
  expect_line("host localhost");
  expect_line("agent test");
  expect_line("cookie a 1");
  expect_line("cookie b two");
  expect_line("origin http://localhost");
  expect_line("address 127.0.0.1");
  expect_line("secure 0");
  expect_line("room caf\xc3\xa9");
  expect_line("token secret");
  expect_line("user ");
  expect_line("password ");
  expect_line("protocol 1");
  expect_line("transport 1");
  expect_line("open 1 caf\xc3\xa9");
  ws_end(&client);

  journal_clear(&app.lines);
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat",
                           "Sec-WebSocket-Protocol: chat.v1\r\nAuthorization: Basic QW5uOm9wZW4gc2VzYW1l\r\n"),
                   101);
  expect_line("protocol 2");
  expect_line("room lobby");
  expect_line("origin ");
  expect_line("token ");
  expect_line("user Ann");
  expect_line("password open sesame");
  ws_end(&client);

  journal_clear(&app.lines);
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", "Authorization: Bearer b.e.a-rer\r\n"), 101);
  expect_line("token b.e.a-rer");
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

/* Verdicts at once --------------------------------------------------------------------------------------------------*/

static chat_verdict refuse(chat_server *server, chat_connect_event *event, application *self) {
  (void)server, (void)self;
  snprintf(event->reason, sizeof(event->reason), "members only");
  return CHAT_REFUSE;
}

static chat_verdict refuse_by_event(chat_server *server, chat_connect_event *event, application *self) {
  (void)server, (void)self;
  return chat_connect_event_refuse(event, "members only");
}

static chat_verdict refuse_by_call(chat_server *server, chat_connect_event *event, application *self) {
  journal_write(&self->lines, "refuse %s", error_name(chat_refuse(server, event->client, "members only", NULL)));
  journal_write(&self->lines, "again %s", error_name(chat_accept(server, event->client, NULL)));
  return CHAT_PASS; /* the call is the verdict */
}

static chat_verdict nonsense(chat_server *server, chat_connect_event *event, application *self) {
  (void)server, (void)event, (void)self;
  return CHAT_CONSUME; /* for on_message only */
}

static void refused_at_once_is_403(void **state) {
  chat_verdict (*const ways[])(chat_server *, chat_connect_event *, application *) = {refuse, refuse_by_event,
                                                                                      refuse_by_call, nonsense};
  size_t i;
  (void)state;
  for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
    chat_server *server;
    ws_client client;
    reset_application(NULL);
    app.connect = ways[i];
    server = start();
    assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", NULL), 403);
    ws_end(&client);
    assert_ok(chat_server_free(server));
    expect_no_line_with("open");
    expect_no_line_with("disconnect"); /* it was never accepted */
    if (ways[i] == refuse_by_call) {
      expect_line("refuse OK");
      expect_line("again ERROR_WRONG_STATE");
    }
    if (ways[i] == nonsense) assert_true(journal_contains(&app.lines, "log 1 on_connect returned 3"));
  }
}

static void give_ann(chat_server *server, chat_client_id client, application *self,
                     chat_error (*give)(chat_server *, chat_client_id, const chat_identity *)) {
  const chat_pair role = {"role", "admin", 5};
  chat_identity identity = CHAT_IDENTITY_INIT;
  identity.user_id = "user-7";
  identity.name = "Ann";
  identity.attributes = &role;
  identity.attribute_count = 1;
  journal_write(&self->lines, "identity %s", error_name(give(server, client, &identity)));
}

static chat_verdict accept_by_call(chat_server *server, chat_connect_event *event, application *self) {
  give_ann(server, event->client, self, chat_accept);
  return CHAT_REFUSE; /* the call is the verdict */
}

static chat_verdict identify_and_pass(chat_server *server, chat_connect_event *event, application *self) {
  give_ann(server, event->client, self, chat_set_identity);
  return CHAT_PASS;
}

static int see_client(const chat_client *client, void *user) {
  application *self = user;
  journal_write(&self->lines, "client %u %s %s %s %d %d rooms %d %s", id_of(client->id), client->identity->user_id,
                client->identity->name, client->address, (int)client->protocol, (int)client->transport,
                (int)client->room_count, client->room_count == 0 ? "" : client->rooms[0]);
  journal_write(&self->lines, "sizes %d %d", client->struct_size == sizeof(*client),
                client->identity->struct_size == sizeof(*client->identity));
  if (client->identity->attribute_count != 0) {
    journal_write(&self->lines, "attribute %s %s", client->identity->attributes[0].name,
                  client->identity->attributes[0].value);
  }
  journal_write(&self->lines, "since %d", client->connected_at_ms > 1700000000000);
  return 0;
}

static void an_identity_comes_with_the_verdict(void **state) {
  chat_verdict (*const ways[])(chat_server *, chat_connect_event *, application *) = {accept_by_call,
                                                                                      identify_and_pass};
  size_t i;
  (void)state;
  for (i = 0; i < 2; i++) {
    chat_server *server;
    ws_client client;
    reset_application(NULL);
    app.connect = ways[i];
    server = start();
    assert_int_equal(ws_open(&client, chat_server_port(server), "/chat.v1", NULL), 101);
    expect_text(&client, "\"name\":\"Ann\"");
    expect_line("identity OK");
    expect_line("open 1 lobby");
    assert_ok(chat_client_info(server, 1, see_client, &app));
    expect_line("client 1 user-7 Ann 127.0.0.1 2 1 rooms 1 lobby");
    expect_line("sizes 1 1");
    expect_line("attribute role admin");
    expect_line("since 1");
    ws_end(&client);
    assert_ok(chat_server_free(server));
  }
}

static void without_callbacks_a_guest_comes_in(void **state) {
  const chat_server_options options = test_options();
  chat_server *server = start_application(&options);
  ws_client client;
  (void)state;
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat.v1", NULL), 101);
  expect_text(&client, "\"name\":\"guest-1\"");
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

/* Deferred verdicts -------------------------------------------------------------------------------------------------*/

static chat_verdict defer(chat_server *server, chat_connect_event *event, application *self) {
  (void)server, (void)event, (void)self;
  return CHAT_DEFER;
}

static void a_deferred_client_waits_for_its_acceptance(void **state) {
  chat_identity identity = CHAT_IDENTITY_INIT;
  chat_message message = CHAT_MESSAGE_INIT;
  chat_server *server;
  ws_client client;
  (void)state;
  app.connect = defer;
  server = start();
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat.v1", NULL), 101);
  expect_line("connect 1");
  /* What it says waits unread, what it is sent waits behind the welcome. */
  assert_int_equal(ws_send_text(&client, "{\"type\":\"send\",\"text\":\"early\"}"), 0);
  message.data = "sent before";
  message.data_size = 11;
  assert_ok(chat_send(server, 1, &message));
  assert_error(chat_join(server, 1, "dev"), ERROR_WRONG_STATE);
  assert_int_equal(ws_receive(&client, 50), WS_NOTHING);
  expect_no_line_with("open");
  expect_no_line_with("message");

  identity.name = "Ann";
  assert_ok(chat_accept(server, 1, &identity));
  assert_error(chat_accept(server, 1, &identity), ERROR_WRONG_STATE);
  expect_text(&client, "\"name\":\"Ann\"");
  expect_text(&client, "sent before");
  expect_text(&client, "early");
  expect_line("message 1 lobby chat message: early");
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static void a_deferred_refusal_closes_with_1008(void **state) {
  chat_server *server;
  ws_client client;
  (void)state;
  app.connect = defer;
  server = start();
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", NULL), 101);
  expect_line("connect 1");
  assert_ok(chat_refuse(server, 1, "no such account", "{\"code\":7}"));
  expect_close(&client, 1008);
  assert_string_equal(client.close_reason, "no such account");
  ws_end(&client);
  assert_ok(chat_server_free(server));
  expect_no_line_with("open");
  expect_no_line_with("disconnect");
}

static void a_verdict_that_does_not_come_is_a_refusal(void **state) {
  chat_server_options options;
  chat_server *server;
  ws_client client;
  (void)state;
  app.connect = defer;
  options = application_options();
  options.verdict_timeout_ms = 100;
  server = start_application(&options);
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", NULL), 101);
  expect_close(&client, 1008);
  expect_line("abandon 1 1008");
  ws_end(&client);
  assert_ok(chat_server_free(server));
}

static void a_client_may_go_before_its_verdict(void **state) {
  chat_server_options options;
  chat_server *server;
  ws_client client;
  chat_identity identity = CHAT_IDENTITY_INIT;
  (void)state;
  app.connect = defer;
  options = application_options();
  options.verdict_timeout_ms = 3600000;
  server = start_application(&options);
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", NULL), 101);
  expect_line("connect 1");
  ws_end(&client);
  expect_line("abandon 1 1006");
  assert_error(chat_set_identity(server, 1, &identity), ERROR_NO_SUCH_CLIENT);
  assert_error(chat_accept(server, 1, NULL), ERROR_NO_SUCH_CLIENT);
  assert_error(chat_refuse(server, 1, NULL, NULL), ERROR_NO_SUCH_CLIENT);
  assert_ok(chat_server_free(server));
  expect_no_line_with("disconnect");
}

/* The pointer -------------------------------------------------------------------------------------------------------*/

static int pointee;

static chat_verdict set_pointer(chat_server *server, chat_connect_event *event, application *self) {
  journal_write(&self->lines, "first %d", chat_client_user(server, event->client) == NULL);
  journal_write(&self->lines, "set %s", error_name(chat_client_set_user(server, event->client, &pointee)));
  return CHAT_PASS;
}
static void note_pointer(chat_server *server, const chat_client_event *event, application *self) {
  (void)server;
  journal_write(&self->lines, event->user == &pointee ? "mine" : "not mine");
}
static chat_verdict note_pointer_of_message(chat_server *server, chat_message_event *event, application *self) {
  (void)server;
  journal_write(&self->lines, event->user == &pointee ? "mine" : "not mine");
  return CHAT_PASS;
}
static chat_verdict note_pointer_of_question(chat_server *server, chat_authorize_event *event, application *self) {
  (void)server;
  journal_write(&self->lines, event->user == &pointee ? "mine" : "not mine");
  return CHAT_PASS;
}

static void a_client_has_a_pointer(void **state) {
  chat_server *server;
  ws_client client;
  (void)state;
  app.connect = set_pointer;
  app.open = app.join = app.leave = app.disconnect = note_pointer;
  app.message = note_pointer_of_message;
  app.authorize = note_pointer_of_question;
  server = start();
  open_v1(&client, server, "/chat.v1");
  assert_int_equal(ws_send_text(&client, "{\"type\":\"send\",\"text\":\"hi\"}"), 0);
  expect_line("message 1 lobby chat message: hi");
  assert_ptr_equal(chat_client_user(server, 1), &pointee);
  ws_end(&client);
  expect_line("disconnect 1 1006");
  assert_ok(chat_server_free(server));
  expect_line("first 1");
  expect_line("set OK");
  /* authorize join and publish, open, join, message, leave, disconnect */
  assert_int_equal(journal_count(&app.lines, "mine"), 7);
  assert_int_equal(journal_count(&app.lines, "not mine"), 0);
}

/* Other refusals ----------------------------------------------------------------------------------------------------*/

static chat_verdict no_joins(chat_server *server, chat_authorize_event *event, application *self) {
  (void)server, (void)self;
  snprintf(event->reason, sizeof(event->reason), "not this room");
  return event->action == CHAT_ACTION_JOIN ? CHAT_REFUSE : CHAT_PASS;
}

/* docs/protocol.md: a room that the application does not let it join refuses the connection in the same way. */
static void a_first_room_that_is_not_allowed_refuses_the_connection(void **state) {
  chat_server *server;
  ws_client client;
  (void)state;
  app.authorize = no_joins;
  server = start();
  assert_int_equal(ws_open(&client, chat_server_port(server), "/chat", NULL), 403);
  ws_end(&client);
  assert_ok(chat_server_free(server));
  expect_line("authorize 1 1 lobby ");
  expect_no_line_with("open");
}

static void limits_are_answered_503(void **state) {
  chat_server_options options = application_options();
  chat_server *server;
  ws_client one, two, three;
  (void)state;
  options.max_clients = 2;
  options.max_clients_per_address = CHAT_UNLIMITED;
  server = start_application(&options);
  open_v1(&one, server, "/chat.v1");
  open_v1(&two, server, "/chat.v1");
  assert_int_equal(ws_open(&three, chat_server_port(server), "/chat.v1", NULL), 503);
  ws_end(&three);
  ws_end(&two);
  expect_line("disconnect 2 1006");
  open_v1(&two, server, "/chat.v1");
  ws_end(&one);
  ws_end(&two);
  assert_ok(chat_server_free(server));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, reset_application)
  const struct CMUnitTest tests[] = {
      TEST(a_life_in_order),
      TEST(a_lost_connection_is_1006),
      TEST(everything_is_shown),
      TEST(refused_at_once_is_403),
      TEST(an_identity_comes_with_the_verdict),
      TEST(without_callbacks_a_guest_comes_in),
      TEST(a_deferred_client_waits_for_its_acceptance),
      TEST(a_deferred_refusal_closes_with_1008),
      TEST(a_verdict_that_does_not_come_is_a_refusal),
      TEST(a_client_may_go_before_its_verdict),
      TEST(a_client_has_a_pointer),
      TEST(a_first_room_that_is_not_allowed_refuses_the_connection),
      TEST(limits_are_answered_503),
  };
  return cmocka_run_group_tests_name("capi/connect", tests, NULL, NULL);
}
