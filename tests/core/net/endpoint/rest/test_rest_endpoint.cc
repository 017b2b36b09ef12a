// Requests and streams at an HTTP endpoint: what is answered and when, who is a member, and what ends.
#include "net/endpoint/rest/rest_endpoint.h"

#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/net/fake_sockets.h"
#include "core/net/recorder.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::net;
using namespace chat::test;

namespace {

#define ASSERT_TEXT(got, wanted) assert_string_equal(std::string(got).c_str(), wanted)

constexpr const char* kText = "Content-Type: text/plain\r\n";

struct Fixture {
  explicit Fixture(const ServerOptions& options = {}) : site(app, options), client(site) {}
  ~Fixture() {
    client.hang_up();
    site.run();
  }

  static std::string hide_epochs(std::string text) {
    for (std::size_t at = 0; (at = text.find("\"epoch\":\"", at)) != std::string::npos; at += 12) {
      text.replace(at + 9, text.find('"', at + 9) - at - 9, "*");
    }
    return text;
  }
  std::string post(std::string_view text, std::string_view headers = {}, std::string_view room = "dev") {
    client.request("POST", "/rooms/" + std::string(room) + "/messages", kText + std::string(headers), text);
    site.run();
    return hide_epochs(client.answer());
  }
  std::string get(std::string_view target, std::string_view headers = {}) {
    client.request("GET", target, headers);
    site.run();
    return client.answer();
  }
  // Status and problem code of an answer.
  static std::string code_of(const std::string& answer) {
    const std::size_t at = answer.find("\"code\":\"");
    return answer.substr(0, 3) + " " +
           (at == std::string::npos ? "" : answer.substr(at + 8, answer.find('"', at + 8) - at - 8));
  }
  // Nobody is left.
  bool empty() {
    return site.loop().peers().empty() && site.server.hub->stats().clients_now == 0 && site.sessions.size() == 0;
  }
  std::string stream() { return std::exchange(client.wire().to_client, {}); }

  Recorder app;
  FakeSite site;
  FakeClient client;
};

void a_message_is_published_without_joining(void**) {
  Fixture f;
  ASSERT_TEXT(f.post("hello"), R"(201 {"seq":1,"epoch":"*"})");
  ASSERT_TEXT(f.client.answer_header("Content-Type"), "application/json");
  ASSERT_TEXT(f.app.take(), "connect 1 ; open 1 ; message 1 dev hello; disconnect 1 1000 the request was answered");
  assert_true(f.empty());
  const std::string history = f.get("/rooms/dev/messages");
  assert_true(history.find(R"("text":"hello")") != std::string::npos);
}

void wrong_requests_are_problems(void**) {
  Fixture f;
  struct Case {
    const char* method;
    const char* target;
    const char* headers;
    const char* answer;
  };
  for (const Case& one :
       {Case{"GET", "/rooms/x", "", "404 not_found"}, Case{"PUT", "/rooms/x/messages", "", "405 method_not_allowed"},
        Case{"HEAD", "/rooms/x/events", "", "405 "},
        Case{"POST", "/rooms/x/messages", "", "415 unsupported_media_type"},
        Case{"GET", "/rooms/a,b/messages", "", "400 invalid_room"},
        Case{"GET", "/rooms/x/messages?after=x", "", "400 invalid_argument"},
        Case{"GET", "/rooms", "", "403 forbidden"}, Case{"GET", "/rooms/x/members", "", "403 forbidden"},
        Case{"GET", "/rooms/x/messages", "Origin: http://evil\r\n", "403 forbidden"}}) {
    FakeClient client(f.site);
    client.request(one.method, one.target, one.headers);
    f.site.run();
    std::string answer = client.answer();
    if (answer.empty()) answer = client.wire().to_client.substr(9, 4);  // to HEAD
    ASSERT_TEXT(Fixture::code_of(answer), one.answer);
    client.hang_up();
  }
  f.site.run();
  assert_true(f.empty());
}

void who_may_connect(void**) {
  Fixture f;
  f.app.connect = [](const ConnectRequest& request) {
    return Decision{request.token == "ok" ? Verdict::pass : Verdict::refuse, "no", {}};
  };
  ASSERT_TEXT(Fixture::code_of(f.post("a")), "401 forbidden");
  ASSERT_TEXT(f.client.answer_header("WWW-Authenticate"), "Bearer");
  ASSERT_TEXT(Fixture::code_of(f.post("a", "Authorization: Bearer bad\r\n")), "403 forbidden");
  ASSERT_TEXT(f.post("a", "Authorization: Bearer ok\r\n"), R"(201 {"seq":1,"epoch":"*"})");
  assert_true(f.empty());
}

void a_deferred_verdict_is_waited_for(void**) {
  Fixture f;
  f.app.connect = [](const ConnectRequest&) { return Decision{Verdict::defer, {}, {}}; };
  ASSERT_TEXT(f.post("a"), "");
  assert_true(f.site.server.hub->accept(f.site.client(1), Identity{"ann", "Ann", {}}).ok());
  f.site.run();
  ASSERT_TEXT(Fixture::hide_epochs(f.client.answer()), R"(201 {"seq":1,"epoch":"*"})");
  ASSERT_TEXT(f.post("b"), "");
  f.site.advance(10'100);
  ASSERT_TEXT(Fixture::code_of(f.client.answer()), "503 timed_out");
  assert_true(f.empty());
}

void a_consumed_message_is_accepted(void**) {
  Fixture f;
  f.app.message = [](MessageRequest&) { return Decision{Verdict::consume, {}, {}}; };
  ASSERT_TEXT(f.post("a"), "");
  f.site.advance(10'100);
  ASSERT_TEXT(f.client.answer(), "202 {}");
  f.app.message = [](MessageRequest&) { return Decision{Verdict::refuse, "never", {}}; };
  ASSERT_TEXT(Fixture::code_of(f.post("a")), "403 forbidden");
  assert_true(f.empty());
}

void a_key_publishes_once(void**) {
  Fixture f;
  ASSERT_TEXT(f.post("a", "Idempotency-Key: k\r\n"), R"(201 {"seq":1,"epoch":"*"})");
  ASSERT_TEXT(f.post("a", "Idempotency-Key: k\r\n"), R"(201 {"seq":1,"epoch":"*"})");
  ASSERT_TEXT(Fixture::code_of(f.post("b", "Idempotency-Key: k\r\n")), "409 wrong_state");
  ASSERT_TEXT(f.post("b", "Idempotency-Key: other\r\n"), R"(201 {"seq":2,"epoch":"*"})");
  ASSERT_TEXT(Fixture::code_of(f.post("b", "Idempotency-Key: a b\r\n")), "400 invalid_argument");
}

void a_banned_guest_cannot_publish(void**) {
  Fixture g;
  std::string key;
  g.app.connect = [&](const ConnectRequest& request) {
    key = g.site.client(request.client)->ban_key();
    return Decision();
  };
  g.post("a");
  assert_true(g.site.server.hub->ban(key, "dev", 100'000, "", current_moment()).ok());
  ASSERT_TEXT(Fixture::code_of(g.post("b")), "403 banned");
}

void requests_are_counted_by_address(void**) {
  ServerOptions options;
  options.inbound_rate = 1;
  options.inbound_burst = 2;
  Fixture f(options);
  f.post("a");
  f.post("b");
  ASSERT_TEXT(Fixture::code_of(f.post("c")), "429 rate_limited");
  ASSERT_TEXT(f.client.answer_header("Retry-After"), "2");  // a token comes after a second, and the time is rounded up
  assert_int_equal(f.site.server.refused(Refusal::message_rate), 1);
  FakeClient other(f.site, 0, "198.51.100.1");
  other.request("POST", "/rooms/dev/messages", kText, "d");
  f.site.run();
  assert_true(other.answer().starts_with("201"));
  other.hang_up();
  f.site.advance(1'100);
  assert_true(f.post("c").starts_with("201"));
}

void a_poll_waits_for_the_next_message(void**) {
  Fixture f;
  f.post("old");
  ASSERT_TEXT(f.get("/rooms/dev/messages?after=1&wait=10"), "");
  assert_true(f.site.server.hub->members("dev")->empty());
  f.site.publish("other", "x");
  f.site.run();
  ASSERT_TEXT(f.client.answer(), "");
  f.site.publish("dev", "new");
  f.site.run();
  const std::string answer = f.client.answer();
  assert_true(answer.starts_with("200") && answer.find(R"("text":"new")") != std::string::npos);
  assert_true(answer.find("old") == std::string::npos);
  assert_true(f.empty());
}

void a_poll_ends(void**) {
  Fixture f;
  ASSERT_TEXT(f.get("/rooms/dev/messages?wait=10"), "");
  f.site.advance(10'100);
  assert_true(f.client.answer().ends_with(R"("messages":[]})"));
  ASSERT_TEXT(f.get("/rooms/dev/messages?wait=10"), "");
  f.client.hang_up();
  f.site.run();
  assert_true(f.empty());
  assert_false(f.site.server.hub->has_room("dev"));  // nothing keeps it
}

void a_poll_after_another_epoch_is_answered_at_once(void**) {
  Fixture f;
  f.post("a");
  const std::string answer = f.get("/rooms/dev/messages?after=1&epoch=other&wait=10");
  assert_true(answer.find(R"("complete":false)") != std::string::npos);
  assert_true(answer.find(R"("text":"a")") != std::string::npos);
}

void equal_requests_share_a_client(void**) {
  ServerOptions options;
  options.http_identity_ms = 1'000;
  Fixture f(options);
  f.post("a");
  f.post("b");
  ASSERT_TEXT(f.app.take(), "connect 1 ; open 1 ; message 1 dev a; message 1 dev b");
  f.post("c", "Cookie: user=other\r\n");
  ASSERT_TEXT(f.app.take(), "connect 2 ; open 2 ; message 2 dev c");
  f.site.advance(1'100);
  assert_true(f.empty());
}

void a_stream_is_a_member(void**) {
  Fixture f;
  f.client.request("GET", "/rooms/dev/events?room=b");
  f.site.run();
  std::string got = f.stream();
  assert_true(got.find("Content-Type: text/event-stream\r\n") != std::string::npos);
  assert_true(got.find("retry: ") != std::string::npos);
  assert_true(got.find("event: welcome\ndata: ") != std::string::npos);
  assert_true(got.find("event: joined\ndata: ") != std::string::npos);
  assert_int_equal(f.site.server.hub->members("dev")->size(), 1);
  f.site.publish("dev", "one");
  f.site.publish("b", "two");
  f.site.run();
  got = f.stream();
  assert_true(got.find(":1,") != std::string::npos && got.find(":0\ndata: ") != std::string::npos);
  assert_true(got.find(R"("text":"one")") < got.find(R"("text":"two")"));
  f.site.advance(25'100);
  assert_true(f.stream().find(":\n\n") != std::string::npos);
  f.client.hang_up();
  f.site.run();
  assert_true(f.empty());
}

void a_stream_resumes(void**) {
  Fixture f;
  f.post("a");
  f.post("b");
  const std::string epoch = f.site.server.hub->history("dev", 0, 0, current_moment())->epoch;
  f.client.request("GET", "/rooms/dev/events", "Last-Event-ID: " + epoch + ":1\r\n");
  f.site.run();
  const std::string got = f.stream();
  assert_true(got.find(R"("resumed":true)") != std::string::npos);
  assert_true(got.find("id: " + epoch + ":2\ndata: ") != std::string::npos);
  assert_true(got.find(R"("text":"a")") == std::string::npos && got.find(R"("text":"b")") != std::string::npos);
}

void a_refused_stream_is_a_problem(void**) {
  Fixture f;
  f.app.authorize = [](const AuthorizeRequest& request) -> std::optional<Decision> {
    if (request.room == "dev") return Decision{Verdict::refuse, "closed", {}};
    return std::nullopt;
  };
  ASSERT_TEXT(Fixture::code_of(f.get("/rooms/dev/events")), "403 forbidden");
  assert_true(f.empty());
  f.client.request("GET", "/rooms/a/events?room=dev");
  f.site.run();
  assert_true(f.stream().find("event: problem\ndata: ") != std::string::npos);
}

void a_kicked_stream_ends(void**) {
  Fixture f;
  f.client.request("GET", "/rooms/dev/events");
  f.site.run();
  f.stream();
  assert_true(f.site.server.hub->close_client(f.site.client(1), 1008, "bye").ok());
  f.site.run();
  const std::string got = f.stream();
  assert_true(got.find("event: close\ndata: {\"type\":\"close\",\"code\":1008,\"reason\":\"bye\"}") !=
              std::string::npos);
  assert_true(got.ends_with("0\r\n\r\n"));
  assert_true(f.empty());
}

void a_reader_that_stops_is_closed(void**) {
  ServerOptions options;
  options.max_outbox_bytes = 20'000;
  Fixture f(options);
  f.client.request("GET", "/rooms/dev/events");
  f.site.run();
  f.client.wire().free_bytes = 0;
  for (int i = 0; i < 40; ++i) {
    f.site.publish("dev", std::string(2'000, 'x'));
    f.site.run();
  }
  assert_int_equal(f.site.server.refused(Refusal::slow_reader), 1);
  assert_true(f.site.server.hub->members("dev")->empty());
}

// The server's end of a connection, where the fan-out writes by itself. What the connection writes goes to its wire.
class DirectSocket {
 public:
  explicit DirectSocket(test::Wire& wire) : wire_(wire) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_), 0);
    wire_.direct_fd = ends_[0];
  }
  ~DirectSocket() {
    wire_.direct_fd = -1;
    for (const int end : ends_) close(end);
  }
  DirectSocket(const DirectSocket&) = delete;
  DirectSocket& operator=(const DirectSocket&) = delete;

  // Until it takes nothing more.
  void fill() {
    const std::string block(4'096, 'f');
    while (send(ends_[0], block.data(), block.size(), MSG_NOSIGNAL) > 0) continue;
  }
  std::string read() {
    std::string bytes;
    for (;;) {
      std::string part(65'536, '\0');
      const ssize_t got = recv(ends_[1], part.data(), part.size(), 0);
      if (got <= 0) return bytes;
      bytes.append(part, 0, static_cast<std::size_t>(got));
    }
  }

 private:
  test::Wire& wire_;
  int ends_[2] = {-1, -1};
};

// The ids and texts of events, "1:one 2:two ". The size of each chunk fits.
std::string events(std::string bytes, bool chunked = true) {
  std::string body;
  while (chunked && !bytes.empty()) {
    const std::size_t size = std::stoul(bytes, nullptr, 16);
    const std::size_t begin = bytes.find("\r\n") + 2;
    assert_true(bytes.size() >= begin + size + 2);
    assert_true(bytes.substr(begin + size, 2) == "\r\n");
    body += bytes.substr(begin, size);
    bytes.erase(0, begin + size + 2);
  }
  if (!chunked) body = std::move(bytes);
  std::string shown;
  for (std::size_t end = 0; (end = body.find("\n\n")) != std::string::npos; body.erase(0, end + 2)) {
    const std::string event = body.substr(0, end);
    const std::size_t text = event.find("\"text\":\"");
    if (text == std::string::npos) continue;
    if (event.starts_with("id: "))
      shown += event.substr(event.find(':', 4) + 1, event.find('\n') - event.find(':', 4) - 1);
    shown += ":" + event.substr(text + 8, event.find('"', text + 8) - text - 8) + " ";
  }
  assert_string_equal(body.c_str(), "");
  return shown;
}

// The events of one turn in one write, whatever the version of HTTP.
void events_are_written_directly(void**) {
  for (const bool chunked : {true, false}) {
    Fixture f;
    DirectSocket socket(f.client.wire());
    f.client.send("GET /rooms/dev/events HTTP/1." + std::string(chunked ? "1" : "0") + "\r\nHost: chat.test\r\n\r\n");
    f.site.run();
    assert_true(f.stream().find("event: welcome\n") != std::string::npos);
    f.site.publish("dev", "one");
    f.site.publish("dev", "two");
    f.site.run();
    ASSERT_TEXT(f.stream(), "");
    ASSERT_TEXT(events(socket.read(), chunked), "1:one 2:two ");
    // Something for this client alone comes between the events, by the link.
    f.site.publish("dev", "three");
    f.site.send(1, "alone");
    f.site.publish("dev", "four");
    f.site.run();
    ASSERT_TEXT(events(f.stream(), chunked), "3:three :alone 4:four ");
    f.site.publish("dev", "five");
    f.site.run();
    ASSERT_TEXT(events(socket.read(), chunked), "5:five ");
    ASSERT_TEXT(f.stream(), "");
    assert_true(f.site.server.hub->close_client(f.site.client(1), 1008, "bye").ok());
    f.site.publish("dev", "six");
    f.site.run();
    assert_true(f.stream().find("event: close\n") != std::string::npos);
    ASSERT_TEXT(socket.read(), "");
    assert_true(f.empty());
  }
}

// The rest of a write comes before everything else.
void what_the_socket_does_not_take_comes_first(void**) {
  Fixture f;
  DirectSocket socket(f.client.wire());
  f.get("/rooms/dev/events");
  f.stream();
  const std::string large(300'000, 'x');
  f.client.wire().free_bytes = 0;
  f.site.publish("dev", large);
  f.site.run();
  const std::string begun = socket.read();
  assert_true(begun.size() > 1'000 && begun.size() < large.size());
  f.site.publish("dev", "two");
  f.site.run();
  ASSERT_TEXT(f.stream() + socket.read(), "");
  f.client.wire().free_bytes = SIZE_MAX;
  f.site.run();
  ASSERT_TEXT(events(begun + f.stream()), ("1:" + large + " 2:two ").c_str());
  f.site.publish("dev", "three");
  f.site.run();
  ASSERT_TEXT(events(socket.read()), "3:three ");
  // Nothing is taken.
  socket.fill();
  f.site.publish("dev", "four");
  f.site.run();
  ASSERT_TEXT(events(f.stream()), "4:four ");
}

// A client that is merely late may have more waiting than its outbox holds.
void the_rest_is_not_held_against_the_client(void**) {
  ServerOptions options;
  options.max_outbox_bytes = 1'000;
  Fixture f(options);
  DirectSocket socket(f.client.wire());
  f.get("/rooms/dev/events");
  f.stream();
  f.client.wire().free_bytes = 0;
  socket.fill();
  for (int i = 0; i < 10; ++i) f.site.publish("dev", std::string(500, 'x'));
  f.site.run();
  f.client.wire().free_bytes = SIZE_MAX;
  f.site.run();
  assert_int_equal(f.site.server.refused(Refusal::slow_reader), 0);
  assert_true(events(f.stream()).ends_with(" 10:" + std::string(500, 'x') + " "));
}

void an_event_is_a_sign_of_life(void**) {
  Fixture f;
  DirectSocket socket(f.client.wire());
  f.get("/rooms/dev/events");
  f.stream();
  f.site.advance(20'000);
  f.site.publish("dev", "one");
  f.site.run();
  f.site.advance(10'000);
  ASSERT_TEXT(events(socket.read()), "1:one ");
  ASSERT_TEXT(f.stream(), "");
  f.site.advance(15'100);
  ASSERT_TEXT(f.stream(), "3\r\n:\n\n\r\n");
  f.site.publish("dev", "two");
  f.site.run();
  ASSERT_TEXT(events(socket.read()), "2:two ");
}

void nothing_is_written_to_a_lost_connection(void**) {
  Fixture f;
  DirectSocket socket(f.client.wire());
  f.get("/rooms/dev/events");
  f.site.publish("dev", "one");
  f.client.hang_up();
  f.site.run();
  f.site.publish("dev", "two");
  f.site.run();
  ASSERT_TEXT(socket.read(), "");
  assert_true(f.empty());
}

// The ids of a stream of several rooms are its own, and between flushes everything waits.
void other_streams_are_written_by_their_links(void**) {
  for (const bool several : {true, false}) {
    ServerOptions options;
    if (!several) options.flush_interval_ms = 20;
    Fixture f(options);
    DirectSocket socket(f.client.wire());
    f.get(several ? "/rooms/dev/events?room=b" : "/rooms/dev/events");
    f.site.advance(40);
    f.stream();
    f.site.publish("dev", "one");
    f.site.advance(40);
    ASSERT_TEXT(socket.read(), "");
    assert_true(f.stream().find(R"("text":"one")") != std::string::npos);
  }
}

void answers_are_compressed(void**) {
  Fixture f;
  f.post(std::string(3'000, 'x'));
  f.get("/rooms/dev/messages", "Accept-Encoding: gzip\r\n");
  ASSERT_TEXT(f.client.answer_header("Content-Encoding"), "gzip");
  f.get("/rooms/dev/messages", "Accept-Encoding: gzip;q=0, identity\r\n");
  ASSERT_TEXT(f.client.answer_header("Content-Encoding"), "");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_message_is_published_without_joining),
      cmocka_unit_test(wrong_requests_are_problems),
      cmocka_unit_test(who_may_connect),
      cmocka_unit_test(a_deferred_verdict_is_waited_for),
      cmocka_unit_test(a_consumed_message_is_accepted),
      cmocka_unit_test(a_key_publishes_once),
      cmocka_unit_test(a_banned_guest_cannot_publish),
      cmocka_unit_test(requests_are_counted_by_address),
      cmocka_unit_test(a_poll_waits_for_the_next_message),
      cmocka_unit_test(a_poll_ends),
      cmocka_unit_test(a_poll_after_another_epoch_is_answered_at_once),
      cmocka_unit_test(equal_requests_share_a_client),
      cmocka_unit_test(a_stream_is_a_member),
      cmocka_unit_test(a_stream_resumes),
      cmocka_unit_test(a_refused_stream_is_a_problem),
      cmocka_unit_test(a_kicked_stream_ends),
      cmocka_unit_test(a_reader_that_stops_is_closed),
      cmocka_unit_test(events_are_written_directly),
      cmocka_unit_test(what_the_socket_does_not_take_comes_first),
      cmocka_unit_test(the_rest_is_not_held_against_the_client),
      cmocka_unit_test(an_event_is_a_sign_of_life),
      cmocka_unit_test(nothing_is_written_to_a_lost_connection),
      cmocka_unit_test(other_streams_are_written_by_their_links),
      cmocka_unit_test(answers_are_compressed),
  };
  return cmocka_run_group_tests_name("core/net/endpoint/rest", tests, nullptr, nullptr);
}
