// Callbacks of the C++ headers: what they see, what their verdicts do, what becomes of what they throw, and a Server that
// moves or ends while they run.
#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>
#include <thread>
#include <vector>

#include "cpp_test.h"

using namespace std::chrono_literals;

namespace {

std::string words(std::initializer_list<std::string_view> parts) {
  std::string line;
  for (const std::string_view part : parts) {
    if (!part.empty()) line.append(line.empty() ? "" : " ").append(part);
  }
  return line;
}

void a_life_as_callbacks_see_it(void**) {
  chat::Options options = free_port();
  options.on_connect = [](const chat::ConnectEvent& event) {
    assert_int_equal(event.protocol(), CHAT_PROTOCOL_CHAT_V1);
    assert_int_equal(event.transport(), CHAT_TRANSPORT_WEBSOCKET);
    assert_false(event.secure());
    assert_true(event.origin().empty() && event.auth().empty() && event.cookies().empty());
    assert_true(event.user_name().empty() && event.password().empty());
    note(words({"connect", event.path(), event.room(), event.token(), event.address(),
                chat::find(event.query(), "token"), chat::find(event.headers(), "host")}));
    return chat::accept({"u-1", "Ann", {}});
  };
  options.on_open = [](const chat::ClientEvent& event) {
    note(words({"open", event.name(), event.user_id(), event.room()}));
    assert_int_equal(event.recovered_from(), 0);
    assert_null(event.user());
  };
  options.on_join = [](const chat::ClientEvent& event) { note(words({"join", event.name(), event.room()})); };
  options.on_leave = [](const chat::ClientEvent& event) { note(words({"leave", event.name(), event.room()})); };
  options.on_disconnect = [](const chat::ClientEvent& event) {
    note(words({"disconnect", event.name(), std::to_string(event.close_code()), event.reason()}));
  };
  options.on_authorize = [](const chat::AuthorizeEvent& event) {
    note(words({"authorize", std::to_string(event.action()), event.room(), event.value()}));
    assert_int_equal(event.decision().client, event.client());
    return event.action() == CHAT_ACTION_MEMBERS ? chat::refuse("none of your business") : chat::pass();
  };
  options.on_message = [](const chat::MessageEvent& event) -> chat::Verdict {
    note(words({"message", event.from_name(), event.room(), event.text()}));
    return CHAT_PASS;
  };
  chat::Server server = start(options);
  Client client(server, "/chat.v1?token=secret");
  client.expect("welcome");
  client.say(R"({"type":"send","text":"hello"})");
  client.expect("hello");
  client.say(R"({"type":"members","room":"lobby","ref":1})");
  client.expect("none of your business");
  server.stop();
  client.expect_close(1001);
  SUCCEEDED(server.close());
  for (const char* line : {"connect /chat.v1 lobby secret 127.0.0.1 secret localhost", "open Ann u-1 lobby",
                           "join Ann lobby", "authorize 1 lobby", "authorize 2 lobby chat message", "authorize 4 lobby",
                           "message Ann lobby hello", "leave Ann lobby"}) {
    expect_line(line);
  }
  assert_true(journal_contains(&lines, "disconnect Ann"));
}

void a_client_that_goes_before_its_verdict(void**) {
  chat::Options options = free_port();
  options.verdict_timeout_ms = 3'600'000;
  options.on_connect = [](const chat::ConnectEvent& event) -> chat::Verdict {
    assert_string_equal(event.socket_id().data(), std::to_string(event.client()).c_str());
    assert_int_equal(event.recovered_from(), 0);
    note("connect");
    return chat::defer();
  };
  options.on_abandon = [](const chat::ClientEvent& event) {
    note(words({"abandon", event.socket_id(), std::to_string(event.close_code())}));
    throw std::runtime_error("it does not matter");
  };
  options.on_disconnect = [](const chat::ClientEvent&) { note("disconnect"); };
  chat::Server server = start(options);
  {
    Client client(server, "/chat");
    expect_line("connect");
  }
  expect_line("abandon 1 1006");
  FAILED_WITH(server.accept(1), ERROR_NO_SUCH_CLIENT);
  SUCCEEDED(server.close());
  assert_false(journal_contains(&lines, "disconnect"));
}

void threads_are_announced(void**) {
  std::atomic<int> started = 0;
  std::atomic<int> stopped = 0;
  chat::Options options = free_port();
  options.threads = 2;
  options.on_thread_start = [&] {
    ++started;
    throw std::runtime_error("it does not matter");
  };
  options.on_thread_stop = [&] { ++stopped; };
  chat::Server server = start(options);
  SUCCEEDED(server.close());
  assert_int_equal(started, 2);
  assert_int_equal(stopped, 2);
}

void verdicts_on_messages(void**) {
  chat::Options options = free_port();
  options.on_message = [](const chat::MessageEvent& event) -> chat::Verdict {
    if (event.text() == "refuse") return chat::refuse("mind your language");
    if (event.text() == "refuse at length") return chat::refuse(std::string(122, 'x') + "\xc3\xa9");
    if (event.text() == "consume") return chat::consume();
    if (event.text() == "replace") return chat::replace(chat::Message::text("replaced").attribute("by", "us"));
    if (event.text() == "replace badly") return chat::replace(chat::Message::args("no JSON"));
    if (event.text() == "throw") throw std::runtime_error("out of order");
    if (event.text() == "throw a number") throw 42;
    return chat::pass();
  };
  options.on_log = [](chat_log_level level, std::string_view text) {
    note("log " + std::to_string(level) + " " + std::string(text));
    throw std::runtime_error("not even the log works");
  };
  const chat::Server server = start(options);
  Client client(server, "/chat.v1");
  client.expect("welcome");
  const auto say = [&](const std::string& text) { client.say(R"({"type":"send","ref":1,"text":")" + text + "\"}"); };
  say("refuse");
  client.expect("\"reason\":\"mind your language\"");
  // The character that does not fit goes as a whole.
  say("refuse at length");
  client.expect("\"reason\":\"" + std::string(122, 'x') + "\"");
  say("consume");
  say("replace");
  client.expect("\"type\":\"ack\"");
  client.expect("replaced");
  for (const char* text : {"replace badly", "throw", "throw a number"}) {
    say(text);
    client.expect("\"reason\":\"the application failed\"");
  }
  expect_line("log 1 on_message threw an exception: out of order");
  expect_line("log 1 on_message threw an exception: not a std::exception");
  assert_true(journal_contains(&lines, "log 1 on_message: the verdict cannot be applied: "));
  client.say(R"({"type":"send","text":"hello"})");
  client.expect("hello");
}

void other_callbacks_may_throw_too(void**) {
  chat::Options options = free_port();
  options.on_open = [](const chat::ClientEvent&) { throw std::runtime_error("opening"); };
  options.on_connect = [](const chat::ConnectEvent& event) -> chat::Verdict {
    if (event.token().empty()) throw std::runtime_error("connecting");
    return chat::pass();
  };
  options.on_log = [](chat_log_level, std::string_view text) { note(std::string(text)); };
  const chat::Server server = start(options);
  ws_client refused;
  assert_int_equal(ws_open(&refused, server.port(), "/chat", nullptr), 403);
  ws_end(&refused);
  expect_line("on_connect threw an exception: connecting");
  Client client(server, "/chat?token=t");
  expect_line("on_open threw an exception: opening");
  SUCCEEDED(server.broadcast_to_everyone("hello"));
  assert_string_equal(client.hear().c_str(), "hello");
}

void verdicts_on_connections(void**) {
  chat::Options options = free_port();
  std::atomic<chat_client_id> deferred = 0;
  options.on_connect = [&](const chat::ConnectEvent& event) -> chat::Verdict {
    if (event.token() == "guest") return chat::pass();
    if (event.token() == "bad name") return chat::accept({"", "two\nlines", {}});
    if (event.token() == "now") return chat::refuse("not now", R"({"code":401})");
    deferred = event.client();
    return chat::defer();
  };
  options.on_open = [](const chat::ClientEvent& event) { note(words({"open", event.user_id()})); };
  options.on_log = [](chat_log_level, std::string_view text) { note(std::string(text)); };
  const chat::Server server = start(options);
  const auto status = [&](const char* target) {
    ws_client client;
    const int result = ws_open(&client, server.port(), target, nullptr);
    ws_end(&client);
    return result;
  };
  assert_int_equal(status("/chat?token=guest"), 101);
  expect_line("open");
  assert_int_equal(status("/chat?token=bad%20name"), 403);
  assert_true(journal_contains(&lines, "on_connect: the verdict cannot be applied: "));
  assert_int_equal(status("/chat?token=now"), 403);
  // Open, since the verdict was deferred, and not read: it comes now.
  Client late(server, "/chat.v1?token=late");
  SUCCEEDED(server.accept(deferred, {"u-2", "Late", {}}));
  late.expect("\"name\":\"Late\"");
  expect_line("open u-2");
  FAILED_WITH(server.accept(deferred), ERROR_WRONG_STATE);
  Client guest(server, "/chat.v1?token=late");
  SUCCEEDED(server.accept(deferred));
  guest.expect("welcome");
  Client refused(server, "/chat.v1?token=late");
  SUCCEEDED(server.refuse(deferred, "not so late"));
  assert_string_equal(refused.expect_close(1008).c_str(), "not so late");
  // Socket.IO carries the data of a refusal.
  Client socket_io(server, "/socket.io/?EIO=4&transport=websocket&token=now");
  socket_io.expect("0{");
  socket_io.say("40");
  const std::string error = socket_io.expect("44{");
  assert_non_null(std::strstr(error.c_str(), R"("data":{"code":401})"));
}

void verdicts_that_come_later(void**) {
  chat::Options options = free_port();
  std::promise<chat::Decision> decisions[5];
  std::atomic<int> deferred = 0;
  options.on_authorize = [&](const chat::AuthorizeEvent& event) {
    if (event.action() != CHAT_ACTION_MEMBERS) return chat::pass();
    decisions[deferred++].set_value(event.decision());
    return chat::defer();
  };
  options.on_message = [&](const chat::MessageEvent& event) {
    decisions[deferred++].set_value(event.decision());
    return chat::defer();
  };
  const chat::Server server = start(options);
  Client client(server, "/chat.v1");
  client.expect("welcome");
  client.say(R"({"type":"members","room":"lobby","ref":1})");
  for (const char* text : {"one", "two", "three", "four"}) {
    client.say(std::string(R"({"type":"send","text":")") + text + "\"}");
  }
  auto next = [&, at = 0]() mutable { return decisions[at++].get_future().get(); };
  SUCCEEDED(server.decide(next(), chat::refuse("not for you")));
  client.expect("not for you");
  SUCCEEDED(server.decide(next(), chat::pass()));
  client.expect("\"text\":\"one\"");
  SUCCEEDED(server.decide(next(), chat::refuse("not two")));
  client.expect("not two");
  SUCCEEDED(server.decide(next(), chat::consume()));
  const chat::Decision last = next();
  FAILED_WITH(server.decide(last, chat::replace(chat::Message::args("no JSON"))), ERROR_INVALID_JSON);
  SUCCEEDED(server.decide(last, chat::replace(chat::Message::text("five"))));
  client.expect("\"text\":\"five\"");
  FAILED_WITH(server.decide(last, chat::pass()), ERROR_WRONG_STATE);
}

// Each message of a flood finds its callback, wherever the Server object is meanwhile.
void a_server_may_move_while_callbacks_run(void**) {
  constexpr int kMessages = 2'000;
  std::atomic<int> seen = 0;
  chat::Options options = free_port();
  options.threads = 2;
  options.inbound_burst = kMessages;
  options.inbound_rate = CHAT_UNLIMITED;
  options.on_message = [&seen, padding = std::string(100, 'x')](const chat::MessageEvent& event) {
    assert_int_equal(padding.size(), 100);
    event.server().stats();
    if (++seen == 2 * kMessages) note("all seen");
    return chat::consume();
  };
  chat::Server server = start(options);
  Client one(server, "/chat"), two(server, "/chat");
  std::thread talker([&] {
    for (int i = 0; i < kMessages; ++i) {
      one.say("text");
      two.say("text");
    }
  });
  std::vector<chat::Server> places(3);
  int moves = 0;
  while (seen < 2 * kMessages) {
    places[0] = std::move(server);
    places[1] = std::move(places[0]);
    chat::Server inside(std::move(places[1]));
    server = std::move(inside);
    assert_true(server.port() > 0);
    ++moves;
  }
  talker.join();
  expect_line("all seen");
  assert_true(moves > 0);
  assert_false(static_cast<bool>(places[0]));
  // Assigning ends the one that was there first, and waits for it.
  server.stop();
  one.expect_close(1001);
  two.expect_close(1001);
  server = start(free_port());
  assert_int_equal(SUCCEEDED(server.stats())->clients_total, 0);
}

void a_server_cannot_end_in_its_own_callback(void**) {
  chat::Options options = free_port();
  chat::Server server;
  static const void* options_remain_reachable;
  std::promise<chat_server*> destroyed;
  options.on_message = [&server, &destroyed](const chat::MessageEvent& event) {
    FAILED_WITH(server.close(), ERROR_WRONG_THREAD);
    assert_true(static_cast<bool>(server));
    if (event.text() == "destroy") {
      chat_server* handle = server.handle();
      server = chat::Server();
      destroyed.set_value(handle);
    }
    return chat::pass();
  };
  options.on_log = [](chat_log_level, std::string_view text) { note(std::string(text)); };
  // What the server keeps of a function object as small as this lies inside of the Options that leak below: a leak checker
  // finds them by it.
  options.on_join = [address = &options_remain_reachable](const chat::ClientEvent&) { *address = &address; };
  server = start(options);
  Client client(server, "/chat.v1");
  client.expect("welcome");
  client.say(R"({"type":"send","text":"close"})");
  client.expect("close");
  client.say(R"({"type":"send","text":"destroy"})");
  chat_server* handle = destroyed.get_future().get();
  expect_line("a chat::Server was destroyed in one of its own callbacks: it leaks");
  client.expect_close(1001);
  // The test is in no callback, and can end what has leaked.
  assert_ok(chat_server_free(handle));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup(a_life_as_callbacks_see_it, forget_lines),
      cmocka_unit_test(threads_are_announced),
      cmocka_unit_test_setup(verdicts_on_messages, forget_lines),
      cmocka_unit_test_setup(a_client_that_goes_before_its_verdict, forget_lines),
      cmocka_unit_test_setup(other_callbacks_may_throw_too, forget_lines),
      cmocka_unit_test_setup(verdicts_on_connections, forget_lines),
      cmocka_unit_test_setup(verdicts_that_come_later, forget_lines),
      cmocka_unit_test_setup(a_server_may_move_while_callbacks_run, forget_lines),
      cmocka_unit_test_setup(a_server_cannot_end_in_its_own_callback, forget_lines),
  };
  return cmocka_run_group_tests_name("cpp/callbacks", tests, nullptr, nullptr);
}
