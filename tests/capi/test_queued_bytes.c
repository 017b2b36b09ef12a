/* All outboxes together are full: messages are refused and counted, and nobody is closed. Host-driven, so that the loop has
 * queued each message before the next one. */
#include "support/capi_test.h"

#include <string.h>

#include "support/ws_client.h"

enum { MAX_QUEUED_BYTES = 400000, MESSAGE_BYTES = 8000 };

static chat_server *server;
static char text[MESSAGE_BYTES];

static void poll_once(void) { assert_ok(chat_server_poll(server, 0)); }

static chat_stats stats(void) {
  chat_stats result;
  result.struct_size = sizeof(result);
  assert_ok(chat_server_stats(server, &result));
  return result;
}

/* A client that reads nothing after the welcome, and lets the system keep little. */
static void join_without_reading(ws_client *client, const char *target) {
  struct sockaddr_in address;
  const int receive_bytes = 4096;
  const int64_t deadline_ms = ws_clock_ms() + WS_TIMEOUT_MS;
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)chat_server_port(server));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_int_equal(ws_begin(client, (const struct sockaddr *)&address, sizeof(address), target, NULL), 0);
  assert_int_equal(setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes)), 0);
  while (stats().clients_now == 0 || ws_finish(client, 1) != 101) {
    poll_once();
    assert_true(ws_clock_ms() < deadline_ms);
  }
}

static void messages_are_refused_while_a_client_does_not_read(void **state) {
  chat_server_options options = test_options();
  chat_message message = CHAT_MESSAGE_INIT;
  chat_client_id id = 0;
  ws_client reader;
  uint64_t published = 0, refused = 0, seq = 7, received = 0;
  int64_t deadline_ms;
  chat_error error;
  (void)state;
  memset(text, 'x', sizeof(text));
  options.threads = 0;
  options.max_queued_bytes = MAX_QUEUED_BYTES;
  options.max_queued_bytes_per_address = CHAT_UNLIMITED;
  options.send_buffer_bytes = 16384;
  assert_ok(chat_server_start(&options, &server));
  join_without_reading(&reader, "/chat?room=lobby");

  deadline_ms = ws_clock_ms() + WS_TIMEOUT_MS;
  while ((error = chat_broadcast(server, "lobby", text, sizeof(text))) == CHAT_OK) {
    published++;
    poll_once();
    assert_true(ws_clock_ms() < deadline_ms);
  }
  assert_error(error, ERROR_TOO_MANY);
  refused = 1;
  assert_true(published > MAX_QUEUED_BYTES / MESSAGE_BYTES - 5);

  /* Whatever sends a message is refused, also to another room and to everyone. Each refusal counts once. */
  message.data = text;
  message.data_size = sizeof(text);
  message.room = "another";
  assert_error_about(chat_publish(server, &message, &seq), ERROR_TOO_MANY, "max_queued_bytes");
  assert_int_equal(seq, 0);
  message.room = NULL;
  assert_error(chat_publish(server, &message, NULL), ERROR_TOO_MANY);
  id = 1;
  assert_error(chat_send(server, id, &message), ERROR_TOO_MANY);
  refused += 3;
  poll_once();
  assert_int_equal(stats().refusals[CHAT_REFUSAL_QUEUED_BYTES], refused);
  assert_int_equal(stats().messages_published, published);
  assert_int_equal(stats().slow_disconnects, 0);
  assert_int_equal(stats().clients_now, 1);

  /* The client gets all that was published, and then there is space again. */
  deadline_ms = ws_clock_ms() + WS_TIMEOUT_MS;
  while (received < published) {
    poll_once();
    if (ws_receive(&reader, 1) == WS_TEXT) {
      assert_int_equal(reader.size, sizeof(text));
      received++;
    }
    assert_true(ws_clock_ms() < deadline_ms);
  }
  poll_once();
  assert_ok(chat_broadcast(server, "lobby", text, sizeof(text)));
  assert_int_equal(stats().refusals[CHAT_REFUSAL_QUEUED_BYTES], refused);
  ws_end(&reader);
  assert_ok(chat_server_free(server));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_are_refused_while_a_client_does_not_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
