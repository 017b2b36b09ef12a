/*
 * A request over TLS, for tests in C that are linked to OpenSSL. Loopback only; the certificate is not verified. The
 * process must ignore SIGPIPE.
 */
#ifndef TESTS_SUPPORT_TLS_CLIENT_H
#define TESTS_SUPPORT_TLS_CLIENT_H

#include <openssl/ssl.h>

#include "support/ws_client.h"

/* GET /healthz on a new connection. Returns the status of the response, or -1 without one. */
static inline int tls_get_health(int port) {
  static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL *ssl = context == NULL ? NULL : SSL_new(context);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const struct timeval limit = {test_limit_s(), 0};
  struct sockaddr_in address;
  char response[1024] = "";
  int status = -1;
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  if (ssl != NULL && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && SSL_set_fd(ssl, fd) == 1 &&
      SSL_connect(ssl) == 1 && SSL_write(ssl, request, sizeof(request) - 1) > 0 &&
      SSL_read(ssl, response, sizeof(response) - 1) > 0 && sscanf(response, "HTTP/1.1 %d", &status) != 1) {
    status = -1;
  }
  SSL_free(ssl);
  SSL_CTX_free(context);
  close(fd);
  return status;
}

#endif /* TESTS_SUPPORT_TLS_CLIENT_H */
