// What the tests of core/redis share: a loop of libuv, a user of a connection that writes down what it hears, and a fake Redis
// that says what a test wants.
#pragma once

#include <uv.h>

#include <atomic>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "redis/redis_connection.h"
#include "support/redis_server.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

namespace chat::test {

#define REQUIRE_REDIS()                                                  \
  if (!RedisServer::installed()) {                                       \
    print_message("SKIPPED: redis-server is missing (scripts/setup)\n"); \
    skip();                                                              \
  }

inline void assert_text(std::string_view text, std::string_view wanted) {
  assert_string_equal(std::string(text).c_str(), std::string(wanted).c_str());
}
inline void assert_contains(const std::string& text, const std::string& part) {
  if (text.find(part) == std::string::npos) fail_msg("\"%s\" is not in \"%s\"", part.c_str(), text.c_str());
}
inline void assert_lacks(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) fail_msg("\"%s\" is in \"%s\"", part.c_str(), text.c_str());
}
inline void assert_ok(const Status& status) {
  if (!status.ok()) fail_msg("%s", status.detail.c_str());
}
inline void assert_code(const Status& status, Error code) {
  if (status.code != code) {
    fail_msg("%d instead of %d: %s", static_cast<int>(status.code), static_cast<int>(code), status.detail.c_str());
  }
}

// Fails at the end when a handle was not closed.
class UvLoop {
 public:
  UvLoop() {
    assert_int_equal(uv_loop_init(&loop_), 0);
    uv_timer_init(&loop_, &tick_);
  }
  ~UvLoop() {
    uv_close(reinterpret_cast<uv_handle_t*>(&tick_), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop_), 0);
  }
  UvLoop(const UvLoop&) = delete;
  UvLoop& operator=(const UvLoop&) = delete;

  uv_loop_t* get() { return &loop_; }
  // Runs rounds until the condition holds; it may be about other threads too, so it is looked at every 5 ms.
  void run_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(test_limit_s());
    uv_timer_start(
        &tick_, [](uv_timer_t*) {}, 5, 5);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) fail_msg("the condition does not come true");
      uv_run(&loop_, UV_RUN_ONCE);
    }
    uv_timer_stop(&tick_);
  }
  void run_rounds(int count) {
    uv_timer_start(
        &tick_, [](uv_timer_t*) {}, 1, 1);
    for (int i = 0; i < count; ++i) uv_run(&loop_, UV_RUN_ONCE);
    uv_timer_stop(&tick_);
  }

 private:
  uv_loop_t loop_{};
  uv_timer_t tick_{};
};

// clang-tidy takes a long string for two arguments in the wrong order.
inline std::string filled(std::size_t size, char with) {
  std::string text;
  text.resize(size, with);
  return text;
}

using Words = std::vector<std::string>;
using Args = std::vector<std::string_view>;

inline std::string show(const redis::Value& value) {
  using Kind = redis::Value::Kind;
  switch (value.kind) {
    case Kind::nil:
      return "nil";
    case Kind::integer:
      return std::to_string(value.integer);
    case Kind::error:
      return "!" + value.text;
    case Kind::status:
      return "+" + value.text;
    case Kind::text:
      return value.text;
    case Kind::array:
      break;
  }
  std::string text = "[";
  for (const redis::Value& item : value.items) text += (text.size() > 1 ? " " : "") + show(item);
  return text + "]";
}

// "lost" or "not sent" with the code's number, or the answer.
inline std::string show(const redis::Reply& reply) {
  if (reply.answered()) return show(reply.value);
  return (reply.outcome == redis::Reply::Outcome::lost ? "lost " : "not sent ") +
         std::to_string(static_cast<int>(reply.status.code));
}

struct Recorder final : redis::ConnectionUser {
  void on_ready() override {
    ready = true;
    events.emplace_back("ready");
    if (when_ready) when_ready();
  }
  void on_closed(const Status& why) override {
    closed = true;
    status = why;
    events.emplace_back("closed");
    if (when_closed) when_closed();
  }
  void on_push(redis::Value&& value) override {
    events.push_back("push " + show(value));
    if (when_pushed) when_pushed();
  }
  redis::ReplyHandler note() {
    return [this](redis::Reply&& reply) {
      ++answers;
      events.push_back(show(reply));
    };
  }

  std::function<void()> when_ready;
  std::function<void()> when_closed;
  std::function<void()> when_pushed;
  bool ready = false;
  bool closed = false;
  Status status;
  int answers = 0;
  Words events;
};

inline redis::ConnectionOptions connection_to(std::uint16_t port, const char* host = "127.0.0.1") {
  redis::ConnectionOptions options;
  options.address = {.host = host, .port = port};
  options.connect_limit_ms = test_limit_ms();
  options.reply_limit_ms = test_limit_ms();
  return options;
}

// A loop with one connection.
struct Client {
  explicit Client(redis::ConnectionOptions options) {
    connection = std::make_unique<redis::RedisConnection>(loop.get(), std::move(options), user);
    connection->open();
  }
  Client& come_up() {
    loop.run_until([&] { return user.ready || user.closed; });
    if (!user.ready) fail_msg("%s", user.status.detail.c_str());
    user.events.clear();
    return *this;
  }
  const Status& wait_for_end() {
    loop.run_until([&] { return user.closed; });
    return user.status;
  }
  Status send(std::initializer_list<std::string_view> args) { return connection->send(Args(args), user.note()); }
  // The answer of one command.
  std::string ask(std::initializer_list<std::string_view> args) {
    const int before = user.answers;
    assert_ok(send(args));
    loop.run_until([&] { return user.answers > before; });
    return user.events.back();
  }

  UvLoop loop;
  Recorder user;
  std::unique_ptr<redis::RedisConnection> connection;  // closed before the loop ends
};

// Accepts connections one after the other on a thread of its own; `serve` gets each, and it is closed when that returns.
class FakeRedis {
 public:
  using Serve = std::function<void(FakeRedis&, int fd)>;

  explicit FakeRedis(Serve serve) : serve_(std::move(serve)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    assert_int_equal(bind(listener_, reinterpret_cast<const sockaddr*>(&address), size), 0);
    assert_int_equal(listen(listener_, 16), 0);
    assert_int_equal(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~FakeRedis() {
    ended_ = true;
    thread_.join();
    close(listener_);
  }
  FakeRedis(const FakeRedis&) = delete;
  FakeRedis& operator=(const FakeRedis&) = delete;

  std::uint16_t port() const { return port_; }
  int connections() const { return connections_; }
  // Answers commands until `last` was received. False: the client or the test has ended.
  bool read_until(int fd, std::string_view last) {
    std::string received;
    while (received.find(last) == std::string::npos) {
      if (!wait(fd)) return false;
      char bytes[4096];
      const ssize_t count = recv(fd, bytes, sizeof bytes, 0);
      if (count <= 0) return false;
      if (received.size() > 64) received.erase(0, received.size() - 64);  // `last` is shorter
      received.append(bytes, static_cast<std::size_t>(count));
    }
    return true;
  }
  void say(int fd, std::string_view bytes) {
    while (!bytes.empty() && !ended_) {
      const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  // The login of a connection without a password.
  bool log_in(int fd) {
    if (!read_until(fd, "PING\r\n")) return false;
    say(fd, "+PONG\r\n");
    return true;
  }
  // Until the client closes, or the test ends.
  void read_to_the_end(int fd) { read_until(fd, "this does not come"); }

 private:
  // False: the test has ended.
  bool wait(int fd) const {
    pollfd readable{fd, POLLIN, 0};
    while (!ended_) {
      if (poll(&readable, 1, 10) > 0) return true;
    }
    return false;
  }
  void run() {
    while (wait(listener_)) {
      const int fd = accept(listener_, nullptr, nullptr);
      if (fd < 0) continue;
      ++connections_;
      serve_(*this, fd);
      close(fd);
    }
  }

  Serve serve_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace chat::test
