// A link to the primary of Redis: that it comes up, notices each kind of loss, and finds the primary again.
#include "redis/redis_link.h"

#include <filesystem>
#include <memory>

#include "redis/redis_tls.h"
#include "redis_fixture.h"

using namespace chat;
using namespace chat::redis;
using namespace chat::test;

namespace {

std::string joined(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : "; ") + word;
  return text;
}

RedisTarget target_of(const std::string& url) {
  const Result<RedisTarget> target = parse_redis_url(url);
  assert_ok(target.status());
  return *target;
}

struct Listener final : LinkListener {
  void on_up(const std::string& run) override {
    ++ups;
    last_run = run;
    events.emplace_back("up");
    if (when_up) when_up();
  }
  void on_down(const Status& why) override {
    ++downs;
    status = why;
    events.emplace_back("down");
    if (when_down) when_down();
  }
  void on_push(Value&& value) override {
    events.push_back("push " + show(value));
    if (when_pushed) when_pushed();
  }

  std::function<void()> when_up;
  std::function<void()> when_down;
  std::function<void()> when_pushed;
  int ups = 0;
  int downs = 0;
  std::string last_run;
  Status status;
  Words events;
};

// A link on a loop, of its own or another's.
struct Linked {
  explicit Linked(const std::string& url, const std::function<void(LinkOptions&)>& change = {},
                  UvLoop* shared = nullptr)
      : loop(shared ? *shared : own.emplace()) {
    LinkOptions options;
    options.target = target_of(url);
    options.name = "redis test";
    options.client_name = "test";
    options.connect_limit_ms = test_limit_ms();
    options.reply_limit_ms = test_limit_ms();
    options.max_backoff_ms = 200;
    options.log = [this](LogLevel, const std::string& line) { log.push_back(line); };
    if (change) change(options);
    link = std::make_unique<RedisLink>(loop.get(), std::move(options), listener);
  }
  Linked& start() {
    assert_ok(link->start());
    return *this;
  }
  Linked& wait_for_up() {
    loop.run_until([&] { return link->up(); });
    return *this;
  }
  ReplyHandler note() {
    return [this](Reply&& reply) {
      ++answers;
      listener.events.push_back(reply.answered() ? show(reply.value) : show(reply));
    };
  }
  Status send(std::initializer_list<std::string_view> args) { return link->send(Args(args), note()); }
  std::string ask(std::initializer_list<std::string_view> args) {
    const int before = answers;
    assert_ok(send(args));
    loop.run_until([&] { return answers > before; });
    return listener.events.back();
  }

  std::optional<UvLoop> own;
  UvLoop& loop;
  Listener listener;
  Words log;
  int answers = 0;
  std::unique_ptr<RedisLink> link;
};

void it_comes_up_with_the_replication_id(void**) {
  REQUIRE_REDIS();
  RedisServer server;
  Linked l(server.url());
  assert_code(l.send({"PING"}), Error::unavailable);
  l.start();
  assert_false(l.link->up());
  l.wait_for_up();
  assert_text(l.listener.last_run, server.run());
  assert_text(l.link->run(), server.run());
  assert_text(joined(l.listener.events), "up");
  assert_int_equal(l.log.size(), 1);
  assert_text(l.log[0], "redis test: connected to " + server.address() + ", replication id " + server.run());
  assert_text(l.ask({"ECHO", "x"}), "x");
  assert_contains(l.ask({"CLIENT", "INFO"}), "name=test");
  assert_code(l.link->start(), Error::wrong_state);
}

void a_restarted_server_is_found_again(void**) {
  REQUIRE_REDIS();
  RedisServer server({.append_only = true});
  Linked l(server.url());
  l.start().wait_for_up();
  assert_text(l.ask({"SET", "kept", "1"}), "+OK");
  const std::string first = l.link->run();
  server.stop();
  assert_ok(l.send({"GET", "kept"}));
  l.link->flush();
  server.kill();
  l.loop.run_until([&] { return l.listener.downs > 0; });
  assert_text(joined(l.listener.events),
              "up; +OK; lost " + std::to_string(static_cast<int>(Error::unavailable)) + "; down");
  assert_false(l.link->up());
  assert_text(l.link->run(), "");
  assert_code(l.send({"PING"}), Error::unavailable);

  server.restart(true);
  l.wait_for_up();
  assert_string_not_equal(l.link->run().c_str(), first.c_str());
  assert_text(l.ask({"GET", "kept"}), "1");
  server.restart(false);
  l.loop.run_until([&] { return l.listener.ups == 3; });
  assert_text(l.ask({"GET", "kept"}), "nil");
}

void each_change_of_state_is_one_line(void**) {
  REQUIRE_REDIS();
  RedisServer server;
  Linked l(server.url());
  l.start().wait_for_up();
  server.kill();
  l.loop.run_until([&] { return l.listener.downs == 2; });  // lost, then refused
  l.loop.run_rounds(200);
  assert_int_equal(l.listener.downs, 2);  // and refused again and again
  server.restart(false);
  l.loop.run_until([&] { return l.link->up(); });
  l.link->stop();
  assert_int_equal(l.log.size(), 5);
  assert_contains(l.log[1], "redis test: lost: Redis at " + server.address() + ": ");
  assert_text(l.log[2], "redis test: cannot connect: Redis at " + server.address() + ": connection refused");
  assert_contains(l.log[3], "redis test: connected to ");
  assert_text(l.log[4], "redis test: stopped");
}

void attempts_are_spaced(void**) {
  std::vector<std::chrono::steady_clock::time_point> times;  // of the fake's thread, read when it has ended
  {
    FakeRedis fake([&](FakeRedis&, int) { times.push_back(std::chrono::steady_clock::now()); });
    Linked l("redis://127.0.0.1:" + std::to_string(fake.port()),
             [](LinkOptions& options) { options.max_backoff_ms = 400; });
    l.start();
    l.loop.run_until([&] { return fake.connections() >= 6; });
    assert_int_equal(l.listener.ups, 0);
  }
  const int least_ms[] = {50, 100, 200, 200, 200};
  for (std::size_t i = 0; i < std::size(least_ms); ++i) {
    const auto gap = std::chrono::duration_cast<std::chrono::milliseconds>(times[i + 1] - times[i]).count();
    // Below it, because the fake notes the time later than the link.
    if (gap < least_ms[i] / 2) fail_msg("attempt %zu came after %d ms", i + 1, static_cast<int>(gap));
  }
}

void a_wrong_password_is_said_until_it_is_right(void**) {
  REQUIRE_REDIS();
  RedisServer server;
  server.set_password("open-sesame");
  Linked l("redis://:sesame-open@" + server.address());
  l.start();
  l.loop.run_until([&] { return l.listener.downs > 0; });
  assert_code(l.listener.status, Error::permission);
  assert_contains(l.listener.status.detail, "WRONGPASS");
  l.loop.run_rounds(100);
  assert_text(joined(l.listener.events), "down");
  for (const std::string& line : l.log) assert_lacks(line, "sesame");
  server.set_password("sesame-open");
  l.wait_for_up();
}

void a_replica_is_refused_until_it_is_promoted(void**) {
  REQUIRE_REDIS();
  RedisServer primary;
  RedisServer replica({.config_lines = {"replicaof 127.0.0.1 " + std::to_string(primary.port())}});
  Linked l(replica.url());
  l.start();
  l.loop.run_until([&] { return l.listener.downs > 0; });
  assert_code(l.listener.status, Error::unavailable);
  assert_contains(l.listener.status.detail, "is no primary: its role is slave");
  replica.command("REPLICAOF NO ONE");
  l.wait_for_up();
  assert_text(l.link->run(), replica.run());
}

void a_primary_that_became_a_replica_is_left(void**) {
  REQUIRE_REDIS();
  RedisServer primary;
  RedisServer other;
  Linked l(other.url());
  l.start().wait_for_up();
  other.command("REPLICAOF 127.0.0.1 " + std::to_string(primary.port()));
  const std::string refusal = l.ask({"SET", "a", "1"});
  assert_contains(refusal, "!READONLY");
  l.listener.events.clear();
  assert_ok(l.send({"GET", "a"}));
  l.link->distrust("READONLY");
  assert_text(joined(l.listener.events), "");
  assert_false(l.link->up());
  l.loop.run_until([&] { return l.listener.downs == 2; });
  assert_contains(joined(l.listener.events),
                  "not sent " + std::to_string(static_cast<int>(Error::unavailable)) + "; down; down");
  assert_contains(l.listener.status.detail, "is no primary");
  assert_contains(l.log[1], "lost: Redis at " + other.address() + ": READONLY");
  l.link->distrust("again");  // no effect
  other.command("REPLICAOF NO ONE");
  l.wait_for_up();
}

void a_server_that_stands_still_is_noticed_without_commands(void**) {
  REQUIRE_REDIS();
  RedisServer server;
  Linked l(server.url(), [](LinkOptions& options) {
    options.ping_interval_ms = 20;
    options.reply_limit_ms = test_scaled_ms(500);
    options.connect_limit_ms = test_scaled_ms(500);
  });
  l.start().wait_for_up();
  server.stop();
  l.loop.run_until([&] { return l.listener.downs > 0; });
  assert_code(l.listener.status, Error::timed_out);
  server.cont();
  l.wait_for_up();
}

void commands_and_subscriptions_share_a_loop(void**) {
  REQUIRE_REDIS();
  RedisServer server;
  UvLoop loop;
  Linked commands(server.url(), {}, &loop);
  Linked subscriptions(server.unix_url(), {}, &loop);
  commands.start().wait_for_up();
  subscriptions.start().wait_for_up();
  subscriptions.listener.events.clear();
  assert_text(subscriptions.ask({"SUBSCRIBE", "room"}), "[subscribe room 1]");
  assert_text(commands.ask({"PUBLISH", "room", "hello"}), "1");
  loop.run_until([&] { return subscriptions.listener.events.size() == 3; });
  assert_text(joined(subscriptions.listener.events),
              "push [subscribe room 1]; [subscribe room 1]; push [message room hello]");
  // A new connection begins without subscriptions.
  subscriptions.link->distrust("test");
  loop.run_until([&] { return subscriptions.listener.ups == 2; });
  assert_text(commands.ask({"PUBLISH", "room", "nobody"}), "0");
  assert_text(subscriptions.ask({"ECHO", "x"}), "x");
}

void stop_tells_those_who_wait(void**) {
  REQUIRE_REDIS();
  RedisServer server;
  Linked l(server.url());
  l.start().wait_for_up();
  assert_ok(l.send({"PING"}));
  l.link->flush();
  assert_ok(l.send({"PING"}));
  assert_int_equal(l.link->waiting(), 2);
  l.link->stop();
  const std::string stopped = std::to_string(static_cast<int>(Error::stopped));
  assert_text(joined(l.listener.events), "up; lost " + stopped + "; not sent " + stopped);
  l.link->stop();
  assert_code(l.send({"PING"}), Error::unavailable);
  l.loop.run_rounds(20);
  assert_int_equal(l.listener.downs, 0);
}

void a_link_may_be_destroyed_and_stopped_inside_of_its_callbacks(void**) {
  REQUIRE_REDIS();
  RedisServer server;
  for (const bool destroy : {true, false}) {
    const auto end = [destroy](Linked& l) { destroy ? l.link.reset() : l.link->stop(); };
    const auto gone = [](Linked& l) { return !l.link || !l.link->up(); };
    {
      Linked l(server.url());
      l.listener.when_up = [&] { end(l); };
      l.start();
      l.loop.run_until([&] { return l.listener.ups == 1; });
      l.loop.run_rounds(20);
    }
    {
      Linked l(server.url());
      l.start().wait_for_up();
      l.listener.when_pushed = [&] { end(l); };
      assert_ok(l.send({"SUBSCRIBE", "a", "b"}));
      l.loop.run_until([&] { return gone(l); });
      l.loop.run_rounds(20);
    }
    {
      Linked l(server.url());
      l.start().wait_for_up();
      assert_ok(l.link->send(Args{"PING"}, [&](Reply&&) { end(l); }));
      assert_ok(l.send({"PING"}));
      l.loop.run_until([&] { return gone(l); });
      l.loop.run_rounds(20);
      assert_int_equal(l.answers, destroy ? 0 : 1);
    }
    {
      Linked l(server.url());
      l.start().wait_for_up();
      l.listener.when_down = [&] { end(l); };
      l.link->distrust("test");
      l.loop.run_until([&] { return l.listener.downs == 1; });
      l.loop.run_rounds(20);
      assert_int_equal(l.listener.ups, 1);
    }
    {  // by those who are told of a loss
      Linked l(server.url());
      l.start().wait_for_up();
      assert_ok(l.link->send(Args{"PING"}, [&](Reply&&) { end(l); }));
      assert_ok(l.send({"PING"}));
      l.link->distrust("test");
      l.loop.run_until([&] { return !l.link || l.answers == 1; });
      l.loop.run_rounds(20);
      assert_int_equal(l.answers, destroy ? 0 : 1);
      assert_int_equal(l.listener.downs, 0);
    }
  }
}

void what_cannot_work_fails_at_the_start(void**) {
  Linked cluster("redis://a,b");
  assert_code(cluster.link->start(), Error::unsupported);
  Linked tls("rediss://127.0.0.1?ca=/nonexistent/ca.pem");
  assert_code(tls.link->start(), Error::certificate);
  assert_contains(tls.link->start().detail, "/nonexistent/ca.pem");
}

void tls_is_used(void**) {
  REQUIRE_REDIS();
  RedisServer server({.tls = true});
  Linked l(server.url());
  l.start().wait_for_up();
  assert_text(l.ask({"ECHO", "x"}), "x");
  Linked untrusted("rediss://" + server.address());
  untrusted.start();
  untrusted.loop.run_until([&] { return untrusted.listener.downs > 0; });
  assert_code(untrusted.listener.status, Error::certificate);
}

void copies_of_a_target_share_the_files_that_were_read(void**) {
  REQUIRE_REDIS();
  RedisServer server({.tls = true});
  RedisTarget target = target_of(server.url());
  assert_ok(share_tls(target));
  const std::shared_ptr<TlsContext> context = target.tls_context;
  assert_non_null(context.get());
  assert_ok(share_tls(target));
  assert_true(target.tls_context == context);
  std::filesystem::remove(server.certificate_file());  // Redis has read it, too
  Linked l(server.url(), [&](LinkOptions& options) { options.target = target; });
  l.start().wait_for_up();
  assert_text(l.ask({"ECHO", "x"}), "x");
  const Linked alone(server.url());
  assert_code(alone.link->start(), Error::certificate);
  RedisTarget plain = target_of("redis://127.0.0.1");
  assert_ok(share_tls(plain));
  assert_null(plain.tls_context.get());
}

// Each answer that the check of the primary may get.
void a_fake_primary_is_refused(void**) {
  struct Case {
    std::string answers;
    std::string wanted;
  };
  const Case cases[] = {
      {"-NOPERM no\r\n+x\r\n", "refused ROLE: NOPERM no"},
      {"$6\r\nmaster\r\n+x\r\n", "did not say whether it is a primary"},
      {"*0\r\n+x\r\n", "did not say whether it is a primary"},
      {"*1\r\n$8\r\nsentinel\r\n+x\r\n", "its role is sentinel"},
      {"*1\r\n$6\r\nmaster\r\n-ERR no\r\n", "refused INFO: ERR no"},
      {"*1\r\n$6\r\nmaster\r\n$14\r\nmaster_replid:\r\n", "has no replication id"},
      {"*1\r\n$6\r\nmaster\r\n$19\r\nxmaster_replid:abcd\r\n", "has no replication id"},
      {"*1\r\n$6\r\nmaster\r\n$16\r\nmaster_replid:a\x01\r\n", "has no replication id"},
  };
  for (const Case& one : cases) {
    FakeRedis fake([&](FakeRedis& redis, int fd) {
      if (!redis.log_in(fd) || !redis.read_until(fd, "replication\r\n")) return;
      redis.say(fd, one.answers);
      redis.read_to_the_end(fd);
    });
    Linked l("redis://127.0.0.1:" + std::to_string(fake.port()),
             [](LinkOptions& options) { options.client_name = ""; });
    l.start();
    l.loop.run_until([&] { return l.listener.downs > 0; });
    assert_contains(l.listener.status.detail, one.wanted);
    assert_int_equal(l.listener.ups, 0);
  }
}

// ---- Sentinel ----

struct Sentinel {
  explicit Sentinel(const RedisServer& primary)
      : server({.sentinel = true,
                .config_lines = {"sentinel monitor main 127.0.0.1 " + std::to_string(primary.port()) + " 1",
                                 "sentinel down-after-milliseconds main 500", "sentinel failover-timeout main 5000"}}) {
  }
  std::string host() const { return server.address(); }
  void wait_for_replica() const {
    RedisServer::wait_for("the sentinel does not find the replica",
                          [this] { return server.command("INFO sentinel").find("slaves=1") != std::string::npos; });
  }

  RedisServer server;
};

void sentinel_leads_to_the_new_primary(void**) {
  REQUIRE_REDIS();
  RedisServer primary;
  RedisServer replica({.config_lines = {"replicaof 127.0.0.1 " + std::to_string(primary.port())}});
  const Sentinel sentinel(primary);
  // The first does not answer, the second knows nothing, the third knows.
  const Sentinel stranger(primary);
  stranger.server.command("SENTINEL REMOVE main");
  const std::string nobody = "127.0.0.1:" + std::to_string(free_port());
  Linked l("redis+sentinel://" + nobody + "," + stranger.host() + "," + sentinel.host() + "/main");
  l.start().wait_for_up();
  assert_text(l.link->run(), primary.run());
  assert_text(l.ask({"SET", "a", "1"}), "+OK");
  assert_text(l.ask({"WAIT", "1", "0"}), "1");
  sentinel.wait_for_replica();

  primary.kill();
  l.loop.run_until([&] { return l.listener.downs > 0; });
  l.wait_for_up();
  assert_text(l.link->run(), replica.run());
  assert_text(l.ask({"GET", "a"}), "1");
  assert_text(l.ask({"SET", "a", "2"}), "+OK");
}

void sentinels_that_know_nothing_are_reported(void**) {
  REQUIRE_REDIS();
  RedisServer primary;
  const Sentinel sentinel(primary);
  Linked l("redis+sentinel://" + sentinel.host() + "/other");
  l.start();
  l.loop.run_until([&] { return l.listener.downs > 0; });
  assert_contains(l.listener.status.detail, "does not know the primary other");

  struct Case {
    std::string answer;
    std::string wanted;
  };
  const Case cases[] = {
      {"-NOPERM no\r\n", "refused: NOPERM no"},
      {"*2\r\n$9\r\n127.0.0.1\r\n$5\r\n99999\r\n", "gave no address"},
      {"*2\r\n$0\r\n\r\n$4\r\n6379\r\n", "gave no address"},
      {"*2\r\n$3\r\na b\r\n$4\r\n6379\r\n", "gave no address"},
      {"*1\r\n$9\r\n127.0.0.1\r\n", "gave no address"},
  };
  for (const Case& one : cases) {
    FakeRedis fake([&](FakeRedis& redis, int fd) {
      if (!redis.log_in(fd) || !redis.read_until(fd, "main\r\n")) return;
      redis.say(fd, one.answer);
      redis.read_to_the_end(fd);
    });
    Linked odd("redis+sentinel://127.0.0.1:" + std::to_string(fake.port()) + "/main",
               [](LinkOptions& options) { options.client_name = ""; });
    odd.start();
    odd.loop.run_until([&] { return odd.listener.downs > 0; });
    assert_contains(odd.listener.status.detail, one.wanted);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(it_comes_up_with_the_replication_id),
      cmocka_unit_test(a_restarted_server_is_found_again),
      cmocka_unit_test(each_change_of_state_is_one_line),
      cmocka_unit_test(attempts_are_spaced),
      cmocka_unit_test(a_wrong_password_is_said_until_it_is_right),
      cmocka_unit_test(a_replica_is_refused_until_it_is_promoted),
      cmocka_unit_test(a_primary_that_became_a_replica_is_left),
      cmocka_unit_test(a_server_that_stands_still_is_noticed_without_commands),
      cmocka_unit_test(commands_and_subscriptions_share_a_loop),
      cmocka_unit_test(stop_tells_those_who_wait),
      cmocka_unit_test(a_link_may_be_destroyed_and_stopped_inside_of_its_callbacks),
      cmocka_unit_test(what_cannot_work_fails_at_the_start),
      cmocka_unit_test(tls_is_used),
      cmocka_unit_test(copies_of_a_target_share_the_files_that_were_read),
      cmocka_unit_test(a_fake_primary_is_refused),
      cmocka_unit_test(sentinel_leads_to_the_new_primary),
      cmocka_unit_test(sentinels_that_know_nothing_are_reported),
  };
  return cmocka_run_group_tests_name("links to Redis", tests, nullptr, nullptr);
}
