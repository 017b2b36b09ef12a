// Each allocation of a connection and of a link fails once: the first, the second, and so on. A command is then either refused
// or answered or reported as lost, once; and a link comes up later.
#include "redis/redis_link.h"
#include "redis_fixture.h"
#include "support/failing_allocations.h"

using namespace chat;
using namespace chat::redis;
using namespace chat::test;

namespace {

// No allocations of its own.
struct Counter final : ConnectionUser {
  void on_ready() override { ready = true; }
  void on_closed(const Status&) override { ++closed; }
  void on_push(Value&&) override {}

  bool ready = false;
  int closed = 0;
};

void run_until(uv_loop_t* loop, const bool& done) {
  while (!done) uv_run(loop, UV_RUN_ONCE);
}

void each_command_is_told_about_once(void**) {
  REQUIRE_REDIS();
  RedisServer server;
  const std::string big(5'000, 'x');
  const std::string_view commands[][3] = {{"SET", "key", big}, {"MGET", "key", "key"}, {"NONSENSE", "a", "b"}};
  int failures = 0;
  for (Came came = Came::to_a_failure; came == Came::to_a_failure; ++failures) {
    UvLoop loop;
    Counter user;
    const ConnectionOptions options = connection_to(server.port());
    std::unique_ptr<RedisConnection> connection;
    int told[3] = {};
    int sent = 0;
    bool done = false;
    const auto send = [&] {
      for (const auto& command : commands) {
        const Status status = connection->send(command, [&, sent](Reply&&) {
          ++told[sent];
          done = sent == 2;
        });
        if (!status.ok()) return;
        ++sent;
      }
    };
    came = after(failures, [&] {
      connection = std::make_unique<RedisConnection>(loop.get(), options, user);
      connection->open();
      while (!user.ready && user.closed == 0) uv_run(loop.get(), UV_RUN_ONCE);
      if (user.ready) send();
      while (!done && user.closed == 0) uv_run(loop.get(), UV_RUN_ONCE);
    });
    // What threw has changed nothing, so it goes on without it.
    if (came == Came::to_a_failure && connection && connection->ready()) {
      while (connection->waiting() > 0 && user.closed == 0) uv_run(loop.get(), UV_RUN_ONCE);
    }
    for (int i = 0; i < 3; ++i) assert_int_equal(told[i], i < sent ? 1 : 0);
    assert_true(user.closed <= 1);
    if (came == Came::through) assert_int_equal(sent, 3);
  }
  assert_true(failures > 20);
}

struct Ups final : LinkListener {
  void on_up(const std::string&) override { up = true; }
  void on_down(const Status&) override {}
  void on_push(Value&&) override {}

  bool up = false;
};

void a_link_without_memory_comes_up_later(void**) {
  REQUIRE_REDIS();
  RedisServer server;
  int failures = 0;
  for (Came came = Came::to_a_failure; came == Came::to_a_failure; ++failures) {
    UvLoop loop;
    Ups listener;
    LinkOptions options;
    options.target = *parse_redis_url(server.url());
    options.first_backoff_ms = 1;
    options.max_backoff_ms = 2;
    std::unique_ptr<RedisLink> link;
    came = after(failures, [&] {
      link = std::make_unique<RedisLink>(loop.get(), options, listener);
      assert_ok(link->start());
      run_until(loop.get(), listener.up);
    });
    if (!link) continue;
    if (!listener.up) {
      (void)link->start();  // if that is what failed
      run_until(loop.get(), listener.up);
    }
    assert_true(link->up());
  }
  assert_true(failures > 20);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(each_command_is_told_about_once),
      cmocka_unit_test(a_link_without_memory_comes_up_later),
  };
  return cmocka_run_group_tests_name("connections to Redis without memory", tests, nullptr, nullptr);
}
