// Makes each allocation of a scenario fail in turn. In every case the site can still end: no session, no id, no client and no room is
// left, and no message is delivered twice. A client that misses a message loses its session, or is
// closed.
#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "core/net/fake_sockets.h"
#include "core/net/recorder.h"
#include "support/failing_allocations.h"

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

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t result = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++result;
  return result;
}

struct Fixture {
  Fixture() : site(app, options(), 2) {}
  ~Fixture() { allocations_until_failure = -1; }

  static ServerOptions options() {
    ServerOptions result;
    result.endpoints = {{"/chat", Protocol::plain, 7, 0, 0x3F}, {"/stomp", Protocol::stomp, 7, 0, 0x3F}};
    return result;
  }
  FakeClient& client(std::size_t loop = 0) {
    clients.push_back(std::make_unique<FakeClient>(site, loop));
    return *clients.back();
  }
  FakeClient& request(std::size_t loop, std::string_view method, std::string_view target, std::string_view body = {}) {
    FakeClient& from = client(loop);
    from.request(method, target, {}, body);
    site.run();
    return from;
  }
  // Everything that any client has received.
  std::string received() const {
    std::string all;
    for (const auto& client : clients) all += client->wire().to_client;
    return all;
  }

  Recorder app;
  FakeSite site;
  std::vector<std::unique_ptr<FakeClient>> clients;
};

// The server's loop goes on after a failure; so does this one, until all is quiet.
void settle(Fixture& f) {
  for (int i = 0; i < 20; ++i) f.site.advance(100);
  for (const auto& client : f.clients) client->hang_up();
  f.site.advance(6'000);
}

using Scenario = void (*)(Fixture&);

// The first run fails nothing and counts the allocations. Returns how many they are.
long fail_each_allocation(Scenario scenario, std::size_t times_at_most) {
  long allocations = 0;
  for (long failing = -1; failing < allocations; ++failing) {
    Fixture f;
    constexpr long kMany = 1'000'000'000;
    const long failed_before = failed_allocations;
    allocations_until_failure = failing < 0 ? kMany : failing;
    try {
      scenario(f);
    } catch (const std::bad_alloc&) {
    }
    if (failing < 0) allocations = kMany - allocations_until_failure;
    allocations_until_failure = -1;
    assert_int_equal(failed_allocations - failed_before, failing < 0 ? 0 : 1);
    const std::string received = f.received();
    settle(f);
    assert_true(count(received, "the message") <= times_at_most);
    if (failing < 0) assert_int_equal(count(received, "the message"), times_at_most);
    assert_int_equal(f.site.sessions.size(), 0);
    for (std::size_t i = 0; i < f.site.loops(); ++i) assert_true(f.site.sockets(i).sessions().empty());
    assert_int_equal(f.site.loop().sources().total(Resource::queued_bytes), 0);
    for (ClientId id = 1; id < 4; ++id)
      if (f.site.client(id)) fail_msg("%ld", failing);
    for (const RoomInfo& room : f.site.server.hub->rooms()) assert_int_equal(room.member_count, 0);
    // The id is free.
    assert_true(f.request(0, "POST", "/chat/0/one/xhr").answer().starts_with("200 o"));
    settle(f);
  }
  return allocations;
}

void polling(void**) {
  const long allocations = fail_each_allocation(
      [](Fixture& f) {
        f.request(0, "POST", "/chat/0/one/xhr");
        f.request(1, "POST", "/chat/0/one/xhr");
        f.request(1, "POST", "/chat/0/one/xhr_send", R"(["the message, too long for a short string"])");
      },
      1);
  assert_true(allocations > 100);
}

void streaming(void**) {
  const long allocations = fail_each_allocation(
      [](Fixture& f) {
        f.request(1, "POST", "/chat/0/one/xhr_streaming");
        f.site.publish("lobby", "the message, too long for a short string");
        f.site.publish("lobby", "the message, too long for a short string");
        f.site.run();
        if (const ClientPtr client = f.site.client(1)) {
          (void)f.site.server.hub->close_client(client, 4'000, "a reason that is too long for a short string");
        }
        f.site.run();
      },
      2);
  assert_true(allocations > 100);
}

void over_a_websocket(void**) {
  const long allocations = fail_each_allocation(
      [](Fixture& f) {
        FakeClient& socket = f.client(1);
        socket.upgrade("/chat/0/one/websocket");
        f.site.run();
        socket.say(R"(["the message, too long for a short string","the message, too long for a short string"])");
        f.site.run();
      },
      2);
  assert_true(allocations > 100);
}

void of_stomp(void**) {
  const long allocations = fail_each_allocation(
      [](Fixture& f) {
        f.request(0, "GET", "/stomp/0/one/eventsource");
        f.request(
            1, "POST", "/stomp/0/one/xhr_send",
            R"(["CONNECT\naccept-version:1.2\nhost:h\n\n\u0000","SUBSCRIBE\nid:0\ndestination:/topic/a\n\n\u0000"])");
        f.request(0, "POST", "/stomp/0/one/xhr_send",
                  R"(["SEND\ndestination:/topic/a\n\nthe message, too long for a short string\u0000"])");
        f.site.run();
      },
      1);
  assert_true(allocations > 100);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(polling),
      cmocka_unit_test(streaming),
      cmocka_unit_test(over_a_websocket),
      cmocka_unit_test(of_stomp),
  };
  return cmocka_run_group_tests_name("core/net/endpoint/sockjs/allocation_failures", tests, nullptr, nullptr);
}
