/*
 * Makes servers of a test use TLS, with the certificate of certificate.h. The file is written once and removed when the
 * process exits. For CMocka tests and others: a failure ends the program.
 */
#ifndef TESTS_SUPPORT_TLS_OPTIONS_H
#define TESTS_SUPPORT_TLS_OPTIONS_H

#include <chat/chat.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/certificate.h"

static char tls_pem_file[] = "/tmp/chat-test-XXXXXX"; /* the certificate and its key */

static inline void tls_remove_file(void) { unlink(tls_pem_file); }

static inline void use_tls(chat_server_options *options) {
  static int written = 0;
  if (!written) {
    const int fd = mkstemp(tls_pem_file);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (file == NULL || fputs(TEST_CERTIFICATE TEST_PRIVATE_KEY, file) < 0 || fclose(file) != 0) {
      perror(tls_pem_file);
      abort();
    }
    atexit(tls_remove_file);
    written = 1;
  }
  options->tls_certificate_file = tls_pem_file;
  options->tls_private_key_file = tls_pem_file;
}

#endif /* TESTS_SUPPORT_TLS_OPTIONS_H */
