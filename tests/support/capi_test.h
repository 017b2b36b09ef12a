/* Shared by the CMocka tests of chat.h. Include it first: cmocka.h needs four headers before it. */
#ifndef TESTS_SUPPORT_CAPI_TEST_H
#define TESTS_SUPPORT_CAPI_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <chat/chat.h>

static inline const char *error_name(chat_error error) {
  const char *name = chat_error_name(error);
  return name == NULL ? "no error at all" : name;
}

/* Compares names, so a failure shows more than two numbers. */
#define assert_error(call, expected) assert_string_equal(error_name(call), error_name(CHAT_##expected))
#define assert_ok(call) assert_error(call, OK)

/* The call must fail with this error, and its message must contain the text. */
#define assert_error_about(call, expected, text)                      \
  do {                                                                \
    assert_error(call, expected);                                     \
    if (strstr(chat_error_message(), (text)) == NULL) {               \
      fail_msg("\"%s\" is not in: %s", (text), chat_error_message()); \
    }                                                                 \
  } while (0)

/* Options for tests: any free port on the loopback address. */
static inline chat_server_options test_options(void) {
  chat_server_options options = CHAT_SERVER_OPTIONS_INIT;
  options.address = "127.0.0.1";
  return options;
}

#endif /* TESTS_SUPPORT_CAPI_TEST_H */
