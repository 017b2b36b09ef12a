// What the CMocka tests of the C++ headers share: a journal of what callbacks saw, and clients to talk with. Include it
// behind the standard library's headers, for which cmocka.h's macro fail() is no good.
#pragma once

#include <chat/chat.hpp>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

// This version of cmocka.h does not say by itself that it is C.
extern "C" {
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
}

#include "support/capi_test.h"
#include "support/journal.h"
#include "support/ws_client.h"

// A call of the binding succeeds; tells why when it does not. Gives the result.
template <class Result>
Result succeeded(Result result, const char* call) {
  if (!result) fail_msg("%s: %s", call, result.error().message().c_str());
  return result;
}
#define SUCCEEDED(call) succeeded(call, #call)

// A call fails with an error, given without its CHAT_.
#define FAILED_WITH(call, expected) assert_string_equal(error_name((call).error().code()), error_name(CHAT_##expected))

// What has happened, for one test program.
inline journal lines = JOURNAL_INIT;

inline void note(const std::string& line) { journal_write(&lines, "%s", line.c_str()); }

inline int forget_lines(void**) {
  journal_clear(&lines);
  return 0;
}

inline void expect_line(const std::string& line) {
  if (journal_wait(&lines, line.c_str()) < 0) fail_msg("it did not happen: %s", line.c_str());
}

// Any free port on the loopback address.
inline chat::Options free_port() {
  chat::Options options;
  options.address = "127.0.0.1";
  return options;
}

inline chat::Server start(chat::Options options) { return *SUCCEEDED(chat::Server::start(std::move(options))); }

// A client that ends with its scope.
class Client {
 public:
  // A WebSocket that is open, whatever the server thinks of it afterwards.
  Client(const chat::ServerRef& server, const char* target) {
    assert_int_equal(ws_open(&client_, server.port(), target, nullptr), 101);
  }
  ~Client() { ws_end(&client_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void say(const std::string& text) { assert_int_equal(ws_send(&client_, WS_TEXT, text.data(), text.size()), 0); }
  void say_bytes(const std::string& bytes) {
    assert_int_equal(ws_send(&client_, WS_BINARY, bytes.data(), bytes.size()), 0);
  }

  // The next frame of text, whole.
  std::string hear() {
    const int got = ws_receive(&client_, WS_TIMEOUT_MS);
    if (got != WS_TEXT) fail_msg("no text but %d (close code %d)", got, client_.close_code);
    return {client_.data, client_.size};
  }
  // Text comes with this in it; gives it.
  std::string expect(std::string_view part) {
    const std::string text = hear();
    if (text.find(part) == std::string::npos) fail_msg("\"%s\" is not in: %s", std::string(part).c_str(), text.c_str());
    return text;
  }
  std::string hear_bytes() {
    assert_int_equal(ws_receive(&client_, WS_TIMEOUT_MS), WS_BINARY);
    return {client_.data, client_.size};
  }
  // The end comes, sooner or later; gives its reason.
  std::string expect_close(int code) {
    int got = 0;
    do {
      got = ws_receive(&client_, WS_TIMEOUT_MS);
    } while (got == WS_TEXT || got == WS_BINARY);
    assert_int_equal(got, WS_CLOSE);
    assert_int_equal(client_.close_code, code);
    return client_.close_reason;
  }

 private:
  ws_client client_;
};
