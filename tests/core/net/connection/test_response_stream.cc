// Answers whose bodies go on: in chunks or until the connection ends, as far as the client takes them, and to nobody when it has
// gone. The stream under the connection is the test's.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/net/fake_loop.h"
#include "net/connection/connection.h"
#include "net/connection/connections.h"
#include "net/connection/request_router.h"
#include "net/connection/websocket_link.h"

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

namespace {

// Takes so many bytes, and then no more until it is given more space.
class Stream final : public ByteStream {
 public:
  std::optional<std::size_t> write(std::string_view bytes) override {
    const std::size_t taken = std::min(bytes.size(), space);
    space -= taken;
    written += bytes.substr(0, taken);
    return taken;
  }
  bool flushed() const override { return true; }
  void want_writable() override { wanted = true; }
  void set_reading(bool) override {}
  void finish_writing() override { finished = true; }
  void reset_on_close() override { reset = true; }
  void close() override { closed = true; }

  std::size_t space = SIZE_MAX;
  std::string written;
  bool wanted = false;
  bool finished = false;
  bool reset = false;
  bool closed = false;
};

struct Heard {
  HeldRequest request;
  int drained = 0;
  int lost = 0;
  std::vector<std::string> more;  // each written when the one before was taken
  Connections* connections = nullptr;
};

class Streaming final : public Exchange {
 public:
  explicit Streaming(Heard& heard) : heard_(heard) {}
  void on_held(const HeldRequest& request) override { heard_.request = request; }
  void on_body(std::string) override {}
  void on_body_too_large() override {}
  void complete(HttpResponse&) override {}
  void on_drained() override {
    ++heard_.drained;
    if (heard_.more.empty()) return;
    const std::string next = heard_.more.front();
    heard_.more.erase(heard_.more.begin());
    heard_.connections->write(heard_.request, next, heard_.more.empty());
  }
  void on_lost(bool) override { ++heard_.lost; }

 private:
  Heard& heard_;
};

// Holds what is asked for at /stream.
class Router final : public RequestRouter {
 public:
  std::variant<HttpResponse, Hold> route(Connection&, const HttpRequest& request) override {
    if (request.path != "/stream") return HttpResponse::text(200, "other\n");
    Hold hold;
    hold.exchange = std::make_unique<Streaming>(heard);
    return hold;
  }
  std::optional<HttpResponse> open_websocket(Connection&, const HttpRequest&) override { return HttpResponse(); }

  Heard heard;
};

struct Fixture {
  explicit Fixture(const std::string& request, std::int64_t max_outbox_bytes = 1'000) {
    ServerOptions options;
    options.max_outbox_bytes = max_outbox_bytes;
    server = std::make_unique<test::FakeServer>(std::move(options));
    connections = std::make_unique<Connections>(loop(), router, server->rules, open);
    heard().connections = connections.get();
    connection = &connections->add("192.0.2.1", Share());
    auto owned = std::make_unique<Stream>();
    stream = owned.get();
    connection->set_stream(std::move(owned));
    receive(request);
  }
  ~Fixture() { connections->destroy_all(); }

  test::FakeLoop& loop() { return server->loop(); }
  Heard& heard() { return router.heard; }
  void receive(std::string bytes) { connection->on_input({bytes.data(), bytes.size()}); }
  void begin(std::string body = {}) {
    HttpResponse response;
    response.headers.push_back({"Content-Type", "text/event-stream"});
    response.streams = true;
    response.body = std::move(body);
    connections->answer(heard().request, std::move(response), false);
  }
  void write(std::string_view bytes, bool last = false) { connections->write(heard().request, bytes, last); }
  void make_space(std::size_t space) {
    stream->space = space;
    if (std::exchange(stream->wanted, false)) connection->on_writable();
  }
  // Of what was written, what stands behind the head.
  std::string body() const {
    const std::size_t head = stream->written.find("\r\n\r\n");
    return head == std::string::npos ? "" : stream->written.substr(head + 4);
  }

  std::unique_ptr<test::FakeServer> server;
  Router router;
  std::atomic<std::int64_t> open = 1;
  std::unique_ptr<Connections> connections;
  Connection* connection = nullptr;
  Stream* stream = nullptr;
};

constexpr const char* kGet = "GET /stream HTTP/1.1\r\nHost: here\r\n\r\n";

void expect(const std::string& got, const char* wanted) { assert_string_equal(got.c_str(), wanted); }

void chunks_and_then_the_next_request(void**) {
  Fixture f(kGet);
  f.begin("a");
  assert_true(f.stream->written.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  assert_true(f.stream->written.find("Content-Length") == std::string::npos);
  expect(f.body(), "1\r\na\r\n");
  f.write("");  // which would be the last chunk
  f.write(std::string(26, 'b'));
  f.receive("GET /other HTTP/1.1\r\nHost: here\r\n\r\n");  // has to wait
  f.write("end", true);
  expect(f.body(), "1\r\na\r\n1a\r\nbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n3\r\nend\r\n0\r\n\r\n");
  f.write("too late", true);
  f.connections->take_waiting_input();
  assert_true(f.stream->written.ends_with("other\n"));
  assert_false(f.stream->finished);
  assert_int_equal(f.heard().lost, 0);
}

void before_http_1_1_the_end_is_that_of_the_connection(void**) {
  Fixture f("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  f.begin();
  f.write("one");
  f.write("two", true);
  assert_true(f.stream->written.find("chunked") == std::string::npos);
  assert_true(f.stream->written.find("Connection: close\r\n") != std::string::npos);
  expect(f.body(), "onetwo");
  assert_true(f.stream->finished);
}

void head_has_no_body_and_nobody_writes_one(void**) {
  Fixture f("HEAD /stream HTTP/1.1\r\nHost: here\r\n\r\n");
  f.begin("a");
  assert_int_equal(f.heard().lost, 1);
  f.write("b", true);
  expect(f.body(), "");
  f.receive("GET /other HTTP/1.1\r\nHost: here\r\n\r\n");
  assert_true(f.stream->written.ends_with("other\n"));
}

void more_is_asked_for_when_all_was_taken(void**) {
  Fixture f(kGet);
  f.heard().more = {"one", "two", "three"};
  f.begin();
  expect(f.body(), "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n");
  assert_int_equal(f.heard().drained, 3);
}

void a_slow_client_is_waited_for(void**) {
  Fixture f(kGet);
  f.begin();
  assert_int_equal(f.heard().drained, 1);
  f.stream->space = 4;
  f.write("0123456789");
  assert_int_equal(f.heard().drained, 1);
  f.write("more");
  expect(f.body(), "a\r\n0");
  f.make_space(SIZE_MAX);
  expect(f.body(), "a\r\n0123456789\r\n4\r\nmore\r\n");
  assert_int_equal(f.heard().drained, 2);
  // Nothing waits: it may take as long as it likes until there is more.
  f.loop().advance(120'000);
  assert_false(f.connection->doomed());
  f.stream->space = 0;
  f.write("x");
  f.loop().advance(29'000);
  assert_false(f.connection->doomed());
  f.loop().advance(2'000);
  assert_true(f.connection->doomed());
  assert_int_equal(f.heard().lost, 1);
}

void who_takes_nothing_holds_twice_an_outbox(void**) {
  Fixture f(kGet);
  f.begin();
  f.stream->space = 0;
  for (int i = 0; i < 19; ++i) f.write(std::string(95, 'x'));  // 101 bytes each
  assert_false(f.connection->doomed());
  f.write(std::string(95, 'x'));
  assert_true(f.connection->doomed());
  assert_int_equal(f.server->refused(Refusal::slow_reader), 1);
  assert_int_equal(f.heard().lost, 1);
  f.write("nothing");
}

void it_is_told_when_the_client_goes(void**) {
  Fixture f(kGet);
  f.begin("a");
  f.connection->on_stream_closed();
  assert_int_equal(f.heard().lost, 1);
  f.write("b");
  expect(f.body(), "1\r\na\r\n");
}

void what_waits_is_its_address_s(void**) {
  Fixture f(kGet, 1'000'000);
  const SourcePtr source = f.loop().sources().find("192.0.2.1");
  f.begin();
  f.stream->space = 0;
  f.write(std::string(150'000, 'x'));
  assert_true(source->held(Resource::queued_bytes) > 0);
  f.make_space(SIZE_MAX);
  assert_int_equal(source->held(Resource::queued_bytes), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(chunks_and_then_the_next_request),
      cmocka_unit_test(before_http_1_1_the_end_is_that_of_the_connection),
      cmocka_unit_test(head_has_no_body_and_nobody_writes_one),
      cmocka_unit_test(more_is_asked_for_when_all_was_taken),
      cmocka_unit_test(a_slow_client_is_waited_for),
      cmocka_unit_test(who_takes_nothing_holds_twice_an_outbox),
      cmocka_unit_test(it_is_told_when_the_client_goes),
      cmocka_unit_test(what_waits_is_its_address_s),
  };
  return cmocka_run_group_tests_name("core/net/connection/response_stream", tests, nullptr, nullptr);
}
