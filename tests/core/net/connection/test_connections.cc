// The connections of one loop: when they get turns, and how they end in every state, at once or in portions.
#include "net/connection/connections.h"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/net/connection/connection_fixture.h"

// After all others.
#include "core/net/connection/expect.h"

using namespace chat;
using namespace chat::net;
using chat::test::expect;

namespace {

constexpr std::int64_t kFinishTimeoutMs = 2'000;
constexpr std::size_t kMaxDiscardedBytes = 1'048'576;

std::string get(const std::string& path) { return "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"; }
std::string ok(const std::string& path) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " +
         std::to_string(path.size()) + "\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n" + path;
}
const std::string kUpgrade = "GET /socket HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

class RecordingExchange final : public Exchange {
 public:
  explicit RecordingExchange(std::string& events) : events_(events) {}
  void on_held(const HeldRequest&) override {}
  void on_body(std::string) override {}
  void on_body_too_large() override {}
  void complete(HttpResponse&) override {}
  void on_lost(bool answered) override { events_ += answered ? "lost answered; " : "lost; "; }

 private:
  std::string& events_;
};

// Several connections, each with its own wire. Requests for /held are held, and /socket becomes a WebSocket.
struct Fixture : test::ConnectionFixture {
  static constexpr std::size_t kMax = 10;

  explicit Fixture(std::size_t count = 0) {
    router.routes = [this](Connection&, const HttpRequest& request) -> test::FakeRouter::Reaction {
      if (request.path != "/held") return HttpResponse::text(200, request.path);
      const BodyPlan plan = plan_body(request);
      return Hold{std::make_unique<RecordingExchange>(lost), plan.kind, plan.length_bytes, 100};
    };
    router.opens = [this](Connection& from, const HttpRequest&) -> std::optional<HttpResponse> {
      from.make_websocket(std::make_unique<test::RecordingUser>(user), websocket_carrier(), 100)
          .accept_handshake("101\r\n\r\n", std::nullopt);
      return std::nullopt;
    };
    for (std::size_t i = 0; i < count; ++i) add();
  }
  ~Fixture() { connections.destroy_all(); }  // they use the members below

  Connection& add() {
    all.push_back(&accept(wires[all.size()]));
    return *all.back();
  }
  void input_to(std::size_t i, std::string_view bytes) {
    connection = all[i];
    input(bytes);
  }
  // What was called on each wire since the last call: "0 close, 2 close".
  std::string called() {
    std::string calls;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (wires[i].calls.empty()) continue;
      calls += (calls.empty() ? "" : ", ") + std::to_string(i) + " " + wires[i].called();
    }
    return calls;
  }
  // All output of all wires, in the order in which these were added.
  std::string sent() {
    std::string bytes;
    for (test::Wire& one : wires) bytes += one.sent();
    return bytes;
  }
  std::string destroyed() const {
    std::string which;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (wires[i].destroyed) which += std::to_string(i) + " ";
    }
    return which;
  }
  std::uint64_t open_now() { return loop().stats().connections_now.get(); }

  std::array<test::Wire, kMax> wires;
  std::vector<Connection*> all;  // including destroyed ones
  test::UserLog user;
  std::string lost;
};

void never() { fail_msg("not to be called"); }

// Life ----------------------------------------------------------------------------------------------------------------

void counts_what_comes_and_goes(void**) {
  Fixture f(2);
  assert_int_equal(f.open_now(), 2);
  assert_int_equal(f.loop().stats().connections_total.get(), 2);
  assert_int_equal(f.open.load(), 2);
  assert_int_equal(f.connections.living(), 2);
  assert_false(f.connections.empty());
  const std::uint64_t last_id = f.all[1]->id();
  f.all[0]->on_released();
  f.all[1]->on_released();
  f.all[1]->on_released();  // only the first call counts
  assert_int_equal(f.open_now(), 0);
  assert_int_equal(f.open.load(), 0);
  assert_true(f.connections.empty());
  assert_int_equal(f.connections.living(), 2);
  expect(f.destroyed(), "");
  f.connections.destroy_buried();
  assert_int_equal(f.connections.living(), 0);
  expect(f.destroyed(), "0 1 ");
  assert_true(f.add().id() > last_id);
  assert_int_equal(f.loop().stats().connections_total.get(), 3);
}

void finds_only_websockets(void**) {
  Fixture f(1);
  const std::uint64_t id = f.all[0]->id();
  assert_null(f.connections.find_websocket(id));
  assert_null(f.connections.find_websocket(id + 1));
  f.input_to(0, kUpgrade);
  assert_ptr_equal(f.connections.find_websocket(id), f.all[0]->websocket());
  assert_non_null(f.all[0]->websocket());
  f.lose();
  assert_null(f.connections.find_websocket(id));
}

void its_share_lives_as_long_as_it(void**) {
  Fixture f;
  const SourceTable& sources = f.loop().sources();
  std::optional<Refusal> refusal;
  Share share = Share::take(f.loop().sources().find("192.0.2.1"), Resource::connections, refusal);
  assert_false(refusal.has_value());
  Connection& direct = f.connections.add("192.0.2.1", std::move(share));
  assert_int_equal(sources.total(Resource::connections), 1);
  assert_false(direct.charge_to(f.loop().sources().find("198.51.100.7")).has_value());  // is charged already
  assert_int_equal(sources.total(Resource::connections), 1);
  // A connection of a trusted proxy is charged to its client.
  Connection& forwarded = f.connections.add("192.0.2.2", Share());
  const SourcePtr client = f.loop().sources().find("198.51.100.7");
  assert_false(forwarded.charge_to(client).has_value());
  assert_int_equal(client->held(Resource::connections), 1);
  direct.on_released();
  forwarded.on_released();
  f.connections.destroy_buried();
  assert_int_equal(sources.total(Resource::connections), 0);
}

// A socket that could not be adopted: there never was a stream.
void can_end_without_a_stream(void**) {
  Fixture f;
  Connection& connection = f.connections.add("192.0.2.1", Share());
  f.loop().set_timer(connection, f.loop().now_ms() + 20);
  f.connections.doom(connection);
  f.connections.kill_doomed([] { return false; });
  assert_int_equal(f.connections.living(), 1);
  f.connections.bury(connection);
  f.connections.destroy_buried();
  assert_int_equal(f.connections.living(), 0);
  f.advance(20);
}

// Turns of input ------------------------------------------------------------------------------------------------------

// Each connection has a request that waits for a held one.
struct Waiting : Fixture {
  explicit Waiting(std::size_t count) : Fixture(count) {
    for (std::size_t i = 0; i < count; ++i) {
      input_to(i, get("/held") + get("/" + std::to_string(i)));
      connections.answer({0, all[i]->id(), 1}, HttpResponse::text(200, "held"), false);
    }
    sent();
    router.asked.clear();
  }
};

void waiting_input_has_a_turn_for_each(void**) {
  Waiting f(3);
  f.all[0]->queue_input();  // is queued already
  assert_true(f.connections.has_waiting_input());
  assert_true(f.connections.take_waiting_input());
  expect(f.router.asked, "GET /0; GET /1; GET /2; ");
  expect(f.sent(), ok("/0") + ok("/1") + ok("/2"));
  // Input that the answers queued waits for the next call.
  assert_true(f.connections.has_waiting_input());
  assert_true(f.connections.take_waiting_input());
  assert_false(f.connections.has_waiting_input());
  assert_true(f.connections.take_waiting_input());
}

void turns_go_on_where_they_were_interrupted(void**) {
  Waiting f(3);
  f.loop().budget().begin(0);
  assert_false(f.connections.take_waiting_input());
  expect(f.router.asked, "GET /0; ");
  f.all[0]->queue_input();  // again, after the others
  assert_false(f.connections.take_waiting_input());
  expect(f.router.asked, "GET /0; GET /1; ");
  assert_true(f.connections.take_waiting_input());
  expect(f.router.asked, "GET /0; GET /1; GET /2; ");
  assert_true(f.connections.has_waiting_input());
  f.loop().budget().lift();
  assert_true(f.connections.take_waiting_input());
}

void ended_connections_have_no_turn(void**) {
  Waiting f(4);
  f.all[0]->on_released();
  f.connections.destroy_buried();
  f.all[1]->doom();
  f.all[2]->finish();
  assert_true(f.connections.take_waiting_input());
  expect(f.router.asked, "GET /3; ");
}

// Ends ----------------------------------------------------------------------------------------------------------------

void a_doomed_connection_ends_with_the_round(void**) {
  Fixture f(2);
  f.input_to(0, get("/held"));
  assert_false(f.connections.any_doomed());
  f.all[0]->doom();
  expect(f.lost, "lost; ");
  f.all[0]->doom();
  assert_true(f.connections.any_doomed());
  assert_true(f.all[0]->doomed() && f.all[0]->ending());
  // It receives nothing any more.
  f.input_to(0, get("/never"));
  f.all[0]->on_writable();
  f.all[0]->finish();
  f.connections.answer({0, f.all[0]->id(), 1}, HttpResponse::text(200, "never"), true);
  f.advance(0);
  expect(f.called(), "0 close");
  expect(f.sent(), "");
  expect(f.lost, "lost; ");
  expect(f.destroyed(), "0 ");
  assert_false(f.connections.any_doomed());
  assert_int_equal(f.connections.living(), 1);
}

void a_killed_connection_can_be_reset(void**) {
  Fixture f(2);
  f.all[0]->set_reset();
  f.all[0]->doom();
  f.all[1]->doom();
  f.turn();
  expect(f.called(), "0 reset close, 1 close");
}

void killing_goes_on_where_it_was_interrupted(void**) {
  Fixture f(5);
  for (Connection* const each : f.all) each->doom();
  int asked = 0;
  assert_true(f.connections.kill_doomed([&] { return asked++ == 2; }));  // the loop has closed enough sockets
  expect(f.called(), "0 close, 1 close");
  assert_true(f.connections.any_doomed());
  f.loop().budget().begin(0);
  assert_false(f.connections.kill_doomed([] { return false; }));
  expect(f.called(), "2 close");
  assert_false(f.connections.kill_doomed([] { return false; }));
  assert_true(f.connections.kill_doomed([] { return false; }));
  expect(f.called(), "3 close, 4 close");
  assert_false(f.connections.any_doomed());
  assert_true(f.connections.kill_doomed([] {
    never();
    return false;
  }));
}

void a_connection_that_is_released_meanwhile_is_not_killed(void**) {
  Fixture f(2);
  f.all[0]->doom();
  f.all[1]->doom();
  f.all[0]->on_released();
  f.connections.destroy_buried();
  f.turn();
  expect(f.called(), "1 close");
  assert_int_equal(f.open.load(), 0);
}

void destruction_goes_on_where_it_was_interrupted(void**) {
  Fixture f(3);
  for (Connection* const each : f.all) each->on_released();
  f.loop().budget().begin(0);
  assert_false(f.connections.destroy_buried());
  assert_int_equal(f.connections.living(), 2);
  assert_false(f.connections.destroy_buried());
  assert_true(f.connections.destroy_buried());
  expect(f.destroyed(), "0 1 2 ");
  assert_true(f.connections.destroy_buried());
}

// Each in a different state.
struct EachState : Fixture {
  enum : std::size_t { fresh, served, begun, held, body, writing, socket, closing, finishing, doomed, count };

  EachState() : Fixture(count) {
    input_to(served, get("/"));
    input_to(begun, "GET /");
    input_to(held, get("/held"));
    input_to(body, "POST /held HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
    wires[writing].takes = 10;
    input_to(writing, get("/"));
    input_to(socket, kUpgrade);
    input_to(closing, kUpgrade);
    all[closing]->websocket()->close(1000, "bye");
    all[finishing]->finish();
    all[doomed]->doom();
    called();
    sent();
  }
};
static_assert(EachState::count == Fixture::kMax);

void the_idle_are_those_between_two_requests(void**) {
  EachState f;
  f.connections.doom_idle();
  for (std::size_t i = 0; i < EachState::count; ++i) {
    const bool ends = i == EachState::fresh || i == EachState::served || i == EachState::doomed;
    assert_int_equal(f.all[i]->doomed(), ends);
  }
  f.turn();
  expect(f.called(), "0 close, 1 close, 9 close");
  assert_int_equal(f.connections.living(), 7);
  expect(f.lost, "");
}

void the_end_of_the_loop_destroys_all(void**) {
  EachState f;
  f.user.seen();
  f.all[EachState::fresh]->on_released();  // buried connections too
  f.connections.destroy_all();
  assert_true(f.connections.empty());
  assert_int_equal(f.connections.living(), 0);
  assert_int_equal(f.open.load(), 0);
  assert_int_equal(f.open_now(), 0);
  expect(f.destroyed(), "0 1 2 3 4 5 6 7 8 9 ");
  expect(f.lost, "lost; lost; ");
  expect(f.user.seen(), "closed 1006 the connection was lost; ");
  expect(f.called(), "");  // the streams end by themselves
  f.turn();
  f.advance(1'000'000);
  expect(f.sent(), "");
}

void the_end_of_the_loop_closes_every_stream(void**) {
  Fixture f(4);
  f.input_to(1, kUpgrade);
  f.input_to(2, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  f.all[3]->on_released();
  f.user.seen();
  f.called();
  f.connections.kill_all();
  expect(f.called(), "0 close, 1 close, 2 close");
  expect(f.lost, "lost; ");
  expect(f.user.seen(), "closed 1006 the connection was lost; ");
  assert_true(f.connections.empty());
  assert_int_equal(f.open.load(), 0);
}

// Finishing -----------------------------------------------------------------------------------------------------------

void a_finishing_connection_waits_for_the_peer(void**) {
  Fixture f(1);
  f.all[0]->set_reading(false);
  f.input_to(0, "GET /never");
  f.called();
  f.all[0]->finish();
  f.all[0]->finish();
  expect(f.called(), "0 finish on");
  assert_true(f.all[0]->ending());
  assert_false(f.all[0]->doomed());
  assert_int_equal(f.all[0]->kept_bytes(), 0);
  f.input_to(0, get("/never"));
  f.all[0]->on_writable();
  f.turn();
  expect(f.router.asked + f.sent() + f.called(), "");
  f.advance(kFinishTimeoutMs - 20);
  f.lose();
  f.advance(20);
  expect(f.called(), "");
  expect(f.destroyed(), "0 ");
}

void a_finishing_connection_waits_two_seconds(void**) {
  Fixture f(1);
  f.all[0]->finish();
  f.advance(kFinishTimeoutMs - 20);
  f.input_to(0, "does not make it longer");
  expect(f.called(), "0 finish on");
  f.advance(20);
  expect(f.called(), "0 close");
}

void a_finishing_connection_discards_one_mebibyte(void**) {
  Fixture f(1);
  f.all[0]->finish();
  const std::string piece(65'536, 'x');
  for (std::size_t bytes = 0; bytes < kMaxDiscardedBytes; bytes += piece.size()) f.input_to(0, piece);
  f.turn();
  expect(f.called(), "0 finish on");
  f.input_to(0, "x");
  assert_true(f.all[0]->doomed());
  f.input_to(0, piece);
  f.turn();
  expect(f.called(), "0 close");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(counts_what_comes_and_goes),
      cmocka_unit_test(finds_only_websockets),
      cmocka_unit_test(its_share_lives_as_long_as_it),
      cmocka_unit_test(can_end_without_a_stream),
      cmocka_unit_test(waiting_input_has_a_turn_for_each),
      cmocka_unit_test(turns_go_on_where_they_were_interrupted),
      cmocka_unit_test(ended_connections_have_no_turn),
      cmocka_unit_test(a_doomed_connection_ends_with_the_round),
      cmocka_unit_test(a_killed_connection_can_be_reset),
      cmocka_unit_test(killing_goes_on_where_it_was_interrupted),
      cmocka_unit_test(a_connection_that_is_released_meanwhile_is_not_killed),
      cmocka_unit_test(destruction_goes_on_where_it_was_interrupted),
      cmocka_unit_test(the_idle_are_those_between_two_requests),
      cmocka_unit_test(the_end_of_the_loop_destroys_all),
      cmocka_unit_test(the_end_of_the_loop_closes_every_stream),
      cmocka_unit_test(a_finishing_connection_waits_for_the_peer),
      cmocka_unit_test(a_finishing_connection_waits_two_seconds),
      cmocka_unit_test(a_finishing_connection_discards_one_mebibyte),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
