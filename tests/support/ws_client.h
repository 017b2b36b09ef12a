/*
 * A small blocking WebSocket client (RFC 6455) for tests in C: loopback only, no extensions, no TLS, one thread at a time.
 * It does not use libchat. Every wait has a time limit, and a frame that a server must not send is a failure.
 */
#ifndef TESTS_SUPPORT_WS_CLIENT_H
#define TESTS_SUPPORT_WS_CLIENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "support/limit.h"

/* The limit for expected data; a test that reaches it fails. */
#define WS_TIMEOUT_MS test_limit_ms()

enum {
  WS_BUFFER_BYTES = 1 << 18,
  WS_TEXT = 1,
  WS_BINARY = 2,
  WS_CLOSE = 8,
  WS_PING = 9,
  WS_PONG = 10,
  /* Results of ws_receive(): */
  WS_NOTHING = 0, /* nothing within the time limit */
  WS_ENDED = -1,  /* the connection ended without a close frame */
  WS_BROKEN = -2  /* the server violated the protocol */
};

typedef struct ws_client {
  int fd;                /* -1: not connected */
  int status;            /* of the HTTP response */
  char response[8192];   /* the head of the response */
  unsigned char *buffer; /* bytes received but not used yet */
  size_t buffered;
  char *data; /* of the last message, followed by a NUL */
  size_t size;
  int close_code; /* the server's; 1005 without a code, 1006 without a close frame */
  char close_reason[124];
} ws_client;

static inline int64_t ws_clock_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline int ws_write(ws_client *client, const void *bytes, size_t size) {
  const char *at = (const char *)bytes;
  while (size != 0) {
    const ssize_t written = send(client->fd, at, size, MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return -1;
    at += written;
    size -= (size_t)written;
  }
  return 0;
}

/* Reads more bytes. Returns 1, WS_NOTHING, or WS_ENDED. */
static inline int ws_fill(ws_client *client, int64_t deadline_ms) {
  for (;;) {
    struct pollfd readable;
    int64_t left_ms = deadline_ms - ws_clock_ms();
    ssize_t got;
    int ready;
    if (left_ms < 0) left_ms = 0;
    readable.fd = client->fd;
    readable.events = POLLIN;
    readable.revents = 0;
    ready = poll(&readable, 1, (int)left_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return WS_NOTHING;
    if (client->buffered == WS_BUFFER_BYTES) return WS_ENDED;
    got = recv(client->fd, client->buffer + client->buffered, WS_BUFFER_BYTES - client->buffered, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return WS_ENDED;
    client->buffered += (size_t)got;
    return 1;
  }
}

static inline void ws_consume(ws_client *client, size_t size) {
  memmove(client->buffer, client->buffer + size, client->buffered - size);
  client->buffered -= size;
}

/* Closes the socket without a close frame of its own. May be called again. */
static inline void ws_end(ws_client *client) {
  if (client->fd >= 0) close(client->fd);
  free(client->buffer);
  free(client->data);
  client->fd = -1;
  client->buffer = NULL;
  client->data = NULL;
}

static inline void ws_init(ws_client *client) {
  memset(client, 0, sizeof(*client));
  client->fd = -1;
  client->close_code = 1006;
}

/* Connects and sends the upgrade request. ws_finish() reads the response, so the server may take its time. */
static inline int ws_begin(ws_client *client, const struct sockaddr *address, socklen_t address_size,
                           const char *target, const char *headers) {
  char request[4096];
  ws_init(client);
  client->buffer = (unsigned char *)malloc(WS_BUFFER_BYTES);
  client->fd = socket(address->sa_family, SOCK_STREAM, 0);
  if (client->buffer == NULL || client->fd < 0 || connect(client->fd, address, address_size) != 0) return -1;
  snprintf(request, sizeof(request),
           "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
           target, headers == NULL ? "" : headers);
  return ws_write(client, request, strlen(request));
}

/* Returns the status of the response: 101 when the WebSocket is open; 0: no response in time; -1: the connection
 * ended. */
static inline int ws_finish(ws_client *client, int timeout_ms) {
  const int64_t deadline_ms = ws_clock_ms() + timeout_ms;
  for (;;) {
    size_t end;
    int filled;
    for (end = 3; end < client->buffered; end++) {
      if (memcmp(client->buffer + end - 3, "\r\n\r\n", 4) == 0) break;
    }
    if (end < client->buffered) {
      const size_t head = end + 1;
      if (head >= sizeof(client->response)) return -1;
      memcpy(client->response, client->buffer, head);
      client->response[head] = '\0';
      ws_consume(client, head);
      if (sscanf(client->response, "HTTP/1.1 %d", &client->status) != 1) return -1;
      /* The response to the key above (RFC 6455 section 1.3). */
      if (client->status == 101 && strstr(client->response, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == NULL) return -1;
      return client->status;
    }
    filled = ws_fill(client, deadline_ms);
    if (filled != 1) return filled == WS_NOTHING ? 0 : -1;
  }
}

/* headers: additional lines, each ending with CRLF, or NULL. Returns the result of ws_finish(). */
static inline int ws_open(ws_client *client, int port, const char *target, const char *headers) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (ws_begin(client, (const struct sockaddr *)&address, sizeof(address), target, headers) != 0) return -1;
  return ws_finish(client, WS_TIMEOUT_MS);
}

static inline int ws_open_unix(ws_client *client, const char *path, const char *target) {
  struct sockaddr_un address;
  memset(&address, 0, sizeof(address));
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
  if (ws_begin(client, (const struct sockaddr *)&address, sizeof(address), target, NULL) != 0) return -1;
  return ws_finish(client, WS_TIMEOUT_MS);
}

static inline int ws_send(ws_client *client, int opcode, const void *data, size_t size) {
  static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
  unsigned char *frame = (unsigned char *)malloc(size + 14);
  size_t at = 0, i;
  int result;
  if (frame == NULL) return -1;
  frame[at++] = (unsigned char)(0x80 | opcode);
  if (size < 126) {
    frame[at++] = (unsigned char)(0x80 | size);
  } else if (size < 65536) {
    frame[at++] = 0x80 | 126;
    frame[at++] = (unsigned char)(size >> 8);
    frame[at++] = (unsigned char)size;
  } else {
    int shift;
    frame[at++] = 0x80 | 127;
    for (shift = 56; shift >= 0; shift -= 8) frame[at++] = (unsigned char)((uint64_t)size >> shift);
  }
  memcpy(frame + at, mask, 4);
  at += 4;
  for (i = 0; i < size; i++) frame[at + i] = ((const unsigned char *)data)[i] ^ mask[i % 4];
  result = ws_write(client, frame, at + size);
  free(frame);
  return result;
}

static inline int ws_send_text(ws_client *client, const char *text) {
  return ws_send(client, WS_TEXT, text, strlen(text));
}

static inline int ws_send_close(ws_client *client, int code) {
  unsigned char data[2];
  data[0] = (unsigned char)(code >> 8);
  data[1] = (unsigned char)code;
  return ws_send(client, WS_CLOSE, data, sizeof(data));
}

/*
 * Receives the next message: WS_TEXT or WS_BINARY with its data in the client, WS_CLOSE with close_code, or the reason why
 * there is none. Answers pings. The server's frames must be unfragmented and unmasked.
 */
static inline int ws_receive(ws_client *client, int timeout_ms) {
  const int64_t deadline_ms = ws_clock_ms() + timeout_ms;
  for (;;) {
    size_t head = 2, size, at;
    int opcode, filled;
    if (client->buffered >= 2) {
      if ((client->buffer[0] & 0xf0) != 0x80 || (client->buffer[1] & 0x80) != 0) return WS_BROKEN;
      size = client->buffer[1];
      if (size == 126) head = 4;
      if (size == 127) head = 10;
      if (client->buffered >= head) {
        if (head != 2) {
          for (size = 0, at = 2; at < head; at++) size = size << 8 | client->buffer[at];
        }
        if (size > WS_BUFFER_BYTES - 16) return WS_BROKEN;
        if (client->buffered >= head + size) {
          opcode = client->buffer[0] & 0x0f;
          free(client->data);
          client->data = (char *)malloc(size + 1);
          if (client->data == NULL) return WS_BROKEN;
          memcpy(client->data, client->buffer + head, size);
          client->data[size] = '\0';
          client->size = size;
          ws_consume(client, head + size);
          if (opcode == WS_PING) {
            if (ws_send(client, WS_PONG, client->data, size) != 0) return WS_ENDED;
            continue;
          }
          if (opcode == WS_PONG) continue;
          if (opcode == WS_CLOSE) {
            client->close_code = 1005;
            if (size >= 2) {
              client->close_code = (unsigned char)client->data[0] << 8 | (unsigned char)client->data[1];
              snprintf(client->close_reason, sizeof(client->close_reason), "%s", client->data + 2);
            }
            ws_send(client, WS_CLOSE, client->data, size >= 2 ? 2 : 0);
            return WS_CLOSE;
          }
          return opcode == WS_TEXT || opcode == WS_BINARY ? opcode : WS_BROKEN;
        }
      }
    }
    filled = ws_fill(client, deadline_ms);
    if (filled != 1) return filled;
  }
}

#endif /* TESTS_SUPPORT_WS_CLIENT_H */
