// The HTTP side of a connection without a socket: which requests reach the router and when, the bytes of responses, and
// how bodies, held requests and time-outs end.
#include "net/connection/http_connection.h"

#include <stdio.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/net/connection/connection_fixture.h"
#include "core/wire/websocket/client_frames.h"

// After all others.
#include "core/net/connection/expect.h"

using namespace chat;
using namespace chat::net;
using chat::test::expect;

namespace {

constexpr std::uint64_t kMaxBodyBytes = 20;

std::string get(const std::string& path, const std::string& headers = {}) {
  return "GET " + path + " HTTP/1.1\r\nHost: chat.example\r\n" + headers + "\r\n";
}
std::string post(const std::string& path, const std::string& headers, const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nHost: chat.example\r\n" + headers + "\r\n" + body;
}
std::string with_length(std::size_t bytes) { return "Content-Length: " + std::to_string(bytes) + "\r\n"; }
const std::string kChunked = "Transfer-Encoding: chunked\r\n";

// The bytes of HttpResponse::text().
std::string head(const std::string& status, std::size_t body_bytes, const std::string& connection) {
  return "HTTP/1.1 " + status +
         "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " + std::to_string(body_bytes) +
         "\r\nConnection: " + connection + "\r\n\r\n";
}
const std::string kStays = "keep-alive\r\nKeep-Alive: timeout=5";
std::string answer(const std::string& status, const std::string& body) {
  return head(status, body.size(), kStays) + body;
}
std::string last_answer(const std::string& status, const std::string& body) {
  return head(status, body.size(), "close") + body;
}
std::string ok(const std::string& body) { return answer("200 OK", body); }

const std::string kTooLong = last_answer("408 Request Timeout", "the request took too long\n");

// What happened to held requests, and what they do then.
struct ExchangeLog {
  std::string seen() { return std::exchange(events, {}); }

  std::string events;
  std::vector<HeldRequest> requests;
  std::function<void(const HeldRequest&)> on_held;
  std::function<void(const HeldRequest&)> on_body;
};

class RecordingExchange final : public Exchange {
 public:
  explicit RecordingExchange(ExchangeLog& log) : log_(log) {}
  ~RecordingExchange() override { log_.events += "gone; "; }

  void on_held(const HeldRequest& request) override {
    request_ = request;
    log_.events += "held; ";
    log_.requests.push_back(request);
    if (log_.on_held) log_.on_held(request);
  }
  void on_body(std::string body) override {
    log_.events += "body " + body + "; ";
    if (log_.on_body) log_.on_body(request_);
  }
  void on_body_too_large() override {
    log_.events += "too large; ";
    if (log_.on_body) log_.on_body(request_);
  }
  void complete(HttpResponse& response) override {
    log_.events += "complete; ";
    response.body += "!";
  }
  void on_lost(bool answered) override { log_.events += answered ? "lost answered; " : "lost; "; }

 private:
  ExchangeLog& log_;
  HeldRequest request_;
};

// Requests below /held are held, with their bodies. All others are answered with their path.
struct Fixture : test::ConnectionFixture {
  explicit Fixture(ServerOptions options = {}) : ConnectionFixture(std::move(options)) {
    router.routes = [this](Connection&, const HttpRequest& request) -> test::FakeRouter::Reaction {
      if (!request.path.starts_with("/held")) return HttpResponse::text(200, request.path);
      const BodyPlan plan = plan_body(request);
      return Hold{std::make_unique<RecordingExchange>(exchange), plan.kind, plan.length_bytes, kMaxBodyBytes};
    };
    accept();
  }
  ~Fixture() { connections.destroy_all(); }  // their exchanges use the member below

  // Answers the held request with this number.
  void answer_held(std::string body, bool essential = false, std::uint64_t number = 0) {
    if (number == 0) number = exchange.requests.back().number;
    connections.answer({0, connection->id(), number}, HttpResponse::text(200, std::move(body)), essential);
  }
  std::int64_t charged() { return loop().sources().total(Resource::queued_bytes); }

  ExchangeLog exchange;
};

// Requests ------------------------------------------------------------------------------------------------------------

void pipelined_requests_are_answered_in_order(void**) {
  Fixture f;
  f.input(get("/1") + get("/2") + "\r\n" + get("/3").substr(0, 10));
  expect(f.router.asked, "GET /1; GET /2; ");
  assert_int_equal(f.wire.writes.size(), 2);
  expect(f.wire.sent(), ok("/1") + ok("/2"));
  f.turn();
  f.input(get("/3").substr(10));
  expect(f.wire.sent(), ok("/3"));
  expect(f.wire.called(), "");
  assert_int_equal(f.loop().stats().http_requests.get(), 3);
  assert_int_equal(f.loop().stats().bytes_out.get(), 3 * ok("/1").size());
}

void a_request_can_come_byte_by_byte(void**) {
  Fixture f;
  f.input_bytewise(get("/1") + get("/2"));
  f.turn();
  expect(f.router.asked, "GET /1; GET /2; ");
  expect(f.wire.sent(), ok("/1") + ok("/2"));
}

void a_held_request_blocks_the_next(void**) {
  Fixture f;
  f.input(get("/held") + get("/next"));
  f.input(get("/last"));
  f.turn();
  expect(f.router.asked, "GET /held; ");
  expect(f.exchange.seen(), "held; ");
  assert_true(f.exchange.requests.back() == (HeldRequest{0, f.connection->id(), 1}));
  assert_int_equal(f.connection->kept_bytes(), get("/next").size() + get("/last").size());
  f.answer_held("late");
  expect(f.exchange.seen(), "complete; gone; ");
  expect(f.wire.sent(), ok("late!"));
  expect(f.router.asked, "GET /held; ");  // the next one gets its turn in the next round of the loop
  f.turn();
  expect(f.router.asked, "GET /held; GET /next; GET /last; ");
  expect(f.wire.sent(), ok("/next") + ok("/last"));
  assert_int_equal(f.connection->kept_bytes(), 0);
}

void an_exchange_can_answer_at_once(void**) {
  Fixture f;
  f.exchange.on_held = [&](const HeldRequest&) { f.answer_held("at once"); };
  f.input(get("/held") + get("/next"));
  expect(f.exchange.seen(), "held; complete; gone; ");
  expect(f.wire.sent(), ok("at once!") + ok("/next"));
}

void sixteen_are_served_in_a_turn(void**) {
  Fixture f;
  std::string requests;
  for (int i = 0; i < 40; ++i) requests += get("/x");
  f.input(requests);
  assert_int_equal(f.wire.writes.size(), 16);
  f.turn();
  assert_int_equal(f.wire.writes.size(), 32);
  f.turn();
  assert_int_equal(f.wire.writes.size(), 40);
  f.turn();
  assert_false(f.connections.has_waiting_input());
}

void one_is_served_in_a_turn_when_the_time_is_over(void**) {
  Fixture f;
  f.loop().budget().begin(0);
  f.input(get("/1") + get("/2") + get("/3"));
  for (const char* const path : {"/1", "/2", "/3"}) {
    expect(f.wire.sent(), ok(path));
    expect(f.wire.called(), "");
    f.connections.take_waiting_input();
  }
  expect(f.wire.sent() + f.wire.called(), "");
}

// Its last byte is written after the time is over, and the connection is lost before the next turn.
void an_answer_that_is_written_is_not_lost(void**) {
  Fixture f;
  f.input(get("/held"));
  f.exchange.seen();
  f.loop().budget().begin(0);
  f.answer_held("x", true);
  expect(f.wire.sent(), ok("x!"));
  f.connection->on_stream_closed();
  expect(f.exchange.seen(), "complete; gone; ");
}

void malformed_requests_are_refused(void**) {
  struct Case {
    std::string request;
    std::string answer;
    Refusal reason;
  };
  const std::array<Case, 5> cases = {{
      {"hello\r\n", last_answer("400 Bad Request", "The request line is not a method, a target and a version.\n"),
       Refusal::malformed},
      {get("/").substr(0, 16) + "\nHost: x\n\n", last_answer("400 Bad Request", "A line ends with a bare LF.\n"),
       Refusal::malformed},
      {get("/", "X: " + std::string(9'000, 'x') + "\r\n"),
       last_answer("431 Request Header Fields Too Large", "The request's head is too large.\n"), Refusal::header_bytes},
      {get("/" + std::string(9'000, 'x')), last_answer("414 URI Too Long", "The request line is too long.\n"),
       Refusal::header_bytes},
      {"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n",
       "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain; charset=utf-8\r\n"
       "Allow: GET, HEAD, POST, OPTIONS\r\nContent-Length: 54\r\nConnection: close\r\n\r\n"
       "This server is not a proxy: CONNECT is not supported.\n",
       Refusal::malformed},
  }};
  for (const Case& given : cases) {
    Fixture f;
    f.input("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    f.wire.sent();
    f.router.asked.clear();
    f.input(given.request + get("/never"));
    expect(f.wire.sent(), given.answer);
    expect(f.wire.called(), "finish on");
    expect(f.router.asked, "");
    assert_int_equal(f.server.refused(given.reason), 1);
    assert_int_equal(f.connection->kept_bytes(), 0);
  }
}

void a_foreign_host_is_refused_before_anything_else(void**) {
  ServerOptions options;
  options.allowed_hosts = {"chat.example"};
  Fixture f(options);
  f.input(get("/1") + "GET /2 HTTP/1.1\r\nHost: evil.example\r\n\r\n" + get("/3"));
  expect(f.wire.sent(), ok("/1") + last_answer("421 Misdirected Request", "this server does not have that name\n"));
  expect(f.router.asked, "GET /1; ");
  expect(f.wire.called(), "finish on");
  assert_int_equal(f.server.refused(Refusal::host), 1);
}

// Keep-alive ----------------------------------------------------------------------------------------------------------

void stays_open_as_the_client_wishes(void**) {
  struct Case {
    const char* version;
    const char* header;
    bool stays;
  };
  const std::array<Case, 5> cases = {{
      {"1.1", "", true},
      {"1.1", "Connection: close\r\n", false},
      {"1.0", "", false},
      {"1.0", "Connection: keep-alive\r\n", true},
      {"1.1", "Connection: Keep-Alive, close\r\n", false},
  }};
  for (const Case& given : cases) {
    Fixture f;
    f.input(std::string("GET /1 HTTP/") + given.version + "\r\nHost: x\r\n" + given.header + "\r\n" + get("/2"));
    expect(f.wire.sent(), given.stays ? ok("/1") + ok("/2") : last_answer("200 OK", "/1"));
    expect(f.wire.called(), given.stays ? "" : "finish on");
    assert_int_equal(f.connection->ending(), !given.stays);
  }
}

void an_idle_one_is_closed_after_a_while(void**) {
  Fixture f;
  f.input(get("/1"));
  f.advance(5'980);  // a second longer than the header promised
  f.input("\r\n");   // does not count
  expect(f.wire.called(), "");
  f.advance(20);
  expect(f.wire.called(), "close");
  expect(f.wire.sent(), ok("/1"));
  assert_true(f.connections.empty());
}

void a_head_that_came_in_pieces_leaves_no_trace(void**) {
  Fixture f;
  f.input(get("/1").substr(0, 5));
  assert_false(f.connection->idle_http());
  f.input(get("/1").substr(5));
  assert_true(f.connection->idle_http());
  f.advance(6'000);
  expect(f.wire.sent(), ok("/1"));  // and not 408
  expect(f.wire.called(), "close");
}

void the_answer_to_head_has_no_body(void**) {
  Fixture f;
  f.input("HEAD /long HTTP/1.1\r\nHost: x\r\n\r\n" + get("/next"));
  expect(f.wire.sent(), head("200 OK", 5, kStays) + ok("/next"));
  f.router.routes = [](Connection&, const HttpRequest&) {
    HttpResponse response;
    response.constant_body = "constant";
    return response;
  };
  f.input("HEAD /constant HTTP/1.1\r\nHost: x\r\n\r\n");
  expect(f.wire.sent(), "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: " + kStays + "\r\n\r\n");
}

void in_a_drain_every_answer_is_the_last(void**) {
  Fixture f;
  f.input(get("/held"));
  f.loop().drains = true;
  assert_false(f.connection->idle_http());
  f.answer_held("x");
  expect(f.wire.sent(), last_answer("200 OK", "x!"));
  expect(f.wire.called(), "finish on");

  Fixture begun;  // the drain begins while a response is written that promised to keep the connection
  begun.wire.takes = 1;
  begun.input(get("/1"));
  begun.loop().drains = true;
  begun.writable();
  expect(begun.wire.sent(), ok("/1"));
  expect(begun.wire.called(), "want finish on");
}

// Bodies --------------------------------------------------------------------------------------------------------------

void bodies_arrive_whole_however_they_are_cut(void**) {
  const std::string chunks = "5;name=value\r\nhello\r\n1\r\n,\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n";
  for (const std::string& request : {post("/held", with_length(12), "hello, world"), post("/held", kChunked, chunks)}) {
    const std::string all = request + get("/next");
    for (std::size_t cut = 1; cut < all.size(); ++cut) {
      Fixture f;
      f.exchange.on_body = [&](const HeldRequest&) { f.answer_held("got it"); };
      f.input(all.substr(0, cut));
      f.input(all.substr(cut));
      f.turn();
      expect(f.exchange.seen(), "held; body hello, world; complete; gone; ");
      expect(f.wire.sent(), ok("got it!") + ok("/next"));
      expect(f.wire.called(), "");
    }
    Fixture f;
    f.input_bytewise(all);
    expect(f.exchange.seen(), "held; body hello, world; ");
    f.answer_held("got it");
    f.turn();
    expect(f.wire.sent(), ok("got it!") + ok("/next"));
  }
}

void an_empty_body_is_none(void**) {
  Fixture f;
  f.input(post("/held", with_length(0), "") + get("/next"));
  expect(f.exchange.seen(), "held; ");
  f.answer_held("x");
  f.turn();
  expect(f.wire.sent(), ok("x!") + ok("/next"));
  f.input(post("/held", kChunked, "0\r\n\r\n"));
  expect(f.exchange.seen(), "complete; gone; held; body ; ");
}

void a_chunked_body_that_is_too_large_is_reported(void**) {
  Fixture f;
  f.exchange.on_body = [&](const HeldRequest& request) {
    f.connections.answer(request, HttpResponse::text(413, "no"), false);
  };
  f.input(post("/held", kChunked, "14\r\n01234567890123456789\r\n"));
  expect(f.exchange.seen(), "held; ");
  f.input("1\r\nx\r\n0\r\n\r\n" + get("/never"));
  expect(f.exchange.seen(), "too large; complete; gone; ");
  expect(f.wire.sent(), last_answer("413 Content Too Large", "no!"));
  expect(f.wire.called(), "finish on");
}

void malformed_chunks_end_the_connection(void**) {
  Fixture f;
  f.input(post("/held", kChunked, "5\r\nhello!\r\n"));
  expect(f.exchange.seen(), "held; lost; gone; ");
  expect(f.wire.sent(), last_answer("400 Bad Request", "malformed chunk\n"));
  expect(f.wire.called(), "finish on");
  assert_int_equal(f.server.refused(Refusal::malformed), 1);
}

void a_body_that_nobody_wants_is_read_to_its_end(void**) {
  for (const std::string& request :
       {post("/1", with_length(5), "hello"), post("/1", kChunked, "5\r\nhello\r\n0\r\n\r\n")}) {
    Fixture f;
    f.input(request.substr(0, request.size() - 1));
    expect(f.wire.sent(), "");
    f.input(request.substr(request.size() - 1) + get("/2"));
    expect(f.wire.sent(), ok("/1") + ok("/2"));
    assert_int_equal(f.charged(), 0);
  }
}

void a_long_body_that_nobody_wants_ends_the_connection(void**) {
  Fixture by_length;
  by_length.input(post("/1", with_length(65'536), std::string(65'536, 'x')) + get("/2"));
  expect(by_length.wire.sent(), ok("/1") + ok("/2"));
  by_length.input(post("/3", with_length(65'537), ""));
  expect(by_length.wire.sent(), last_answer("200 OK", "/3"));
  expect(by_length.wire.called(), "finish on");

  Fixture by_chunks;
  by_chunks.input(post("/1", kChunked, "10000\r\n" + std::string(65'536, 'x') + "\r\n"));
  expect(by_chunks.wire.sent(), "");
  by_chunks.input("1\r\n");
  expect(by_chunks.wire.sent(), last_answer("200 OK", "/1"));
  expect(by_chunks.wire.called(), "finish on");
}

void an_answer_can_come_before_the_body(void**) {
  Fixture f;
  f.input(post("/held", with_length(5), "he"));
  f.answer_held("early");
  expect(f.exchange.seen(), "held; complete; gone; ");
  expect(f.wire.sent(), "");
  f.answer_held("twice");
  f.input("llo" + get("/2"));
  f.turn();
  expect(f.wire.sent(), ok("early!") + ok("/2"));

  Fixture more;  // more may be discarded than kept
  more.input(post("/held", kChunked, "1\r\nx\r\n"));
  more.answer_held("early");
  more.input("30\r\n" + std::string(0x30, 'x') + "\r\n0\r\n\r\n" + get("/2"));
  more.turn();
  expect(more.wire.sent(), ok("early!") + ok("/2"));

  Fixture closing;
  closing.exchange.on_held = [&](const HeldRequest& request) {
    HttpResponse response = HttpResponse::text(403, "no");
    response.close = true;
    closing.connections.answer(request, response, false);
  };
  closing.input(post("/held", with_length(5), "hello"));
  expect(closing.wire.sent(), last_answer("403 Forbidden", "no!"));
  expect(closing.wire.called(), "finish on");
}

void a_body_that_nobody_wants_can_fail(void**) {
  Fixture malformed;
  malformed.input(post("/1", kChunked, "x\r\n"));
  expect(malformed.wire.sent(), last_answer("400 Bad Request", "malformed chunk\n"));
  expect(malformed.wire.called(), "finish on");

  Fixture slow;
  slow.input(post("/1", with_length(5), "hell"));
  slow.advance(30'000);
  expect(slow.wire.sent(), kTooLong);
  expect(slow.wire.called(), "finish on");
}

// The exchange takes no body, so the end of the body cannot be distinguished from the next request.
void a_held_request_without_its_body_is_the_last(void**) {
  Fixture f;
  f.router.routes = [&](Connection&, const HttpRequest&) {
    return Hold{std::make_unique<RecordingExchange>(f.exchange), BodyPlan::Kind::none, 0, 0};
  };
  f.input(post("/held", with_length(5), "hello"));
  f.answer_held("x");
  expect(f.wire.sent(), last_answer("200 OK", "x!"));
  expect(f.wire.called(), "finish on");
}

void a_body_of_unknown_length_is_refused(void**) {
  struct Case {
    std::string headers;
    std::string answer;
    std::uint64_t malformed;
  };
  const std::array<Case, 3> cases = {{
      {"", ok("/1"), 0},  // the endpoint would answer 411: without an announced length there is no body
      {"Content-Length: x\r\n", last_answer("400 Bad Request", "malformed Content-Length\n"), 1},
      {"Transfer-Encoding: gzip\r\n", last_answer("501 Not Implemented", "unknown Transfer-Encoding\n"), 0},
  }};
  for (const Case& given : cases) {
    Fixture f;
    f.input(post("/1", given.headers, ""));
    expect(f.wire.sent(), given.answer);
    assert_int_equal(f.server.refused(Refusal::malformed), given.malformed);
  }
}

void says_to_continue_when_the_body_is_wanted(void**) {
  const std::string expects = "Expect: 100-Continue\r\n";
  Fixture f;
  f.input(post("/held", with_length(5) + expects, ""));
  expect(f.wire.sent(), "HTTP/1.1 100 Continue\r\n\r\n");
  f.input("hello");
  f.answer_held("x");
  expect(f.wire.sent(), ok("x!"));
  f.input("POST /held HTTP/1.0\r\nConnection: keep-alive\r\n" + with_length(5) + expects + "\r\n");
  expect(f.wire.sent(), "");

  Fixture unwanted;  // the body may follow or not
  unwanted.input(post("/1", with_length(5) + expects, ""));
  expect(unwanted.wire.sent(), last_answer("200 OK", "/1"));
  expect(unwanted.wire.called(), "finish on");

  Fixture full;
  full.wire.takes = 10;
  full.input(post("/held", with_length(5) + expects, ""));
  expect(full.exchange.seen(), "held; lost; gone; ");
  full.turn();
  expect(full.wire.called(), "close");
}

// Time-outs -----------------------------------------------------------------------------------------------------------

void the_first_head_has_its_time(void**) {
  Fixture silent;
  silent.advance(9'980);
  expect(silent.wire.called(), "");
  silent.advance(20);
  expect(silent.wire.called(), "close");
  expect(silent.wire.sent(), "");

  Fixture slow;
  slow.advance(5'000);
  slow.input("GET /");
  slow.advance(4'980);
  expect(slow.wire.sent(), "");
  slow.advance(20);
  expect(slow.wire.sent(), kTooLong);
  expect(slow.wire.called(), "finish on");
  assert_int_equal(slow.server.refused(Refusal::request_timeout), 1);
}

void each_later_head_has_its_time(void**) {
  Fixture f;
  f.input(get("/1"));
  f.advance(5'000);
  f.input("GET /2 HT");
  f.advance(5'000);
  f.input("TP/1.1\r\n");  // does not restart the time-out
  f.advance(4'980);
  expect(f.wire.sent(), ok("/1"));
  f.advance(20);
  expect(f.wire.sent(), kTooLong);
  expect(f.wire.called(), "finish on");
}

void a_body_has_its_time(void**) {
  Fixture f;
  f.input(post("/held", with_length(5), "h"));
  f.advance(29'980);
  f.input("e");
  expect(f.wire.sent(), "");
  f.advance(20);
  expect(f.exchange.seen(), "held; lost; gone; ");
  expect(f.wire.sent(), kTooLong);
  expect(f.wire.called(), "finish on");
  assert_int_equal(f.server.refused(Refusal::request_timeout), 1);
}

void a_held_request_does_not_time_out(void**) {
  Fixture f;
  f.input(get("/held"));
  f.advance(1'000'000);
  expect(f.exchange.seen(), "held; ");
  expect(f.wire.called() + f.wire.sent(), "");
}

void an_answer_must_be_taken_in_time(void**) {
  Fixture f;
  f.wire.takes = 0;
  f.input(get("/1") + get("/2"));
  for (int i = 0; i < 5; ++i) {
    f.advance(29'980);
    f.writable(1);
  }
  expect(f.wire.sent(), ok("/1").substr(0, 5));
  expect(f.wire.called(), "want want want want want want");
  f.advance(29'980);
  expect(f.wire.called(), "");
  f.advance(20);
  expect(f.wire.called(), "reset close");
  expect(f.router.asked, "GET /1; ");
  assert_int_equal(f.server.refused(Refusal::request_timeout), 1);
}

// Writing -------------------------------------------------------------------------------------------------------------

void an_answer_that_is_not_taken_at_once_blocks_the_next_request(void**) {
  Fixture f;
  f.wire.takes = 10;
  f.input(get("/1") + get("/2"));
  expect(f.wire.sent(), ok("/1").substr(0, 10));
  f.turn();
  f.writable(10);
  expect(f.wire.sent(), ok("/1").substr(10, 10));
  f.wire.holds_back = true;  // TLS took it but has not sent it
  f.writable();
  expect(f.wire.sent(), ok("/1").substr(20));
  f.turn();
  expect(f.router.asked, "GET /1; ");
  f.wire.holds_back = false;
  f.writable();
  f.turn();
  expect(f.wire.sent(), ok("/2"));
  expect(f.wire.called(), "want want want");
}

void a_large_answer_is_written_in_pieces(void**) {
  const std::string body(150'000, 'x');
  Fixture f;
  f.router.routes = [&](Connection&, const HttpRequest&) {
    HttpResponse response;
    response.constant_body = body;
    return response;
  };
  const std::string first = "HTTP/1.1 200 OK\r\nContent-Length: 150000\r\nConnection: " + kStays + "\r\n\r\n";
  f.input(get("/1"));
  assert_int_equal(f.wire.writes.size(), 4);
  expect(f.wire.writes[0], first);
  assert_int_equal(f.wire.writes[1].size(), kMaxWriteBytes);
  assert_int_equal(f.wire.writes[2].size(), kMaxWriteBytes);
  assert_int_equal(f.wire.writes[3].size(), 150'000 - 2 * kMaxWriteBytes);
  f.wire.sent();
  assert_int_equal(f.charged(), 0);

  // A piece in each round when the time is over.
  f.loop().budget().begin(0);
  f.input(get("/2"));
  for (int piece = 1; piece < 4; ++piece) {
    assert_int_equal(f.wire.writes.size(), piece);
    expect(f.wire.called(), "want");
    f.connection->on_writable();
  }
  assert_true(f.wire.sent() == first + body);
  expect(f.wire.called(), "");
}

HttpResponse file_of(std::FILE* file, std::uint64_t promised_bytes) {
  HttpResponse response;
  response.file = dup(fileno(file));
  response.file_bytes = promised_bytes;
  return response;
}

void a_file_that_has_shrunk_ends_the_connection(void**) {
  std::FILE* const file = std::tmpfile();
  assert_non_null(file);
  assert_true(std::fputs("content", file) >= 0 && std::fflush(file) == 0 && std::fseek(file, 0, SEEK_SET) == 0);
  Fixture f;
  f.router.routes = [&](Connection&, const HttpRequest&) { return file_of(file, 7); };
  f.input(get("/1"));
  expect(f.wire.sent(), "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: " + kStays + "\r\n\r\ncontent");
  f.input(get("/2"));  // the body was read to its end
  f.turn();
  expect(f.wire.sent(), "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: " + kStays + "\r\n\r\n");
  expect(f.wire.called(), "close");
  std::fclose(file);
}

void a_broken_stream_ends_the_connection(void**) {
  Fixture f;
  f.wire.broken = true;
  f.input(get("/1") + get("/2"));
  expect(f.router.asked, "GET /1; ");
  f.turn();
  expect(f.wire.called(), "close");
}

// Upgrades ------------------------------------------------------------------------------------------------------------

const std::string kUpgrade = "Connection: Upgrade\r\nUpgrade: WebSocket\r\n";

void a_websocket_takes_over_behind_earlier_requests(void**) {
  test::UserLog user;
  Fixture f;
  f.router.opens = [&](Connection& connection, const HttpRequest&) -> std::optional<HttpResponse> {
    connection.make_websocket(std::make_unique<test::RecordingUser>(user), websocket_carrier(), 100)
        .accept_handshake("HTTP/1.1 101 Switching Protocols\r\n\r\n", std::nullopt);
    return std::nullopt;
  };
  const std::string message = testing::client_frame(testing::kFin | testing::kText, "hello");
  f.input(get("/held") + get("/socket", kUpgrade) + message + message.substr(0, 3));
  expect(f.router.asked, "GET /held; ");
  f.answer_held("first");
  f.turn();
  expect(f.router.asked, "GET /held; websocket /socket; ");
  expect(f.wire.sent(), ok("first!") + "HTTP/1.1 101 Switching Protocols\r\n\r\n");
  expect(user.seen(), "established; text hello; ");
  f.input(message.substr(3));
  expect(user.seen(), "text hello; ");
  assert_false(f.connection->idle_http());
  // Answers to requests are ignored from now on.
  f.exchange.seen();
  f.answer_held("stale");
  f.turn();
  expect(f.wire.sent() + f.exchange.seen(), "");
}

void a_refused_upgrade_is_the_last_request(void**) {
  Fixture f;
  f.router.opens = [](Connection&, const HttpRequest&) { return HttpResponse::text(403, "no"); };
  f.input(get("/socket", kUpgrade) + get("/never"));
  expect(f.wire.sent(), last_answer("403 Forbidden", "no"));
  expect(f.wire.called(), "finish on");
  expect(f.router.asked, "websocket /socket; ");

  Fixture with_body;
  with_body.input(get("/socket", kUpgrade + with_length(5)) + "hello");
  expect(with_body.wire.sent(), last_answer("400 Bad Request", "a WebSocket handshake has no body\n"));
  expect(with_body.router.asked, "");
}

void another_upgrade_is_ignored(void**) {
  Fixture f;
  f.input(get("/1", "Connection: Upgrade\r\nUpgrade: h2c\r\n"));
  expect(f.wire.sent(), ok("/1"));
}

// Held requests -------------------------------------------------------------------------------------------------------

void answers_to_stale_requests_go_nowhere(void**) {
  Fixture f;
  f.input(get("/held/1"));
  f.answer_held("one");
  f.answer_held("again");  // nothing is held
  f.input(get("/held/2"));
  f.answer_held("for the first", false, 1);
  f.answer_held("for one to come", false, 3);
  f.connections.answer({0, f.connection->id() + 1, 2}, HttpResponse::text(200, "for nobody"), false);
  expect(f.wire.sent(), ok("one!"));
  expect(f.exchange.seen(), "held; complete; gone; held; ");
  f.wire.takes = 5;
  f.answer_held("two");
  f.answer_held("while it is written");
  f.writable();
  expect(f.wire.sent(), ok("two!"));
  f.input(get("/held/3"));
  f.exchange.seen();
  f.connection->doom();
  expect(f.exchange.seen(), "lost; gone; ");
  f.answer_held("for one that is doomed");
  f.turn();
  f.connections.answer(f.exchange.requests.back(), HttpResponse::text(200, "for nobody"), true);
  expect(f.wire.sent() + f.exchange.seen(), "");
  expect(f.wire.called(), "want close");
}

void a_lost_connection_tells_its_exchange(void**) {
  struct Case {
    bool answers;
    bool essential;
    const char* told;
  };
  const std::array<Case, 3> cases = {{
      {false, false, "held; lost; gone; "},
      {true, false, "held; complete; gone; "},
      {true, true, "held; complete; lost answered; gone; "},
  }};
  for (const Case& given : cases) {
    Fixture f;
    f.input(get("/held") + get("/never"));
    f.wire.takes = 10;
    if (given.answers) f.answer_held("x", given.essential);
    f.lose();
    f.turn();
    expect(f.exchange.seen(), given.told);
    expect(f.router.asked, "GET /held; ");
    assert_true(f.wire.destroyed);
  }

  Fixture body;
  body.input(post("/held", with_length(5), "he"));
  body.lose();
  expect(body.exchange.seen(), "held; lost; gone; ");

  Fixture written;
  written.input(get("/held"));
  written.answer_held("x", true);
  written.lose();
  expect(written.exchange.seen(), "held; complete; gone; ");

  Fixture finishing;
  finishing.input(get("/held", "Connection: close\r\n"));
  finishing.answer_held("x", true);
  expect(finishing.wire.called(), "finish on");
  finishing.lose();
  expect(finishing.exchange.seen(), "held; complete; gone; ");

  Fixture waiting;  // for the body, with a response that is known already
  waiting.input(post("/held", with_length(5), "he"));
  waiting.answer_held("x");
  waiting.lose();
  expect(waiting.exchange.seen(), "held; complete; gone; ");
}

// Charges -------------------------------------------------------------------------------------------------------------

ServerOptions with_queued_bytes(std::int64_t bytes) {
  ServerOptions options;
  options.hub.max_queued_bytes_per_address = bytes;
  return options;
}

void a_body_is_charged_to_its_address(void**) {
  Fixture f(with_queued_bytes(12'288));
  f.input(post("/held", with_length(8'192), std::string(8'000, 'x')));
  assert_int_equal(f.charged(), 4'096);
  f.input(std::string(192, 'x'));
  assert_int_equal(f.charged(), 0);  // the exchange has it
  f.answer_held("x");
  expect(f.wire.sent(), ok("x!"));
  f.exchange.seen();
  f.turn();

  f.input(post("/held", with_length(20'000), std::string(19'000, 'x')) + get("/never"));
  expect(f.exchange.seen(), "held; lost; gone; ");
  expect(f.wire.sent(),
         last_answer("503 Service Unavailable", "too much waits for this address, or for all clients\n"));
  expect(f.wire.called(), "finish on");
  assert_int_equal(f.charged(), 0);
  assert_int_equal(f.server.refused(Refusal::queued_bytes_per_address), 1);
}

void an_answer_that_is_not_taken_is_charged_to_its_address(void**) {
  Fixture f(with_queued_bytes(12'288));
  f.router.routes = [](Connection&, const HttpRequest& request) {
    return HttpResponse::text(200, std::string(request.path == "/small" ? 9'000 : 20'000, 'x'));
  };
  f.wire.takes = 0;
  f.input(get("/small"));
  assert_int_equal(f.charged(), 8'192);
  f.writable();
  assert_int_equal(f.charged(), 0);
  f.wire.takes = 0;
  f.input(get("/large"));
  f.turn();
  expect(f.wire.called(), "want want reset close");
  assert_int_equal(f.charged(), 0);
  assert_int_equal(f.server.refused(Refusal::queued_bytes_per_address), 1);
}

void input_behind_a_held_request_is_charged_to_its_address(void**) {
  Fixture f(with_queued_bytes(12'288));
  f.input(get("/held"));
  f.input(std::string(9'000, 'x'));
  assert_int_equal(f.charged(), 8'192);
  f.input(std::string(8'000, 'x'));
  f.turn();
  expect(f.exchange.seen(), "held; lost; gone; ");
  expect(f.wire.called(), "reset close");
  assert_int_equal(f.charged(), 0);
}

void behind_a_proxy_the_client_is_charged(void**) {
  ServerOptions options = with_queued_bytes(12'288);
  options.trusted_proxies = {"192.0.2.1"};
  Fixture f(options);
  const auto held = [&](const char* address) { return f.loop().sources().find(address)->held(Resource::queued_bytes); };
  f.input(post("/held", "X-Forwarded-For: 198.51.100.7\r\n" + with_length(9'000), std::string(8'900, 'x')));
  assert_int_equal(held("198.51.100.7"), 8'192);
  assert_int_equal(held("192.0.2.1"), 0);
  f.input(std::string(100, 'x'));
  f.answer_held("x");
  f.turn();
  f.input(post("/held", "X-Forwarded-For: 198.51.100.8\r\n" + with_length(9'000), std::string(8'900, 'x')));
  assert_int_equal(held("198.51.100.7"), 0);
  assert_int_equal(held("198.51.100.8"), 8'192);
}

void kept_input_is_bounded(void**) {
  Fixture f;
  f.input(get("/held"));
  f.input(std::string(65'535, 'x'));
  expect(f.wire.called(), "");
  f.input("x");
  expect(f.wire.called(), "off");
  f.answer_held("x");
  f.turn();
  expect(f.wire.called(), "finish on on");  // it was not a request
}

// A head must be complete before it is parsed, and the server allows larger heads than other input that is kept.
void a_large_head_is_read_to_its_end(void**) {
  ServerOptions options;
  options.max_header_bytes = 100'000;
  Fixture f(options);
  const std::string request = get("/1", "X: " + std::string(90'000, 'x') + "\r\n");
  f.input(request.substr(0, 80'000));
  expect(f.wire.called(), "");
  f.input(request.substr(80'000));
  expect(f.wire.sent(), ok("/1"));
  assert_int_equal(f.connection->kept_bytes(), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(pipelined_requests_are_answered_in_order),
      cmocka_unit_test(a_request_can_come_byte_by_byte),
      cmocka_unit_test(a_held_request_blocks_the_next),
      cmocka_unit_test(an_exchange_can_answer_at_once),
      cmocka_unit_test(sixteen_are_served_in_a_turn),
      cmocka_unit_test(one_is_served_in_a_turn_when_the_time_is_over),
      cmocka_unit_test(an_answer_that_is_written_is_not_lost),
      cmocka_unit_test(malformed_requests_are_refused),
      cmocka_unit_test(a_foreign_host_is_refused_before_anything_else),
      cmocka_unit_test(stays_open_as_the_client_wishes),
      cmocka_unit_test(an_idle_one_is_closed_after_a_while),
      cmocka_unit_test(a_head_that_came_in_pieces_leaves_no_trace),
      cmocka_unit_test(the_answer_to_head_has_no_body),
      cmocka_unit_test(in_a_drain_every_answer_is_the_last),
      cmocka_unit_test(bodies_arrive_whole_however_they_are_cut),
      cmocka_unit_test(an_empty_body_is_none),
      cmocka_unit_test(a_chunked_body_that_is_too_large_is_reported),
      cmocka_unit_test(malformed_chunks_end_the_connection),
      cmocka_unit_test(a_body_that_nobody_wants_is_read_to_its_end),
      cmocka_unit_test(a_long_body_that_nobody_wants_ends_the_connection),
      cmocka_unit_test(an_answer_can_come_before_the_body),
      cmocka_unit_test(a_body_that_nobody_wants_can_fail),
      cmocka_unit_test(a_held_request_without_its_body_is_the_last),
      cmocka_unit_test(a_body_of_unknown_length_is_refused),
      cmocka_unit_test(says_to_continue_when_the_body_is_wanted),
      cmocka_unit_test(the_first_head_has_its_time),
      cmocka_unit_test(each_later_head_has_its_time),
      cmocka_unit_test(a_body_has_its_time),
      cmocka_unit_test(a_held_request_does_not_time_out),
      cmocka_unit_test(an_answer_must_be_taken_in_time),
      cmocka_unit_test(an_answer_that_is_not_taken_at_once_blocks_the_next_request),
      cmocka_unit_test(a_large_answer_is_written_in_pieces),
      cmocka_unit_test(a_file_that_has_shrunk_ends_the_connection),
      cmocka_unit_test(a_broken_stream_ends_the_connection),
      cmocka_unit_test(a_websocket_takes_over_behind_earlier_requests),
      cmocka_unit_test(a_refused_upgrade_is_the_last_request),
      cmocka_unit_test(another_upgrade_is_ignored),
      cmocka_unit_test(answers_to_stale_requests_go_nowhere),
      cmocka_unit_test(a_lost_connection_tells_its_exchange),
      cmocka_unit_test(a_body_is_charged_to_its_address),
      cmocka_unit_test(an_answer_that_is_not_taken_is_charged_to_its_address),
      cmocka_unit_test(input_behind_a_held_request_is_charged_to_its_address),
      cmocka_unit_test(behind_a_proxy_the_client_is_charged),
      cmocka_unit_test(kept_input_is_bounded),
      cmocka_unit_test(a_large_head_is_read_to_its_end),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
