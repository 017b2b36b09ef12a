/*
 * The time limit of a test's waits. Tests wait for conditions and not for time, so a wait that reaches this limit fails.
 * The limit does not slow down a passing test and is therefore generous: 60 seconds, or CHAT_TEST_LIMIT_S, which
 * scripts/test increases on a busy machine. The tests in JavaScript and Python use it too.
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

/* Scales a server timeout that a client of the test must meet, for busy machines. */
static inline int test_scaled_ms(int ms) {
  const int limit_s = test_limit_s();
  return limit_s <= TEST_LIMIT_DEFAULT_S ? ms : (int)((long long)ms * limit_s / TEST_LIMIT_DEFAULT_S);
}

#endif /* TESTS_SUPPORT_LIMIT_H */
