// Makes each allocation of a scenario fail in turn. In every case the connection can still end: its users are told, and
// nothing leaks.
#include <memory>
#include <new>
#include <string>

#include "core/net/connection/connection_fixture.h"
#include "core/wire/websocket/client_frames.h"
#include "support/failing_allocations.h"

// After all others.
#include "core/net/connection/expect.h"

using namespace chat;
using namespace chat::net;
using chat::test::allocations_until_failure;
using chat::testing::client_frame;

namespace {

struct Told {
  int links = 0;
  int links_closed = 0;
  int exchanges = 0;
  int exchanges_over = 0;
};

class User final : public LinkUser {
 public:
  explicit User(Told& told) : told_(told) {}
  void on_message(bool, std::string_view) override {}
  void on_link_closed(std::uint16_t, std::string_view) override { ++told_.links_closed; }
  FramePtr encode_gap(const GapReply&) override { return make_text_frame("gap", websocket_carrier()); }

 private:
  Told& told_;
};

class Held final : public Exchange {
 public:
  explicit Held(Told& told) : told_(told) { ++told_.exchanges; }
  ~Held() override { ++told_.exchanges_over; }
  void on_held(const HeldRequest&) override {}
  void on_body(std::string) override {}
  void on_body_too_large() override {}
  void complete(HttpResponse&) override {}
  void on_lost(bool) override {}

 private:
  Told& told_;
};

struct Fixture : test::ConnectionFixture {
  explicit Fixture(ServerOptions options) : ConnectionFixture(std::move(options)) {
    router.routes = [this](Connection&, const HttpRequest& request) -> test::FakeRouter::Reaction {
      if (request.path != "/held") return HttpResponse::text(200, request.path);
      const BodyPlan plan = plan_body(request);
      return Hold{std::make_unique<Held>(told), plan.kind, plan.length_bytes, 10'000};
    };
    router.opens = [this](Connection& from, const HttpRequest&) -> std::optional<HttpResponse> {
      link = &from.make_websocket(std::make_unique<User>(told), websocket_carrier(), 10'000);
      ++told.links;
      link->accept_handshake("HTTP/1.1 101 Switching Protocols\r\n\r\n", std::nullopt);
      return std::nullopt;
    };
    accept();
    loop().set_timer(*connection, loop().now_ms() + 1'000'000);
  }
  ~Fixture() { connections.destroy_all(); }

  void push(const std::string& text, MessagePtr message = nullptr) {
    link->push(make_frame({{false, text}}, link->carrier(), std::move(message)));
  }

  Told told;
  WebSocketLink* link = nullptr;
};

using Scenario = void (*)(Fixture&);

// The first run fails nothing and counts the allocations.
void fail_each_allocation(Scenario scenario, const ServerOptions& options = {}) {
  long allocations = 0;
  for (long failing = -1; failing < allocations; ++failing) {
    Fixture f(options);
    constexpr long kMany = 1'000'000'000;
    allocations_until_failure = failing < 0 ? kMany : failing;
    bool failed = false;
    try {
      scenario(f);
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    if (failing < 0) allocations = kMany - allocations_until_failure;
    allocations_until_failure = -1;
    assert_int_equal(failed, failing >= 0);
    f.connections.destroy_all();
    assert_int_equal(f.told.links_closed, f.told.links);
    assert_int_equal(f.told.exchanges_over, f.told.exchanges);
    assert_int_equal(f.open.load(), 0);
    assert_int_equal(f.loop().sources().total(Resource::queued_bytes), 0);
    assert_true(f.wire.destroyed);
  }
  assert_true(allocations > 10);
}

std::string upgrade() { return "GET /socket HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"; }

void a_websocket_that_is_closed_by_the_peer(void**) {
  fail_each_allocation([](Fixture& f) {
    f.input(upgrade());
    f.turn();
    f.input(client_frame(testing::kText, "in pieces, ") + client_frame(testing::kFin | testing::kPing, "ping"));
    f.push("a frame that is queued");
    f.turn();
    f.input(client_frame(testing::kFin, "and too long for a string that is small"));
    f.input(client_frame(testing::kFin | testing::kClose, test::close_body(1000, "a reason that is not short")));
    f.turn();
    f.lose();
  });
}

void a_websocket_that_is_closed_by_the_server(void**) {
  fail_each_allocation([](Fixture& f) {
    f.input(upgrade());
    f.wire.takes = 10;
    f.push("a frame that is queued");
    f.turn();
    f.link->close(1000, "a reason that is too long for a small string");
    f.writable();
    f.input(client_frame(testing::kFin | testing::kClose, test::close_body(1000, "")));
    f.turn();
    f.lose();
  });
}

void a_websocket_with_a_protocol_error(void**) {
  fail_each_allocation([](Fixture& f) {
    f.input(upgrade() + "\x81\x01x");
    f.turn();
    f.lose();
  });
}

void a_websocket_with_a_full_outbox(void**) {
  for (const OutboxPolicy policy : {OutboxPolicy::disconnect, OutboxPolicy::drop_oldest, OutboxPolicy::drop_newest}) {
    ServerOptions options;
    options.max_outbox_messages = 4;
    options.outbox_policy = policy;
    fail_each_allocation(
        [](Fixture& f) {
          f.input(upgrade());
          f.wire.takes = 10;
          const auto message = std::make_shared<Message>();
          for (int i = 0; i < 9; ++i) f.push("a frame that is queued, or dropped", message);
          f.writable();
          f.turn();
          f.lose();
        },
        options);
  }
}

void requests(void**) {
  ServerOptions options;
  options.hub.max_queued_bytes_per_address = 1 << 20;
  fail_each_allocation(
      [](Fixture& f) {
        f.input("POST /held HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1770\r\n");
        f.input(std::string(6'000, 'x') + "\r\n0\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\nGET /");
        f.wire.takes = 10;
        f.connections.answer({0, f.connection->id(), 1}, HttpResponse::text(200, std::string(9'000, 'y')), true);
        f.turn();
        f.writable();
        f.turn();
        f.advance(20'000);
        f.lose();
      },
      options);
}

void a_connection_ends_without_memory(void**) {
  Fixture f({});
  allocations_until_failure = 0;
  f.connection->on_released();
  const bool none = allocations_until_failure == 0;
  allocations_until_failure = -1;
  assert_true(none);
  assert_true(f.connections.empty());
  assert_int_equal(f.open.load(), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_websocket_that_is_closed_by_the_peer),
      cmocka_unit_test(a_websocket_that_is_closed_by_the_server),
      cmocka_unit_test(a_websocket_with_a_protocol_error),
      cmocka_unit_test(a_websocket_with_a_full_outbox),
      cmocka_unit_test(requests),
      cmocka_unit_test(a_connection_ends_without_memory),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
