// Responses with a body that streams: in chunks or until the connection ends, as fast as the client reads, and
// discarded when the client is gone.
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/net/connection/connection_fixture.h"

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

struct Heard {
  HeldRequest request;
  int drained = 0;
  int lost = 0;
  std::vector<std::string> more;  // each is written when the client has taken the one before
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

ServerOptions options_with(std::int64_t max_outbox_bytes) {
  ServerOptions options;
  options.max_outbox_bytes = max_outbox_bytes;
  return options;
}

// The request for /stream is held; any other gets a response at once.
struct Fixture : test::ConnectionFixture {
  explicit Fixture(std::string_view request, std::int64_t max_outbox_bytes = 1'000)
      : ConnectionFixture(options_with(max_outbox_bytes)) {
    heard.connections = &connections;
    router.routes = [this](Connection&, const HttpRequest& asked) -> test::FakeRouter::Reaction {
      if (asked.path != "/stream") return HttpResponse::text(200, "other\n");
      Hold hold;
      hold.exchange = std::make_unique<Streaming>(heard);
      return hold;
    };
    accept();
    input(request);
  }

  void begin(std::string body = {}) {
    HttpResponse response;
    response.headers.push_back({"Content-Type", "text/event-stream"});
    response.streams = true;
    response.body = std::move(body);
    connections.answer(heard.request, std::move(response), false);
  }
  void write(std::string_view bytes, bool last = false) { connections.write(heard.request, bytes, last); }
  // Everything that was written since the beginning.
  const std::string& written() { return all_ += wire.sent(); }
  // The same, without the head.
  std::string body() {
    const std::size_t head = written().find("\r\n\r\n");
    return head == std::string::npos ? "" : written().substr(head + 4);
  }

  Heard heard;

 private:
  std::string all_;
};

constexpr const char* kGet = "GET /stream HTTP/1.1\r\nHost: here\r\n\r\n";

void expect(const std::string& got, const char* wanted) { assert_string_equal(got.c_str(), wanted); }

void chunks_and_then_the_next_request(void**) {
  Fixture f(kGet);
  f.begin("a");
  assert_true(f.written().find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  assert_true(f.written().find("Content-Length") == std::string::npos);
  expect(f.body(), "1\r\na\r\n");
  f.write("");  // must not become the last chunk
  f.write(std::string(26, 'b'));
  f.input("GET /other HTTP/1.1\r\nHost: here\r\n\r\n");  // waits
  f.write("end", true);
  expect(f.body(), "1\r\na\r\n1a\r\nbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n3\r\nend\r\n0\r\n\r\n");
  f.write("too late", true);
  f.connections.take_waiting_input();
  assert_true(f.written().ends_with("other\n"));
  assert_true(f.wire.called().find("finish") == std::string::npos);
  assert_int_equal(f.heard.lost, 0);
}

void before_http_1_1_the_body_ends_with_the_connection(void**) {
  Fixture f("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  f.begin();
  f.write("one");
  f.write("two", true);
  assert_true(f.written().find("chunked") == std::string::npos);
  assert_true(f.written().find("Connection: close\r\n") != std::string::npos);
  expect(f.body(), "onetwo");
  assert_true(f.wire.called().find("finish") != std::string::npos);
}

void a_response_to_head_has_no_body(void**) {
  Fixture f("HEAD /stream HTTP/1.1\r\nHost: here\r\n\r\n");
  f.begin("a");
  assert_int_equal(f.heard.lost, 1);
  f.write("b", true);
  expect(f.body(), "");
  f.input("GET /other HTTP/1.1\r\nHost: here\r\n\r\n");
  assert_true(f.written().ends_with("other\n"));
}

void more_is_requested_when_all_was_taken(void**) {
  Fixture f(kGet);
  f.heard.more = {"one", "two", "three"};
  f.begin();
  expect(f.body(), "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n");
  assert_int_equal(f.heard.drained, 3);
}

void a_slow_client_is_waited_for(void**) {
  Fixture f(kGet);
  f.begin();
  assert_int_equal(f.heard.drained, 1);
  f.wire.takes = 4;
  f.write("0123456789");
  assert_int_equal(f.heard.drained, 1);
  f.write("more");
  expect(f.body(), "a\r\n0");
  f.writable();
  expect(f.body(), "a\r\n0123456789\r\n4\r\nmore\r\n");
  assert_int_equal(f.heard.drained, 2);
  // Nothing waits, so there is no time-out until there is more.
  f.loop().advance(120'000);
  assert_false(f.connection->doomed());
  f.wire.takes = 0;
  f.write("x");
  f.loop().advance(29'000);
  assert_false(f.connection->doomed());
  f.loop().advance(2'000);
  assert_true(f.connection->doomed());
  assert_int_equal(f.heard.lost, 1);
}

void a_client_that_reads_nothing_holds_at_most_two_outboxes(void**) {
  Fixture f(kGet);
  f.begin();
  f.wire.takes = 0;
  for (int i = 0; i < 19; ++i) f.write(std::string(95, 'x'));  // 101 bytes each
  assert_false(f.connection->doomed());
  f.write(std::string(95, 'x'));
  assert_true(f.connection->doomed());
  assert_int_equal(f.server.refused(Refusal::slow_reader), 1);
  assert_int_equal(f.heard.lost, 1);
  f.write("nothing");
}

void a_lost_client_is_reported(void**) {
  Fixture f(kGet);
  f.begin("a");
  f.connection->on_stream_closed();
  assert_int_equal(f.heard.lost, 1);
  f.write("b");
  expect(f.body(), "1\r\na\r\n");
}

void waiting_bytes_are_charged_to_the_address(void**) {
  Fixture f(kGet, 1'000'000);
  const SourcePtr source = f.loop().sources().find("192.0.2.1");
  f.begin();
  f.wire.takes = 0;
  f.write(std::string(150'000, 'x'));
  assert_true(source->held(Resource::queued_bytes) > 0);
  f.writable();
  assert_int_equal(source->held(Resource::queued_bytes), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(chunks_and_then_the_next_request),
      cmocka_unit_test(before_http_1_1_the_body_ends_with_the_connection),
      cmocka_unit_test(a_response_to_head_has_no_body),
      cmocka_unit_test(more_is_requested_when_all_was_taken),
      cmocka_unit_test(a_slow_client_is_waited_for),
      cmocka_unit_test(a_client_that_reads_nothing_holds_at_most_two_outboxes),
      cmocka_unit_test(a_lost_client_is_reported),
      cmocka_unit_test(waiting_bytes_are_charged_to_the_address),
  };
  return cmocka_run_group_tests_name("core/net/connection/response_stream", tests, nullptr, nullptr);
}
