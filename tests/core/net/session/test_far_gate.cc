// Requests that go from server to server: an entry and a home with a link between them that the test can cut, and no Redis.
#include "net/session/far_gate.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/net/fake_loop.h"

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

// Delivers what servers tell each other.
class Wire {
 public:
  void add(const std::string& name, FarGate& gate) { gates_[name] = &gate; }
  void remove(const std::string& name) { gates_.erase(name); }

  FarServers::Told tell(const std::string& server, const std::string& text) {
    if (is_cut) return FarServers::Told::failed;
    if (is_unsettled) return FarServers::Told::unsettled;
    if (loses) return FarServers::Told::heard;
    const auto found = gates_.find(server);
    if (found == gates_.end()) return FarServers::Told::nobody;
    found->second->on_text(static_cast<FarKind>(text.front()), std::string_view(text).substr(1));
    return FarServers::Told::heard;
  }

  bool is_cut = false;
  bool is_unsettled = false;
  bool loses = false;  // what is told is lost on its way

 private:
  std::map<std::string, FarGate*> gates_;
};

class WiredServers final : public FarServers {
 public:
  WiredServers(Wire& wire, std::string name) : wire_(wire), name_(std::move(name)) {}

  const std::string& name() const override { return name_; }
  void keep(std::string_view, std::string, std::int64_t) noexcept override {}
  void drop(std::string_view) noexcept override {}
  void drop_if(std::string_view, std::string) noexcept override {}
  void take(std::string_view, Taken done) override { done(std::nullopt); }
  void agree(std::string_view, std::string, std::int64_t, Taken done) override { done(std::nullopt); }
  std::string tag(std::string_view) const override { return {}; }
  bool has_tag(std::string_view, std::string_view) const override { return false; }
  void tell(std::string_view server, std::string text, Done told) override {
    texts.push_back({std::string(server), std::move(text), std::move(told)});
  }
  // What was told since the last call arrives.
  void flush() {
    for (auto& [server, text, told] : std::exchange(texts, {})) {
      const Told result = wire_.tell(server, text);
      if (told) told(result);
    }
  }

  struct Text {
    std::string server;
    std::string text;
    Done told;
  };
  std::vector<Text> texts;

 private:
  Wire& wire_;
  const std::string name_;
};

// What happened to the requests at the home.
struct Seen {
  std::vector<HeldRequest> held;
  std::vector<std::string> bodies;
  std::vector<std::string> paths;
  std::string log;
};

class HomeExchange final : public Exchange {
 public:
  explicit HomeExchange(Seen& seen) : seen_(seen) {}
  void on_held(const HeldRequest& request) override { seen_.held.push_back(request); }
  void on_body(std::string body) override { seen_.bodies.push_back(std::move(body)); }
  void on_body_too_large() override { seen_.log += "large;"; }
  void complete(HttpResponse& response) override { response.headers.push_back({"X-Home", "yes"}); }
  void on_drained() override { seen_.log += "drained;"; }
  void on_lost(bool answered) override { seen_.log += answered ? "lost answered;" : "lost;"; }

 private:
  Seen& seen_;
};

struct Node {
  Node(Wire& wire, const std::string& name, ServerOptions options = {})
      : server(std::move(options)), far(wire, name), requests(server.loop().options()), gate(server.loop()) {
    wire.add(name, gate);
    gate.open(far, requests,
              [this](const HttpRequest& request, const RequestContext& context) -> std::variant<HttpResponse, Hold> {
                assert_true(context.forwarded);
                seen.paths.push_back(context.address + request.path);
                if (request.path == "/none") return HttpResponse::text(404, "none\n");
                Hold hold;
                BodyPlan plan = plan_body(request);
                hold.body = plan.kind;
                hold.max_body_bytes = 10;
                hold.exchange = std::make_unique<HomeExchange>(seen);
                return hold;
              });
  }

  FakeServer server;
  WiredServers far;
  FarRequests requests;
  FarGate gate;
  Seen seen;
};

struct Fixture {
  explicit Fixture(ServerOptions options = {}) : entry(wire, "entry", std::move(options)) {}

  // The exchange of a request that the entry holds.
  std::unique_ptr<Exchange> forward(std::uint64_t number, const std::string& path = "/poll",
                                    const std::optional<std::string>& body = std::nullopt, bool to_nobody = false) {
    HttpRequest request;
    request.method = body ? "POST" : "GET";
    request.path = path;
    request.has_body = body.has_value();
    if (body) request.headers.push_back({"transfer-encoding", "chunked"});
    RequestContext context;
    context.address = "10.0.0.9";
    FarGate::Forwarding forwarding;
    forwarding.server = to_nobody ? "nobody" : "home";
    forwarding.gone = HttpResponse::text(400, "unknown\n");
    forwarding.headers = {{"X-Entry", "yes"}};
    forwarding.within_ms = 50'000;
    forwarding.soon = body.has_value();
    forwarding.max_body_bytes = 1'000;
    Hold hold = entry.gate.forward(request, context, plan_body(request), std::move(forwarding));
    hold.exchange->on_held({0, 5, number});
    if (body) hold.exchange->on_body(*body);
    run();
    return std::move(hold.exchange);
  }

  void run() {
    for (int turn = 0; turn < 4; ++turn) {
      entry.far.flush();
      home.far.flush();
      entry.server.run();
      home.server.run();
    }
  }

  void advance(std::int64_t ms) {
    entry.server.loop().advance(ms);
    home.server.loop().advance(ms);
    run();
  }

  // "number status body" of each answer at the entry since the last call.
  std::string answers() {
    std::string all;
    for (const FakeLoop::Answered& answer : entry.server.loop().answers) {
      all += std::to_string(answer.request.number) + " " + std::to_string(answer.response.status) + " " +
             answer.response.body;
    }
    entry.server.loop().answers.clear();
    return all;
  }
  std::string written() {
    std::string all;
    for (const FakeLoop::Written& written : entry.server.loop().written) {
      all += std::to_string(written.request.number) + " " + written.bytes + (written.last ? " end;" : ";");
    }
    entry.server.loop().written.clear();
    return all;
  }

  Wire wire;
  Node entry;
  Node home{wire, "home"};
};

#define assert_text(actual, expected) assert_string_equal((actual).c_str(), expected)

void a_request_and_its_answer(void**) {
  Fixture f;
  const auto exchange = f.forward(1);
  assert_int_equal(f.entry.requests.stats().forwarded_now, 1);
  assert_int_equal(f.home.requests.stats().foreign_now, 1);
  assert_int_equal(f.home.seen.held.size(), 1);
  assert_true(f.home.seen.held[0].connection == FarGate::kConnection);
  assert_text(f.home.seen.paths[0], "10.0.0.9/poll");
  assert_text(f.answers(), "");
  f.home.gate.answer(f.home.seen.held[0].number, HttpResponse::text(200, "packets"), true);
  f.home.gate.answer(f.home.seen.held[0].number, HttpResponse::text(200, "twice"), true);
  f.run();
  assert_int_equal(f.entry.server.loop().answers.size(), 1);
  const FakeLoop::Answered& answer = f.entry.server.loop().answers[0];
  assert_true(answer.essential);
  assert_text(answer.response.headers.back().name, "X-Home");
  assert_text(f.answers(), "1 200 packets");
  assert_int_equal(f.entry.requests.stats().forwarded_now, 0);
  assert_int_equal(f.home.requests.stats().foreign_now, 0);
}

void a_body_comes_with_its_length(void**) {
  Fixture f;
  const auto exchange = f.forward(1, "/post", "4hello");
  assert_int_equal(f.home.seen.bodies.size(), 1);
  assert_text(f.home.seen.bodies[0], "4hello");
  const auto larger = f.forward(2, "/post", "4hello hello");
  assert_text(f.home.seen.log, "large;");
  const auto empty = f.forward(3, "/post", "");
  assert_int_equal(f.home.seen.bodies.size(), 1);
  assert_int_equal(f.home.seen.held.size(), 3);
}

void what_the_home_answers_at_once(void**) {
  Fixture f;
  const auto exchange = f.forward(1, "/none");
  assert_text(f.answers(), "1 404 none\n");
}

void the_session_hears_of_a_client_that_is_gone(void**) {
  Fixture f;
  const auto first = f.forward(1);
  first->on_lost(false);
  f.run();
  assert_text(f.home.seen.log, "lost;");
  assert_int_equal(f.entry.requests.stats().forwarded_now, 0);
  f.home.gate.answer(f.home.seen.held[0].number, HttpResponse::text(200, "late"), true);
  f.run();
  assert_text(f.answers(), "");
  const auto second = f.forward(2);
  f.home.gate.answer(f.home.seen.held[1].number, HttpResponse::text(200, "packets"), true);
  f.run();
  second->on_lost(true);  // not all of it was written
  f.run();
  assert_text(f.home.seen.log, "lost;lost answered;");
}

void an_answer_in_parts(void**) {
  Fixture f;
  const auto exchange = f.forward(1);
  const std::uint64_t number = f.home.seen.held[0].number;
  f.home.gate.write(number, "early", false);  // it has not begun
  HttpResponse response = HttpResponse::text(200, "head");
  response.streams = true;
  f.home.gate.answer(number, std::move(response), true);
  f.home.gate.write(number, "one", false);
  f.run();
  assert_true(f.entry.server.loop().answers.at(0).response.streams);
  assert_text(f.answers(), "1 200 head");
  assert_text(f.written(), "1 one;");
  exchange->on_drained();
  f.run();
  assert_text(f.home.seen.log, "drained;");
  f.home.gate.write(number, "two", true);
  f.home.gate.write(number, "three", true);
  f.run();
  assert_text(f.written(), "1 two end;");
  assert_int_equal(f.entry.requests.stats().forwarded_now, 0);
}

void a_server_that_there_is_not(void**) {
  Fixture f;
  const auto exchange = f.forward(1, "/poll", std::nullopt, true);
  for (int second = 1; second <= 3; ++second) {
    assert_text(f.answers(), "");  // it may only be connecting again
    f.advance(1'100);
  }
  assert_text(f.answers(), "1 400 unknown\n");
  const auto second = f.forward(2, "/poll", std::nullopt, true);
  assert_text(f.answers(), "2 400 unknown\n");  // at once
  f.advance(30'000);
  const auto third = f.forward(3, "/poll", std::nullopt, true);
  assert_text(f.answers(), "3 400 unknown\n");
  f.advance(31'000);
  const auto fourth = f.forward(4, "/poll", std::nullopt, true);
  assert_text(f.answers(), "");  // is it still gone?
  assert_int_equal(f.entry.requests.stats().forwarded_now, 1);
}

void a_home_that_connects_again(void**) {
  Fixture f;
  f.wire.remove("home");
  const auto post = f.forward(1, "/post", "one");
  const auto poll = f.forward(2);
  const auto left = f.forward(3, "/post", "left");
  left->on_lost(false);
  f.advance(1'100);
  f.advance(1'100);
  assert_text(f.answers(), "");
  assert_int_equal(f.home.seen.held.size(), 0);
  f.wire.add("home", f.home.gate);
  f.advance(1'100);
  assert_int_equal(f.home.seen.held.size(), 2);  // in their order, and none that nobody waits for
  assert_int_equal(f.home.seen.bodies.size(), 1);
  assert_text(f.home.seen.bodies[0], "one");
  f.home.gate.answer(f.home.seen.held[0].number, HttpResponse::text(200, "ok"), false);
  f.home.gate.answer(f.home.seen.held[1].number, HttpResponse::text(200, "packets"), true);
  f.run();
  assert_text(f.answers(), "1 200 ok2 200 packets");
  f.advance(20'000);
  assert_int_equal(f.home.seen.held.size(), 2);
}

void an_entry_that_connects_again(void**) {
  Fixture f;
  const auto first = f.forward(1);
  const auto second = f.forward(2);
  const std::uint64_t streaming = f.home.seen.held[1].number;
  f.wire.remove("entry");
  f.home.gate.answer(f.home.seen.held[0].number, HttpResponse::text(200, "packets"), true);
  HttpResponse response = HttpResponse::text(200, "head");
  response.streams = true;
  f.home.gate.answer(streaming, std::move(response), true);
  f.home.gate.write(streaming, "one", false);
  f.run();
  f.advance(1'100);
  f.home.gate.write(streaming, "two", false);
  assert_text(f.home.seen.log, "");
  f.wire.add("entry", f.entry.gate);
  f.advance(1'100);
  assert_text(f.answers(), "1 200 packets2 200 head");
  assert_text(f.written(), "2 one;2 two;");
  assert_text(f.home.seen.log, "");
}

void what_waits_for_a_server_is_bounded(void**) {
  Fixture f;
  f.wire.remove("home");
  std::vector<std::unique_ptr<Exchange>> held;
  constexpr int kMegabytes = 4;
  for (int number = 1; number <= kMegabytes; ++number) {
    held.push_back(f.forward(static_cast<std::uint64_t>(number), "/post", std::string((1 << 20) - 2'048, 'x')));
  }
  assert_text(f.answers(), "");
  held.push_back(f.forward(5, "/post", std::string(1 << 20, 'x')));
  assert_text(f.answers(), "5 503 ");
}

void an_answer_that_is_lost_is_given_again(void**) {
  Fixture f;
  const auto post = f.forward(1, "/post", "one");
  f.wire.loses = true;
  f.home.gate.answer(f.home.seen.held[0].number, HttpResponse::text(200, "ok"), false);
  f.run();
  f.wire.loses = false;
  assert_text(f.answers(), "");
  f.advance(1'100);
  f.advance(1'100);
  assert_text(f.answers(), "1 200 ok");
  assert_int_equal(f.home.seen.bodies.size(), 1);
  assert_text(f.home.seen.log, "");
  f.advance(11'000);
  assert_int_equal(f.home.seen.bodies.size(), 1);
}

void a_request_that_is_lost_is_noticed(void**) {
  Fixture f;
  f.wire.loses = true;
  const auto post = f.forward(1, "/post", "one");
  f.wire.loses = false;
  f.advance(1'100);
  f.advance(1'100);
  assert_text(f.answers(), "1 400 unknown\n");
  assert_int_equal(f.home.seen.held.size(), 0);
}

void a_request_that_takes_long_is_not_disturbed(void**) {
  Fixture f;
  const auto post = f.forward(1, "/post", "one");
  for (int second = 0; second < 20; ++second) f.advance(1'000);
  assert_text(f.answers(), "");
  f.home.gate.answer(f.home.seen.held[0].number, HttpResponse::text(200, "ok"), false);
  f.run();
  assert_text(f.answers(), "1 200 ok");
  assert_int_equal(f.home.seen.held.size(), 1);
}

// The session has to learn of a loss however long the client has taken the answer.
void a_client_that_takes_its_answer_slowly(void**) {
  Fixture f;
  auto slow = f.forward(1);
  auto quick = f.forward(2);
  for (const HeldRequest& held : f.home.seen.held) {
    f.home.gate.answer(held.number, HttpResponse::text(200, "packets"), true);
  }
  f.run();
  assert_text(f.answers(), "1 200 packets2 200 packets");
  quick.reset();  // all of it is written
  for (int second = 0; second < 60; ++second) f.advance(1'000);
  slow->on_lost(true);
  f.run();
  assert_text(f.home.seen.log, "lost answered;");
}

void a_home_that_dies(void**) {
  Fixture f;
  const auto held = f.forward(1);
  const auto streaming = f.forward(2);
  HttpResponse response = HttpResponse::text(200, "head");
  response.streams = true;
  f.home.gate.answer(f.home.seen.held[1].number, std::move(response), true);
  f.run();
  assert_text(f.answers(), "2 200 head");
  f.advance(1'500);
  assert_text(f.answers(), "");
  f.wire.remove("home");
  f.advance(1'500);
  f.wire.add("home", f.home.gate);  // it was only away for a moment
  f.advance(1'500);
  f.wire.remove("home");
  f.advance(1'500);
  f.advance(1'500);
  assert_text(f.answers(), "");
  f.advance(1'500);
  assert_text(f.answers(), "1 400 unknown\n");
  assert_text(f.written(), "2  end;");
  assert_int_equal(f.entry.requests.stats().forwarded_now, 0);
}

void an_entry_that_dies(void**) {
  Fixture f;
  const auto exchange = f.forward(1);
  const auto answered = f.forward(2);
  f.home.gate.answer(f.home.seen.held[1].number, HttpResponse::text(200, "packets"), true);
  f.advance(1'500);
  assert_text(f.home.seen.log, "");
  f.wire.remove("entry");
  f.advance(1'500);
  f.advance(1'500);
  assert_text(f.home.seen.log, "");
  f.advance(1'500);
  assert_text(f.home.seen.log, "lost;");
}

void while_the_cluster_is_gone(void**) {
  Fixture f;
  const auto held = f.forward(1);
  f.wire.is_cut = true;
  f.advance(1'500);
  f.advance(1'500);
  assert_text(f.answers(), "");  // its home may well be there
  const auto refused = f.forward(2);
  assert_text(f.answers(), "2 503 ");
  f.wire.is_cut = false;
  f.home.gate.answer(f.home.seen.held[0].number, HttpResponse::text(200, "packets"), true);
  f.run();
  assert_text(f.answers(), "1 200 packets");
}

void an_answer_that_does_not_come(void**) {
  Fixture f;
  const auto exchange = f.forward(1);
  f.advance(30'000);
  assert_text(f.answers(), "");
  f.advance(21'000);
  assert_text(f.answers(), "1 400 unknown\n");
  assert_text(f.home.seen.log, "lost;");
}

// The home begins a streaming answer; returns its number there.
std::uint64_t begin_streaming(Fixture& f) {
  const std::uint64_t number = f.home.seen.held.at(0).number;
  HttpResponse response = HttpResponse::text(200, "head");
  response.streams = true;
  f.home.gate.answer(number, std::move(response), true);
  f.run();
  assert_text(f.answers(), "1 200 head");
  return number;
}

void a_gap_ends_a_streaming_answer(void**) {
  Fixture f;
  const auto exchange = f.forward(1);
  const std::uint64_t number = begin_streaming(f);
  f.home.gate.write(number, "one", false);
  f.home.far.texts.push_back(f.home.far.texts.back());  // it comes twice
  f.run();
  f.home.gate.write(number, "two", false);
  f.home.far.texts.clear();  // it is lost
  f.home.gate.write(number, "three", false);
  f.run();
  assert_text(f.written(), "1 one;1  end;");
  assert_text(f.home.seen.log, "lost answered;");
}

void an_answer_that_nobody_hears(void**) {
  Fixture f;
  const auto exchange = f.forward(1);
  f.wire.remove("entry");
  f.home.gate.answer(f.home.seen.held[0].number, HttpResponse::text(200, "packets"), true);
  f.run();
  for (int second = 1; second <= 3; ++second) {
    assert_text(f.home.seen.log, "");
    f.advance(1'100);
  }
  assert_text(f.home.seen.log, "lost answered;");
}

void an_answer_that_redis_does_not_take(void**) {
  Fixture f;
  const auto exchange = f.forward(1);
  f.home.gate.answer(f.home.seen.held[0].number, HttpResponse::text(200, "packets"), true);
  for (WiredServers::Text& text : std::exchange(f.home.far.texts, {})) text.told(FarServers::Told::failed);
  f.run();
  assert_text(f.home.seen.log, "lost answered;");
  assert_text(f.answers(), "1 400 unknown\n");  // at once
}

// A POST was carried out: its client must not be told that its session is unknown.
void a_kept_answer_that_redis_does_not_take(void**) {
  Fixture f;
  const auto post = f.forward(1, "/post", "one");
  const auto poll = f.forward(2);
  f.home.gate.answer(f.home.seen.held[0].number, HttpResponse::text(200, "ok"), false);
  f.home.gate.answer(f.home.seen.held[1].number, HttpResponse::text(400, "bad"), false);
  f.wire.is_cut = true;
  f.run();
  f.advance(1'100);  // it fails again
  f.wire.is_cut = false;
  f.run();
  assert_text(f.answers(), "");
  f.advance(1'100);
  std::string answers = f.answers();
  assert_true(answers == "1 200 ok2 400 bad" || answers == "2 400 bad1 200 ok");
  assert_text(f.home.seen.log, "");
  assert_int_equal(f.home.seen.bodies.size(), 1);
  f.advance(11'000);
  assert_text(f.answers(), "");
}

// Redis is back, and home and entry connect to it one after the other.
void a_cluster_that_has_just_come_back(void**) {
  Fixture f;
  const auto held = f.forward(1);
  f.wire.is_unsettled = true;
  f.home.gate.answer(f.home.seen.held[0].number, HttpResponse::text(200, "packets"), true);
  const auto post = f.forward(2, "/post", "one");
  for (int second = 0; second < 5; ++second) f.advance(1'100);  // no such look counts as a silent one
  assert_text(f.answers(), "");
  assert_text(f.home.seen.log, "");
  f.wire.is_unsettled = false;
  f.advance(1'100);
  assert_text(f.answers(), "1 200 packets");
  assert_int_equal(f.home.seen.bodies.size(), 1);
  f.home.gate.answer(f.home.seen.held[1].number, HttpResponse::text(200, "ok"), false);
  f.run();
  assert_text(f.answers(), "2 200 ok");
}

void a_server_that_had_gone_may_be_there_when_the_cluster_comes_back(void**) {
  Fixture f;
  f.wire.remove("home");
  const auto first = f.forward(1);
  for (int second = 0; second < 3; ++second) f.advance(1'100);
  assert_text(f.answers(), "1 400 unknown\n");
  f.wire.is_unsettled = true;
  const auto second = f.forward(2);
  assert_text(f.answers(), "");
  f.wire.is_unsettled = false;
  f.wire.add("home", f.home.gate);
  f.advance(1'100);
  assert_int_equal(f.home.seen.held.size(), 1);
  assert_text(f.answers(), "");
}

// In a Redis Cluster it may come by two nodes.
void an_answer_that_comes_twice(void**) {
  Fixture f;
  const auto poll = f.forward(1);
  f.home.gate.answer(f.home.seen.held[0].number, HttpResponse::text(200, "packets"), true);
  const WiredServers::Text answer = f.home.far.texts.back();
  f.run();
  assert_text(f.answers(), "1 200 packets");
  f.home.far.texts.push_back({answer.server, answer.text, nullptr});
  f.run();
  assert_text(f.answers(), "");
  assert_text(f.home.seen.log, "");
}

void the_end_of_a_streaming_answer_that_comes_twice(void**) {
  Fixture f;
  const auto exchange = f.forward(1);
  const std::uint64_t number = begin_streaming(f);
  f.home.gate.write(number, "one", true);
  const WiredServers::Text end = f.home.far.texts.back();
  f.run();
  f.home.far.texts.push_back({end.server, end.text, nullptr});
  f.run();
  assert_text(f.written(), "1 one end;");
  assert_text(f.home.seen.log, "");
}

void the_home_has_no_place(void**) {
  Fixture f;
  std::vector<FarRequests::Place> places;
  for (std::int64_t number = 0; number < FarRequests::kMax; ++number) places.push_back(f.home.requests.receive());
  const auto exchange = f.forward(1);
  assert_text(f.answers(), "1 503 too many requests of other servers\n");
  assert_int_equal(f.home.server.refused(Refusal::sessions), 1);
  assert_int_equal(f.entry.server.refused(Refusal::sessions), 0);
}

void an_answer_for_a_request_that_is_not_known(void**) {
  Fixture f;
  const auto exchange = f.forward(1);
  exchange->on_lost(false);
  f.entry.far.texts.clear();  // the home does not hear of it
  f.home.gate.answer(f.home.seen.held[0].number, HttpResponse::text(200, "packets"), true);
  f.run();
  assert_text(f.answers(), "");
  assert_text(f.home.seen.log, "lost answered;");
}

void a_streaming_answer_without_an_entry_ends(void**) {
  Fixture f;
  const auto exchange = f.forward(1);
  (void)begin_streaming(f);
  f.entry.gate.shut_down();
  f.advance(50'000);
  assert_text(f.home.seen.log, "");
  f.advance(11'000);
  assert_text(f.home.seen.log, "lost answered;");
}

void a_request_that_comes_twice(void**) {
  Fixture f;
  FarRequest request;
  request.name = {"entry", 0, 99};
  request.request.path = "/poll";
  const std::string text = pack(request);
  for (int time = 0; time < 2; ++time) f.home.gate.on_text(FarKind::request, std::string_view(text).substr(1));
  f.run();
  assert_int_equal(f.home.seen.held.size(), 1);
  assert_text(f.answers(), "");
}

void one_address_has_its_share(void**) {
  ServerOptions options;
  options.max_polling_sessions_per_address = 2;
  Fixture f(options);
  std::vector<std::unique_ptr<Exchange>> held;
  for (std::uint64_t number = 1; number <= 4; ++number) held.push_back(f.forward(number));
  assert_text(f.answers(), "");
  held.push_back(f.forward(5));
  assert_text(f.answers(), "5 503 too many requests for other servers\n");
  assert_int_equal(f.entry.server.refused(Refusal::sessions_per_address), 1);
  held[0]->on_lost(false);
  held.push_back(f.forward(6));
  assert_text(f.answers(), "");
}

// Two gates are two loops of a server.
void limits_hold_for_all_loops(void**) {
  ServerOptions options;
  options.max_polling_sessions_per_address = 2;
  FarRequests requests(options);
  std::optional<Refusal> refusal;
  std::vector<FarRequests::Place> places;
  for (int number = 0; number < 4; ++number) places.push_back(requests.forward("10.0.0.9", refusal));
  assert_false(refusal.has_value());
  assert_false(static_cast<bool>(requests.forward("10.0.0.9", refusal)));
  assert_true(refusal == Refusal::sessions_per_address);
  refusal.reset();
  for (int number = 4; number < FarRequests::kMax; ++number) {
    places.push_back(requests.forward("10.1.0." + std::to_string(number / 4), refusal));
  }
  assert_false(refusal.has_value());
  assert_int_equal(requests.stats().forwarded_now, FarRequests::kMax);
  assert_false(static_cast<bool>(requests.forward("", refusal)));
  assert_true(refusal == Refusal::sessions);
  refusal.reset();
  places.front().release();
  places.front().release();
  places.front() = requests.forward("", refusal);
  assert_true(static_cast<bool>(places.front()));
  places.clear();
  assert_int_equal(requests.stats().forwarded_now, 0);
  for (int number = 0; number < FarRequests::kMax; ++number) places.push_back(requests.receive());
  assert_true(static_cast<bool>(places.back()));
  assert_false(static_cast<bool>(requests.receive()));
  assert_int_equal(requests.stats().foreign_now, FarRequests::kMax);
}

void two_loops_share_the_limit(void**) {
  ServerOptions options;
  options.max_polling_sessions_per_address = 2;
  Fixture f(options);
  FarGate other(f.entry.server.loop());
  other.open(f.entry.far, f.entry.requests, nullptr);
  std::vector<std::unique_ptr<Exchange>> held;
  for (std::uint64_t number = 1; number <= 3; ++number) held.push_back(f.forward(number));
  const auto forward_there = [&](std::uint64_t number) {
    RequestContext context;
    context.address = "10.0.0.9";
    FarGate::Forwarding forwarding;
    forwarding.server = "home";
    forwarding.within_ms = 50'000;
    held.push_back(other.forward({}, context, {}, std::move(forwarding)).exchange);
    held.back()->on_held({0, 6, number});
  };
  forward_there(1);
  assert_text(f.answers(), "");
  forward_there(2);
  assert_text(f.answers(), "2 503 too many requests for other servers\n");
  held.push_back(f.forward(4));
  assert_text(f.answers(), "4 503 too many requests for other servers\n");
  other.shut_down();
  held.push_back(f.forward(5));
  assert_text(f.answers(), "");
}

void bytes_of_an_address_are_counted(void**) {
  ServerOptions options;
  options.hub.max_queued_bytes_per_address = 3'000;
  Fixture f(options);
  const auto first = f.forward(1, "/post", std::string(900, 'x'));
  assert_text(f.answers(), "");
  const auto second = f.forward(2, "/post", std::string(900, 'x'));
  assert_text(f.answers(), "2 503 too many requests for other servers\n");
  first->on_lost(false);
  const auto third = f.forward(3, "/post", std::string(900, 'x'));
  assert_text(f.answers(), "");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_request_and_its_answer),
      cmocka_unit_test(a_body_comes_with_its_length),
      cmocka_unit_test(what_the_home_answers_at_once),
      cmocka_unit_test(the_session_hears_of_a_client_that_is_gone),
      cmocka_unit_test(an_answer_in_parts),
      cmocka_unit_test(a_server_that_there_is_not),
      cmocka_unit_test(a_home_that_connects_again),
      cmocka_unit_test(an_entry_that_connects_again),
      cmocka_unit_test(what_waits_for_a_server_is_bounded),
      cmocka_unit_test(an_answer_that_is_lost_is_given_again),
      cmocka_unit_test(a_request_that_is_lost_is_noticed),
      cmocka_unit_test(a_request_that_takes_long_is_not_disturbed),
      cmocka_unit_test(a_client_that_takes_its_answer_slowly),
      cmocka_unit_test(a_home_that_dies),
      cmocka_unit_test(an_entry_that_dies),
      cmocka_unit_test(while_the_cluster_is_gone),
      cmocka_unit_test(an_answer_that_does_not_come),
      cmocka_unit_test(a_gap_ends_a_streaming_answer),
      cmocka_unit_test(an_answer_that_nobody_hears),
      cmocka_unit_test(an_answer_that_redis_does_not_take),
      cmocka_unit_test(a_kept_answer_that_redis_does_not_take),
      cmocka_unit_test(a_cluster_that_has_just_come_back),
      cmocka_unit_test(a_server_that_had_gone_may_be_there_when_the_cluster_comes_back),
      cmocka_unit_test(an_answer_that_comes_twice),
      cmocka_unit_test(the_end_of_a_streaming_answer_that_comes_twice),
      cmocka_unit_test(the_home_has_no_place),
      cmocka_unit_test(an_answer_for_a_request_that_is_not_known),
      cmocka_unit_test(a_streaming_answer_without_an_entry_ends),
      cmocka_unit_test(a_request_that_comes_twice),
      cmocka_unit_test(one_address_has_its_share),
      cmocka_unit_test(limits_hold_for_all_loops),
      cmocka_unit_test(two_loops_share_the_limit),
      cmocka_unit_test(bytes_of_an_address_are_counted),
  };
  return cmocka_run_group_tests_name("net/session/far_gate", tests, nullptr, nullptr);
}
