/*
 * How long a test waits for what must come. A test waits for a condition and never for time, so a wait that runs into
 * this limit has failed. The limit costs a passing test nothing and is therefore generous: 60 seconds, or
 * CHAT_TEST_LIMIT_S, which scripts/test sets higher on a busy machine. The tests in JavaScript and Python read it too.
 */
#ifndef TESTS_SUPPORT_LIMIT_H
#define TESTS_SUPPORT_LIMIT_H

#include <stdlib.h>

enum { TEST_LIMIT_DEFAULT_S = 60, TEST_LIMIT_MAX_S = 3600 };

static inline int test_limit_s(void) {
  const char *text = getenv("CHAT_TEST_LIMIT_S");
  const int seconds = text == NULL ? 0 : atoi(text);
  if (seconds <= 0) return TEST_LIMIT_DEFAULT_S;
  return seconds < TEST_LIMIT_MAX_S ? seconds : TEST_LIMIT_MAX_S;
}

static inline int test_limit_ms(void) { return test_limit_s() * 1000; }

/* For a server's own time-out that a client of the test must keep: longer on a busy machine. */
static inline int test_scaled_ms(int ms) {
  const int limit_s = test_limit_s();
  return limit_s <= TEST_LIMIT_DEFAULT_S ? ms : (int)((long long)ms * limit_s / TEST_LIMIT_DEFAULT_S);
}

#endif /* TESTS_SUPPORT_LIMIT_H */
