// One connection to a real redis-server, and to fake ones that are hostile.
#include "redis/redis_connection.h"
#include "redis_fixture.h"

#include <fstream>

using namespace chat;
using namespace chat::redis;
using namespace chat::test;

namespace {

std::string lost(Error code) { return "lost " + std::to_string(static_cast<int>(code)); }
std::string not_sent(Error code) { return "not sent " + std::to_string(static_cast<int>(code)); }

std::string joined(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : "; ") + word;
  return text;
}

// The server that most tests share.
RedisServer& server() {
  static RedisServer shared;
  return shared;
}

// ---- a pipeline ----

void answers_come_in_the_order_of_the_commands(void**) {
  REQUIRE_REDIS();
  Client client(connection_to(server().port()));
  client.come_up();
  assert_ok(client.send({"SET", "a", "1"}));
  assert_ok(client.send({"GET", "a"}));
  assert_ok(client.send({"INCR", "a"}));
  assert_ok(client.send({"NONSENSE"}));
  assert_ok(client.send({"MGET", "a", "b"}));
  assert_int_equal(client.connection->waiting(), 5);
  assert_true(client.user.events.empty());
  client.loop.run_until([&] { return client.user.answers == 5; });
  assert_contains(client.user.events[3], "!ERR unknown command");
  client.user.events.erase(client.user.events.begin() + 3);
  assert_text(joined(client.user.events), "+OK; 1; 2; [2 nil]");
  assert_int_equal(client.connection->waiting(), 0);
  assert_int_equal(client.connection->queued_bytes(), 0);
}

void commands_of_a_round_leave_in_one_write(void**) {
  REQUIRE_REDIS();
  RedisServer own;
  Client client(connection_to(own.port()));
  client.come_up();
  assert_text(client.ask({"SET", "n", "0"}), "+OK");
  const auto reads = [&] {
    const std::string text = client.ask({"INFO", "stats"});
    const std::size_t begin = text.find("total_reads_processed:");
    assert_true(begin != std::string::npos);
    return std::stol(text.substr(begin + 22));
  };
  const long before = reads();
  client.user.events.clear();
  for (int i = 0; i < 400; ++i) assert_ok(client.send({"INCR", "n"}));
  client.loop.run_until([&] { return client.user.events.size() == 400; });
  assert_text(client.user.events.back(), "400");
  // Those of the 400 commands, of which Redis reads 16 KiB at a time, and that of INFO.
  assert_int_equal(reads() - before, 2);
}

void flush_writes_at_once(void**) {
  REQUIRE_REDIS();
  Client client(connection_to(server().port()));
  client.come_up();
  assert_ok(client.send({"PING"}));
  assert_int_equal(client.connection->queued_bytes(), 14);
  client.connection->flush();
  assert_int_equal(client.connection->queued_bytes(), 0);
  client.loop.run_until([&] { return client.user.answers == 1; });
  assert_text(joined(client.user.events), "+PONG");
}

void commands_from_a_handler_follow(void**) {
  REQUIRE_REDIS();
  Client client(connection_to(server().port()));
  client.come_up();
  std::string got;
  int left = 50;
  const ReplyHandler again = [&](Reply&&) {
    if (--left > 0) assert_ok(client.connection->send(Args{"PING"}, again));
  };
  assert_ok(client.connection->send(Args{"PING"}, again));
  client.loop.run_until([&] { return left == 0; });
  assert_ok(client.connection->send(Args{"PING"}, {}));  // nobody to tell
  assert_text(client.ask({"ECHO", "x"}), "x");
}

void big_and_binary_values_pass(void**) {
  REQUIRE_REDIS();
  Client client(connection_to(server().port()));
  client.come_up();
  std::string big = filled(20'000'000, '\0');
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * 7 + i / 256);
  assert_text(client.ask({"SET", "big", big}), "+OK");
  assert_true(client.ask({"GET", "big"}) == big);
  assert_text(client.ask({"DEL", "big"}), "1");
  assert_int_equal(client.connection->queued_bytes(), 0);
}

void the_output_is_bounded(void**) {
  REQUIRE_REDIS();
  ConnectionOptions options = connection_to(server().port());
  options.max_queued_bytes = 100;
  Client client(options);
  client.come_up();
  const std::string big(100, 'x');
  assert_code(client.send({"ECHO", big}), Error::too_large);
  for (int i = 0; i < 7; ++i) assert_ok(client.send({"PING"}));
  assert_code(client.send({"PING"}), Error::too_large);
  assert_int_equal(client.connection->queued_bytes(), 98);
  client.loop.run_until([&] { return client.user.answers == 7; });
  assert_text(client.ask({"ECHO", "x"}), "x");
}

void the_commands_without_an_answer_are_bounded(void**) {
  REQUIRE_REDIS();
  ConnectionOptions options = connection_to(server().port());
  options.max_waiting = 3;
  Client client(options);
  client.come_up();
  for (int i = 0; i < 3; ++i) assert_ok(client.send({"PING"}));
  assert_code(client.send({"PING"}), Error::too_many);
  client.loop.run_until([&] { return client.user.answers == 3; });
  assert_text(client.ask({"ECHO", "x"}), "x");
}

void a_wrong_call_sends_nothing(void**) {
  REQUIRE_REDIS();
  Client client(connection_to(server().port()));
  assert_code(client.send({"PING"}), Error::unavailable);
  client.come_up();
  assert_code(client.send({}), Error::invalid_argument);
  assert_code(client.send({""}), Error::invalid_argument);
  assert_code(client.send({"SUBSCRIBE"}), Error::invalid_argument);
  assert_code(client.send({"unsubscribe"}), Error::invalid_argument);
  assert_int_equal(client.connection->queued_bytes(), 0);
  assert_text(client.ask({"PING"}), "+PONG");
}

// ---- subscriptions ----

void messages_and_confirmations_are_pushed(void**) {
  REQUIRE_REDIS();
  Client client(connection_to(server().port()));
  client.come_up();
  assert_ok(client.send({"SUBSCRIBE", "one", "two"}));
  client.loop.run_until([&] { return client.user.answers == 1; });
  assert_text(joined(client.user.events), "push [subscribe one 1]; push [subscribe two 2]; [subscribe two 2]");
  assert_code(client.send({"GET", "x"}), Error::wrong_state);

  client.user.events.clear();
  assert_ok(client.send({"PSUBSCRIBE", "th*"}));
  assert_ok(client.send({"SSUBSCRIBE", "four"}));
  client.loop.run_until([&] { return client.user.answers == 3; });
  client.user.events.clear();
  for (const char* const command :
       {"PUBLISH one a", "PUBLISH three b", "SPUBLISH four c", "PUBLISH one d", "PUBLISH five e"}) {
    server().command(command);
  }
  assert_ok(client.send({"PING"}));
  client.loop.run_until([&] { return client.user.answers == 4; });
  assert_text(
      joined(client.user.events),
      "push [message one a]; push [pmessage th* three b]; push [smessage four c]; push [message one d]; [pong ]");

  client.user.events.clear();
  assert_ok(client.send({"UNSUBSCRIBE", "one"}));
  client.loop.run_until([&] { return client.user.answers == 5; });
  server().command("PUBLISH one f");
  server().command("PUBLISH two g");
  client.loop.run_until([&] { return client.user.events.size() == 3; });
  assert_contains(client.user.events[0], "push [unsubscribe one ");
  assert_text(client.user.events[2], "push [message two g]");
}

void a_refused_subscription_tells_its_sender(void**) {
  REQUIRE_REDIS();
  server().command("ACL SETUSER narrow on >word +@all ~* resetchannels &allowed");
  ConnectionOptions options = connection_to(server().port());
  options.user = "narrow";
  options.password = "word";
  Client client(options);
  client.come_up();
  assert_ok(client.send({"SUBSCRIBE", "forbidden"}));
  assert_ok(client.send({"PING"}));
  assert_ok(client.send({"SUBSCRIBE", "allowed"}));
  client.loop.run_until([&] { return client.user.answers == 3; });
  assert_int_equal(client.user.events.size(), 4);
  assert_contains(client.user.events[0], "!NOPERM");
  assert_text(client.user.events[1], "+PONG");
  assert_text(client.user.events[3], "[subscribe allowed 1]");
}

// ---- the login ----

void a_login_is_checked(void**) {
  REQUIRE_REDIS();
  RedisServer own({.password = "sesame-open"});
  own.command("ACL SETUSER alice on >rabbit-hole +@all ~* &*");
  const auto end = [&](const char* user, const char* password) {
    ConnectionOptions options = connection_to(own.port());
    options.user = user;
    options.password = password;
    Client client(options);
    client.loop.run_until([&] { return client.user.ready || client.user.closed; });
    if (client.user.ready) return client.ask({"ACL", "WHOAMI"});
    assert_code(client.user.status, Error::permission);
    assert_text(joined(client.user.events), "closed");
    assert_contains(client.user.status.detail, own.address());
    assert_lacks(client.user.status.detail, password[0] == 0 ? "nothing to hide" : password);
    return client.user.status.detail;
  };
  assert_text(end("", "sesame-open"), "default");
  assert_text(end("alice", "rabbit-hole"), "alice");
  assert_contains(end("", "wrong-password"), "wrong user or password (WRONGPASS)");
  assert_contains(end("bob", "rabbit-hole"), "wrong user or password (WRONGPASS)");
  assert_contains(end("", ""), "wants a password");
  // Nor may one send a password to a server that wants none: it may be the wrong server.
  ConnectionOptions options = connection_to(server().port());
  options.password = "sesame-open";
  Client client(options);
  assert_contains(client.wait_for_end().detail, "it has no password");
}

void a_fake_that_repeats_the_password_is_not_quoted(void**) {
  FakeRedis fake([](FakeRedis& redis, int fd) {
    redis.read_until(fd, "PING\r\n");
    redis.say(fd, "-ERR unknown command `AUTH`, with args beginning with: `sesame-open`\r\n-ERR sesame\r\n");
    redis.read_to_the_end(fd);
  });
  ConnectionOptions options = connection_to(fake.port());
  options.password = "sesame-open";
  Client client(options);
  assert_code(client.wait_for_end(), Error::permission);
  assert_lacks(client.user.status.detail, "sesame");
}

void name_and_database_are_set(void**) {
  REQUIRE_REDIS();
  ConnectionOptions options = connection_to(server().port());
  options.client_name = "node-7";
  options.db = 3;
  Client client(options);
  client.come_up();
  assert_contains(client.ask({"CLIENT", "INFO"}), "name=node-7");
  assert_contains(client.user.events.back(), "db=3");
  options.db = 99;
  Client other(options);
  assert_code(other.wait_for_end(), Error::unavailable);
  assert_contains(other.user.status.detail, "refused the database");
}

void a_name_that_is_not_allowed_is_no_error(void**) {
  REQUIRE_REDIS();
  server().command("ACL SETUSER nameless on >word +@all -client ~* &*");
  ConnectionOptions options = connection_to(server().port());
  options.user = "nameless";
  options.password = "word";
  options.client_name = "node";
  Client client(options);
  client.come_up();
  assert_text(client.ask({"PING"}), "+PONG");
}

// ---- addresses ----

void a_unix_socket_works(void**) {
  REQUIRE_REDIS();
  ConnectionOptions options = connection_to(0);
  options.address = {.path = server().path()};
  Client client(options);
  client.come_up();
  assert_text(client.ask({"ECHO", "x"}), "x");
  options.address.path += ".none";
  Client missing(options);
  assert_code(missing.wait_for_end(), Error::unavailable);
  assert_contains(missing.user.status.detail, options.address.path + ": no such file");
}

void a_name_is_resolved_and_each_address_is_tried(void**) {
  REQUIRE_REDIS();
  // Often ::1 comes first, where nobody listens.
  Client client(connection_to(server().port(), "localhost"));
  client.come_up();
  assert_text(client.ask({"PING"}), "+PONG");
  // Longer than a label may be, so that no name server is asked.
  const std::string nobody(64, 'n');
  Client nowhere(connection_to(server().port(), nobody.c_str()));
  assert_code(nowhere.wait_for_end(), Error::unavailable);
  assert_contains(nowhere.user.status.detail,
                  "Redis at " + nobody + ":" + std::to_string(server().port()) + ": its address: ");
}

void a_closed_port_is_reported(void**) {
  const std::uint16_t port = free_port();
  Client client(connection_to(port));
  assert_code(client.wait_for_end(), Error::unavailable);
  assert_text(client.user.status.detail, "Redis at 127.0.0.1:" + std::to_string(port) + ": connection refused");
  Client named(connection_to(port, "localhost"));
  assert_code(named.wait_for_end(), Error::unavailable);
}

// ---- losses ----

void a_killed_server_loses_what_waits(void**) {
  REQUIRE_REDIS();
  RedisServer own;
  Client client(connection_to(own.port()));
  client.come_up();
  own.stop();
  for (int i = 0; i < 3; ++i) assert_ok(client.send({"INCR", "n"}));
  client.connection->flush();
  own.kill();
  client.wait_for_end();
  assert_code(client.user.status, Error::unavailable);
  assert_text(joined(client.user.events),
              joined({lost(Error::unavailable), lost(Error::unavailable), lost(Error::unavailable), "closed"}));
  assert_code(client.send({"PING"}), Error::unavailable);
  assert_false(client.connection->ready());
}

void what_was_not_written_is_told_apart(void**) {
  REQUIRE_REDIS();
  Client client(connection_to(server().port()));
  client.come_up();
  assert_ok(client.send({"PING"}));
  client.connection->flush();
  assert_ok(client.send({"PING"}));
  client.connection->close({Error::stopped, "enough"});
  assert_text(joined(client.user.events), joined({lost(Error::stopped), not_sent(Error::stopped)}));
  client.loop.run_rounds(5);
  assert_false(client.user.closed);  // whoever closes is not told
}

void a_server_that_stands_still_is_given_up(void**) {
  REQUIRE_REDIS();
  RedisServer own;
  ConnectionOptions options = connection_to(own.port());
  options.reply_limit_ms = 100;
  Client client(options);
  client.come_up();
  own.stop();
  assert_ok(client.send({"PING"}));
  assert_ok(client.send({"PING"}));
  client.wait_for_end();
  assert_text(joined(client.user.events), joined({lost(Error::timed_out), lost(Error::timed_out), "closed"}));
  assert_contains(client.user.status.detail, "no answer within 100 ms");
  own.cont();
}

void an_idle_connection_is_pinged(void**) {
  REQUIRE_REDIS();
  RedisServer own;
  ConnectionOptions options = connection_to(own.port());
  options.reply_limit_ms = test_scaled_ms(1'000);
  options.ping_interval_ms = 10;
  Client client(options);
  client.come_up();
  const auto pings = [&] {
    const std::string stats = own.info("commandstats", "cmdstat_ping");  // "calls=3,usec=..."
    return std::stol(stats.substr(stats.find('=') + 1));
  };
  const long before = pings();
  client.loop.run_until([&] { return pings() > before + 5; });
  assert_true(client.connection->ready());
  own.stop();
  client.wait_for_end();
  assert_code(client.user.status, Error::timed_out);
  assert_text(joined(client.user.events), "closed");
  own.cont();
}

void a_loop_that_was_late_reads_before_it_gives_up(void**) {
  REQUIRE_REDIS();
  ConnectionOptions options = connection_to(server().port());
  options.reply_limit_ms = 20;
  Client client(options);
  client.come_up();
  assert_ok(client.send({"PING"}));
  client.connection->flush();
  usleep(200'000);  // On purpose: the loop is late, and the answer waits in the socket.
  client.loop.run_until([&] { return client.user.answers == 1; });
  assert_text(joined(client.user.events), "+PONG");
  assert_true(client.connection->ready());
}

void a_server_that_never_answers_is_given_up(void**) {
  FakeRedis silent([](FakeRedis& redis, int fd) { redis.read_to_the_end(fd); });
  ConnectionOptions options = connection_to(silent.port());
  options.connect_limit_ms = 50;
  Client client(options);
  assert_code(client.wait_for_end(), Error::timed_out);
  assert_contains(client.user.status.detail, "no connection within 50 ms");
  assert_text(joined(client.user.events), "closed");
}

// ---- hostile servers ----

void hostile_replies_close_the_connection(void**) {
  struct Case {
    std::string bytes;
    Error code;
  };
  std::string deep;
  for (int i = 0; i < 1'000; ++i) deep += "*1\r\n";
  const Case cases[] = {
      {"HTTP/1.1 400 Bad Request\r\n\r\n", Error::system},
      {"$99999999999\r\n", Error::too_large},
      {"*2000000000\r\n", Error::too_large},
      {deep, Error::too_large},
      {std::string(100'000, '+'), Error::too_large},
      {"%1\r\n+a\r\n+b\r\n", Error::system},
      {"$3\r\nabcdef\r\n", Error::system},
      {":99999999999999999999\r\n", Error::system},
      {"", Error::unavailable},  // closes
  };
  for (const Case& one : cases) {
    FakeRedis fake([&](FakeRedis& redis, int fd) {
      if (!redis.log_in(fd) || !redis.read_until(fd, "GET")) return;
      redis.say(fd, one.bytes);
      if (!one.bytes.empty()) redis.read_to_the_end(fd);
    });
    Client client(connection_to(fake.port()));
    client.come_up();
    assert_ok(client.send({"GET", "x"}));
    assert_code(client.wait_for_end(), one.code);
    assert_text(joined(client.user.events), lost(one.code) + "; closed");
  }
}

void an_answer_without_a_question_closes_the_connection(void**) {
  FakeRedis fake([&](FakeRedis& redis, int fd) {
    if (!redis.log_in(fd)) return;
    redis.say(fd, "-ERR so\x01 there\r\n");
    redis.read_to_the_end(fd);
  });
  Client client(connection_to(fake.port()));
  assert_code(client.wait_for_end(), Error::system);
  assert_contains(client.user.status.detail, "nothing asked for: ERR so? there");
}

void a_refusal_at_the_door_is_quoted(void**) {
  FakeRedis fake([&](FakeRedis& redis, int fd) { redis.say(fd, "-ERR max number of clients reached\r\n"); });
  Client client(connection_to(fake.port()));
  assert_code(client.wait_for_end(), Error::unavailable);
  assert_contains(client.user.status.detail, "Redis is not ready: ERR max number of clients reached");
}

void what_a_connection_with_itself_says_is_no_answer(void**) {
  FakeRedis echo([&](FakeRedis& redis, int fd) {
    if (redis.read_until(fd, "PING\r\n")) redis.say(fd, "*1\r\n$4\r\nPING\r\n");
    redis.read_to_the_end(fd);
  });
  Client client(connection_to(echo.port()));
  assert_code(client.wait_for_end(), Error::unavailable);
}

// A slow reader: the kernel's buffers are full, and the rest waits here.
void a_server_that_does_not_read_holds_the_output_back(void**) {
  std::atomic<bool> go_on{false};
  FakeRedis fake([&](FakeRedis& redis, int fd) {
    if (!redis.log_in(fd)) return;
    RedisServer::wait_for("it never goes on", [&] { return go_on.load(); });
    redis.read_until(fd, "LAST\r\n");
    redis.say(fd, "+done\r\n+last\r\n");
    redis.read_to_the_end(fd);
  });
  Client client(connection_to(fake.port()));
  client.come_up();
  const std::string big = filled(32'000'000, 'x');
  assert_ok(client.send({"SET", "big", big}));
  client.loop.run_rounds(20);
  assert_true(client.connection->queued_bytes() > 1'000'000);
  assert_ok(client.send({"LAST"}));
  assert_code(client.send({"SET", "too", filled(40'000'000, 'y')}), Error::too_large);
  go_on = true;
  client.loop.run_until([&] { return client.user.answers == 2; });
  assert_text(joined(client.user.events), "+done; +last");
  assert_int_equal(client.connection->queued_bytes(), 0);
}

// ---- the end, from inside ----

void it_may_be_destroyed_inside_of_its_callbacks(void**) {
  REQUIRE_REDIS();
  {
    Client client(connection_to(server().port()));
    client.user.when_ready = [&] { client.connection.reset(); };
    client.loop.run_until([&] { return client.user.ready; });
    client.loop.run_rounds(5);
    assert_text(joined(client.user.events), "ready");
  }
  {
    Client client(connection_to(server().port()));
    client.come_up();
    assert_ok(client.connection->send(Args{"PING"}, [&](Reply&&) { client.connection.reset(); }));
    assert_ok(client.send({"PING"}));
    client.loop.run_until([&] { return !client.connection; });
    client.loop.run_rounds(5);
    assert_text(joined(client.user.events), "");
  }
  {
    Client client(connection_to(server().port()));
    client.come_up();
    client.user.when_pushed = [&] { client.connection.reset(); };
    assert_ok(client.send({"SUBSCRIBE", "a", "b"}));
    client.loop.run_until([&] { return !client.connection; });
    client.loop.run_rounds(5);
    assert_text(joined(client.user.events), "push [subscribe a 1]");
  }
  {
    FakeRedis fake([](FakeRedis& redis, int fd) { redis.log_in(fd); });
    Client client(connection_to(fake.port()));
    client.user.when_closed = [&] { client.connection.reset(); };
    client.wait_for_end();
    client.loop.run_rounds(5);
    assert_text(joined(client.user.events), "ready; closed");
  }
  {  // by the first of those who are told of a loss
    Client client(connection_to(server().port()));
    client.come_up();
    assert_ok(client.connection->send(Args{"PING"}, [&](Reply&&) { client.connection.reset(); }));
    assert_ok(client.send({"PING"}));
    client.connection->close({Error::stopped, {}});
    assert_null(client.connection.get());
    assert_text(joined(client.user.events), "");
  }
}

void it_may_be_destroyed_while_it_connects(void**) {
  UvLoop loop;
  Recorder user;
  {
    RedisConnection looking(loop.get(), connection_to(1, "localhost"), user);
    looking.open();
  }
  {
    FakeRedis silent([](FakeRedis& redis, int fd) { redis.read_to_the_end(fd); });
    RedisConnection connecting(loop.get(), connection_to(silent.port()), user);
    connecting.open();
    loop.run_until([&] { return silent.connections() == 1; });
  }
  { RedisConnection never_opened(loop.get(), connection_to(1), user); }
  loop.run_rounds(10);
  assert_text(joined(user.events), "");
}

void a_handler_that_throws_closes_the_connection(void**) {
  REQUIRE_REDIS();
  for (const bool memory : {true, false}) {
    Client client(connection_to(server().port()));
    client.come_up();
    assert_ok(client.connection->send(Args{"PING"}, [&](Reply&&) {
      if (memory) throw std::bad_alloc();
      throw 42;
    }));
    assert_ok(client.send({"PING"}));
    assert_code(client.wait_for_end(), memory ? Error::no_memory : Error::internal);
    assert_text(joined(client.user.events), lost(client.user.status.code) + "; closed");
  }
  Client client(connection_to(server().port()));
  client.user.when_ready = [] { throw std::bad_alloc(); };
  assert_code(client.wait_for_end(), Error::no_memory);
}

void close_later_tells_everyone_from_the_loop(void**) {
  REQUIRE_REDIS();
  Client client(connection_to(server().port()));
  client.come_up();
  assert_ok(client.send({"PING"}));
  client.connection->close_later({Error::unavailable, "no primary"});
  assert_text(joined(client.user.events), "");
  assert_code(client.send({"PING"}), Error::unavailable);
  client.wait_for_end();
  assert_text(joined(client.user.events), not_sent(Error::unavailable) + "; closed");
  assert_text(client.user.status.detail, "no primary");
}

// ---- TLS ----

struct TlsServer {
  TlsServer() : server({.tls = true}) {}
  // Options for a connection with the URL's query.
  ConnectionOptions options(const std::string& query, const char* host = "127.0.0.1") const {
    const Result<RedisTarget> target = parse_redis_url("rediss://" + server.address() + query);
    assert_ok(target.status());
    Result<std::shared_ptr<TlsContext>> tls = TlsContext::make(*target);
    assert_ok(tls.status());
    ConnectionOptions made = connection_to(server.port(), host);
    made.tls = *tls;
    return made;
  }
  std::string ca() const { return "?ca=" + server.certificate_file(); }

  RedisServer server;
};

void tls_works_with_a_trusted_certificate(void**) {
  REQUIRE_REDIS();
  const TlsServer tls;
  for (const char* const host : {"127.0.0.1", "localhost"}) {
    Client client(tls.options(tls.ca(), host));
    client.come_up();
    const std::string big(5'000'000, 'x');
    assert_text(client.ask({"SET", "big", big}), "+OK");
    assert_true(client.ask({"GET", "big"}) == big);
    for (int i = 0; i < 1'000; ++i) assert_ok(client.send({"PING"}));
    client.loop.run_until([&] { return client.user.answers == 1'002; });
  }
  Client lax(tls.options("?verify=no", "127.0.0.2"));
  lax.come_up();
  assert_text(lax.ask({"PING"}), "+PONG");
}

void tls_refuses_what_it_cannot_trust(void**) {
  REQUIRE_REDIS();
  const TlsServer tls;
  Client untrusted(tls.options(""));
  assert_code(untrusted.wait_for_end(), Error::certificate);
  assert_contains(untrusted.user.status.detail, "is not accepted: self");
  Client misnamed(tls.options(tls.ca(), "127.0.0.2"));
  assert_code(misnamed.wait_for_end(), Error::certificate);
  assert_contains(misnamed.user.status.detail, "address mismatch");
  // A server without TLS.
  ConnectionOptions plain = tls.options(tls.ca());
  plain.address.port = server().port();
  plain.connect_limit_ms = test_scaled_ms(1'000);
  Client to_plain(plain);
  to_plain.wait_for_end();
  assert_true(to_plain.user.status.code == Error::unavailable || to_plain.user.status.code == Error::timed_out);
  // And the other way round.
  ConnectionOptions bare = tls.options(tls.ca());
  bare.tls = nullptr;
  bare.connect_limit_ms = test_scaled_ms(1'000);
  Client to_tls(bare);
  to_tls.wait_for_end();
  assert_false(to_tls.user.ready);
}

void tls_presents_the_certificate_of_the_client(void**) {
  REQUIRE_REDIS();
  RedisServer strict({.tls = true, .arguments = {"--tls-auth-clients", "yes"}});
  const std::string ca = "rediss://" + strict.address() + "?ca=" + strict.certificate_file();
  const std::string key = strict.certificate_file().substr(0, strict.certificate_file().rfind('/')) + "/key.pem";
  const std::string with_key = ca + "&cert=" + strict.certificate_file() + "&key=" + key;
  for (const bool with : {true, false}) {
    const Result<RedisTarget> target = parse_redis_url(with ? with_key : ca);
    Result<std::shared_ptr<TlsContext>> tls = TlsContext::make(*target);
    assert_ok(tls.status());
    ConnectionOptions options = connection_to(strict.port());
    options.tls = *tls;
    Client client(options);
    if (with) {
      client.come_up();
      assert_text(client.ask({"PING"}), "+PONG");
    } else {
      assert_code(client.wait_for_end(), Error::unavailable);
    }
  }
}

void files_of_tls_that_cannot_be_used_are_named(void**) {
  std::string path = (std::filesystem::temp_directory_path() / "libchat-tls-XXXXXX").string();
  assert_non_null(mkdtemp(path.data()));
  const std::string certificate = path + "/certificate.pem";
  const std::string other_key = path + "/other.pem";
  const std::string junk = path + "/junk.pem";
  std::ofstream(certificate) << TEST_CERTIFICATE;
  std::ofstream(other_key) << TEST_OTHER_PRIVATE_KEY;
  std::ofstream(junk) << "junk";
  const auto fault = [](const std::string& query) {
    const Result<RedisTarget> target = parse_redis_url("rediss://host?" + query);
    assert_ok(target.status());
    const Result<std::shared_ptr<TlsContext>> made = TlsContext::make(*target);
    assert_code(made.status(), Error::certificate);
    return made.status().detail;
  };
  assert_contains(fault("ca=" + path + "/none"), path + "/none");
  assert_contains(fault("ca=" + junk), junk);
  assert_contains(fault("cert=" + junk + "&key=" + other_key), junk);
  assert_contains(fault("cert=" + certificate + "&key=" + path + "/none"), path + "/none");
  assert_contains(fault("cert=" + certificate + "&key=" + other_key), other_key);
  std::filesystem::remove_all(path);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(answers_come_in_the_order_of_the_commands),
      cmocka_unit_test(commands_of_a_round_leave_in_one_write),
      cmocka_unit_test(flush_writes_at_once),
      cmocka_unit_test(commands_from_a_handler_follow),
      cmocka_unit_test(big_and_binary_values_pass),
      cmocka_unit_test(the_output_is_bounded),
      cmocka_unit_test(the_commands_without_an_answer_are_bounded),
      cmocka_unit_test(a_wrong_call_sends_nothing),
      cmocka_unit_test(messages_and_confirmations_are_pushed),
      cmocka_unit_test(a_refused_subscription_tells_its_sender),
      cmocka_unit_test(a_login_is_checked),
      cmocka_unit_test(a_fake_that_repeats_the_password_is_not_quoted),
      cmocka_unit_test(name_and_database_are_set),
      cmocka_unit_test(a_name_that_is_not_allowed_is_no_error),
      cmocka_unit_test(a_unix_socket_works),
      cmocka_unit_test(a_name_is_resolved_and_each_address_is_tried),
      cmocka_unit_test(a_closed_port_is_reported),
      cmocka_unit_test(a_killed_server_loses_what_waits),
      cmocka_unit_test(what_was_not_written_is_told_apart),
      cmocka_unit_test(a_server_that_stands_still_is_given_up),
      cmocka_unit_test(an_idle_connection_is_pinged),
      cmocka_unit_test(a_loop_that_was_late_reads_before_it_gives_up),
      cmocka_unit_test(a_server_that_never_answers_is_given_up),
      cmocka_unit_test(hostile_replies_close_the_connection),
      cmocka_unit_test(an_answer_without_a_question_closes_the_connection),
      cmocka_unit_test(a_refusal_at_the_door_is_quoted),
      cmocka_unit_test(what_a_connection_with_itself_says_is_no_answer),
      cmocka_unit_test(a_server_that_does_not_read_holds_the_output_back),
      cmocka_unit_test(it_may_be_destroyed_inside_of_its_callbacks),
      cmocka_unit_test(it_may_be_destroyed_while_it_connects),
      cmocka_unit_test(a_handler_that_throws_closes_the_connection),
      cmocka_unit_test(close_later_tells_everyone_from_the_loop),
      cmocka_unit_test(tls_works_with_a_trusted_certificate),
      cmocka_unit_test(tls_refuses_what_it_cannot_trust),
      cmocka_unit_test(tls_presents_the_certificate_of_the_client),
      cmocka_unit_test(files_of_tls_that_cannot_be_used_are_named),
  };
  return cmocka_run_group_tests_name("connections to Redis", tests, nullptr, nullptr);
}
