/*
 * A C program that embeds servers as a host does, for a run under valgrind: threads and none, a UNIX socket, WebSocket clients
 * of three protocols, a Socket.IO client on HTTP polling, the page, metrics, refusals, and clients that vanish. The clients are
 * in this process too. Exits with 0 if everything was answered.
 */
#define _DEFAULT_SOURCE
#include <chat/chat.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/ws_client.h"

#define CHECK(condition)                                 \
  do {                                                   \
    if (!(condition)) {                                  \
      fprintf(stderr, "%d: %s\n", __LINE__, #condition); \
      return 1;                                          \
    }                                                    \
  } while (0)

static chat_verdict on_connect(chat_server *server, chat_connect_event *event, void *user) {
  chat_identity identity = CHAT_IDENTITY_INIT;
  size_t i, bytes = 0;
  (void)user;
  for (i = 0; i < event->header_count; i++) bytes += strlen(event->headers[i].name) + event->headers[i].value_size;
  for (i = 0; i < event->query_count; i++) bytes += event->query[i].value_size;
  if (strcmp(event->token, "none") == 0 || bytes == 0) return CHAT_REFUSE;
  identity.user_id = identity.name = "someone";
  chat_set_identity(server, event->client, &identity);
  return CHAT_PASS;
}

static chat_verdict on_message(chat_server *server, chat_message_event *event, void *user) {
  (void)user;
  if (event->ack_id != 0) chat_reply(server, event->client, event->ack_id, "[\"ok\"]", 6, NULL, 0);
  return CHAT_PASS;
}

/* One request on a connection of its own. The whole response; its status, or -1. */
static int request(int port, const char *text, char *response, size_t size) {
  struct sockaddr_in address;
  ws_client client;
  size_t got;
  int status = -1;
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ws_init(&client);
  client.buffer = (unsigned char *)malloc(WS_BUFFER_BYTES);
  client.fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(client.fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
      ws_write(&client, text, strlen(text)) == 0) {
    while (ws_fill(&client, ws_clock_ms() + WS_TIMEOUT_MS) == 1) continue;
    got = client.buffered < size ? client.buffered : size - 1;
    memcpy(response, client.buffer, got);
    response[got] = '\0';
    if (sscanf(response, "HTTP/1.1 %d", &status) != 1) status = -1;
  }
  ws_end(&client);
  return status;
}

static int get(int port, const char *target, char *response, size_t size) {
  char text[512];
  snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", target);
  return request(port, text, response, size);
}

static int post(int port, const char *target, const char *body) {
  char text[1024], response[1024];
  snprintf(text, sizeof(text),
           "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", target,
           (int)strlen(body), body);
  return request(port, text, response, sizeof(response));
}

static int use_http(int port) {
  static char response[1 << 18];
  CHECK(get(port, "/", response, sizeof(response)) == 200);
  CHECK(get(port, "/metrics", response, sizeof(response)) == 200);
  CHECK(get(port, "/socket.io/socket.io.js", response, sizeof(response)) > 0);
  CHECK(get(port, "/nowhere?a=%41&b", response, sizeof(response)) == 404);
  CHECK(request(port, "GET / HTTP/1.1\r\nX : y\r\n\r\n", response, sizeof(response)) == 400);
  return 0;
}

static int use_polling(int port) {
  char response[4096], target[256];
  const char *sid;
  CHECK(get(port, "/socket.io/?EIO=4&transport=polling", response, sizeof(response)) == 200);
  sid = strstr(response, "\"sid\":\"");
  CHECK(sid != NULL);
  snprintf(target, sizeof(target), "/socket.io/?EIO=4&transport=polling&sid=%.20s", sid + 7);
  CHECK(post(port, target, "40") == 200);
  CHECK(get(port, target, response, sizeof(response)) == 200);
  CHECK(strstr(response, "40{\"sid\"") != NULL);
  CHECK(post(port, target, "421[\"chat message\",\"from polling\",{\"a\":[1,2.5e3]}]") == 200);
  CHECK(get(port, target, response, sizeof(response)) == 200);
  CHECK(strstr(response, "from polling") != NULL || strstr(response, "431[\"ok\"]") != NULL);
  CHECK(post(port, target, "1") == 200);
  return 0;
}

static int use_websockets(int port) {
  static char large[60000];
  ws_client plain, v1, io, gone;
  bool heard = false;
  memset(large, 'x', sizeof(large));
  CHECK(ws_open(&plain, port, "/chat?token=some", "Cookie: a=b\r\nX-Header: value\r\n") == 101);
  CHECK(ws_open(&v1, port, "/chat.v1", NULL) == 101);
  CHECK(ws_receive(&v1, WS_TIMEOUT_MS) == WS_TEXT); /* the welcome */
  CHECK(ws_send_text(&v1, "{\"type\":\"send\",\"text\":\"hello\",\"ref\":1}") == 0);
  while (!heard) {
    CHECK(ws_receive(&v1, WS_TIMEOUT_MS) == WS_TEXT);
    heard = strstr(v1.data, "hello") != NULL;
  }
  CHECK(ws_send(&plain, WS_TEXT, large, sizeof(large)) == 0);
  do {
    CHECK(ws_receive(&plain, WS_TIMEOUT_MS) == WS_TEXT);
  } while (plain.size != sizeof(large));
  CHECK(ws_open(&io, port, "/socket.io/?EIO=4&transport=websocket", NULL) == 101);
  CHECK(ws_receive(&io, WS_TIMEOUT_MS) == WS_TEXT); /* the handshake */
  CHECK(ws_send_text(&io, "40{\"token\":\"t\"}") == 0);
  CHECK(ws_receive(&io, WS_TIMEOUT_MS) == WS_TEXT);
  CHECK(ws_send_text(&io, "427[\"chat message\",\"to all\"]") == 0);
  CHECK(ws_receive(&plain, WS_TIMEOUT_MS) == WS_TEXT);
  CHECK(strcmp(plain.data, "to all") == 0);
  CHECK(ws_open(&gone, port, "/chat?token=none", NULL) == 403);
  ws_end(&gone);
  CHECK(ws_open(&gone, port, "/chat", NULL) == 101);
  ws_send(&gone, WS_TEXT, "\xff", 1);
  CHECK(ws_receive(&gone, WS_TIMEOUT_MS) == WS_CLOSE);
  CHECK(gone.close_code == 1007);
  ws_end(&gone);
  CHECK(ws_send_close(&plain, 1000) == 0);
  CHECK(ws_receive(&plain, WS_TIMEOUT_MS) == WS_CLOSE);
  ws_end(&plain);
  ws_end(&io); /* without a word */
  ws_end(&v1);
  return 0;
}

static void fill(chat_server_options *options) {
  options->address = "127.0.0.1";
  options->chat_page_path = "/";
  options->metrics_path = "/metrics";
  options->drain_timeout_ms = 200;
  options->callbacks.on_connect = on_connect;
  options->callbacks.on_message = on_message;
}

static int count_members(const chat_client *client, void *user) {
  *(size_t *)user += client->id != 0;
  return 0;
}

static int serve(int threads) {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  chat_server *server;
  chat_stats stats;
  size_t members = 0;
  int result;
  fill(&options);
  options.threads = threads;
  CHECK(chat_server_start(&options, &server) == CHAT_OK);
  result = use_http(chat_server_port(server)) + use_polling(chat_server_port(server)) +
           use_websockets(chat_server_port(server));
  stats.struct_size = CHAT_STATS_SIZE;
  CHECK(chat_server_stats(server, &stats) == CHAT_OK);
  CHECK(chat_broadcast(server, "lobby", "the end", 7) == CHAT_OK);
  CHECK(chat_members(server, NULL, count_members, &members) == CHAT_OK);
  CHECK(chat_server_free(server) == CHAT_OK);
  return result;
}

static int drive(void) {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  chat_server *server;
  struct sockaddr_in address;
  ws_client client;
  int status, got;
  fill(&options);
  options.threads = 0;
  CHECK(chat_server_start(&options, &server) == CHAT_OK);
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)chat_server_port(server));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(ws_begin(&client, (struct sockaddr *)&address, sizeof(address), "/chat", NULL) == 0);
  do {
    CHECK(chat_server_poll(server, 10) == CHAT_OK);
    status = ws_finish(&client, 0);
  } while (status == 0);
  CHECK(status == 101);
  CHECK(ws_send_text(&client, "hello") == 0);
  do {
    CHECK(chat_server_poll(server, 10) == CHAT_OK);
    got = ws_receive(&client, 0);
  } while (got == WS_NOTHING);
  CHECK(got == WS_TEXT);
  ws_end(&client);
  CHECK(chat_server_free(server) == CHAT_OK);
  return 0;
}

static int fail(void) {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  chat_server *server;
  options.address = "192.0.2.77";
  CHECK(chat_server_start(&options, &server) == CHAT_ERROR_ADDRESS_INVALID);
  return 0;
}

int main(void) { return fail() + serve(1) + serve(2) + drive() == 0 ? 0 : 1; }
