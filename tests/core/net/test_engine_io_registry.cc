// Which sessions there are: limits, where each has its home, and many threads at once.
#include "net/engine_io_registry.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

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
using session::EngineIoTransport;

namespace {

constexpr auto kPolling = EngineIoTransport::polling;
constexpr auto kWebSocket = EngineIoTransport::websocket;

bool add(EngineIoRegistry& registry, const std::string& sid, const std::string& address = "192.0.2.1") {
  const Status status = registry.add(sid, {0, kPolling}, address);
  if (!status.ok()) assert_int_equal(status.code, Error::too_many);
  assert_int_equal(status.ok(), registry.find(sid).has_value());
  return status.ok();
}

void what_was_added_is_found_until_it_is_removed(void**) {
  EngineIoRegistry registry(kUnlimited, kUnlimited);
  assert_false(registry.find("a").has_value());
  assert_true(registry.add("a", {3, kWebSocket}, "192.0.2.1").ok());
  assert_true(registry.add("b", {0, kPolling}, "192.0.2.1").ok());
  assert_int_equal(registry.size(), 2);
  assert_int_equal(registry.find("a")->home, 3);
  assert_true(registry.find("a")->transport == kWebSocket);
  assert_int_equal(registry.find("b")->home, 0);
  assert_true(registry.find("b")->transport == kPolling);
  registry.remove("a");
  assert_false(registry.find("a").has_value());
  assert_true(registry.find("b").has_value());
  assert_int_equal(registry.size(), 1);
  registry.remove("a");
  registry.remove("never");
  assert_int_equal(registry.size(), 1);
}

void a_session_moves_and_is_upgraded(void**) {
  EngineIoRegistry registry(1, 1);
  assert_true(add(registry, "a"));
  registry.set("a", {2, kWebSocket});
  assert_int_equal(registry.find("a")->home, 2);
  assert_true(registry.find("a")->transport == kWebSocket);
  assert_int_equal(registry.size(), 1);
  // One that has gone meanwhile does not come back.
  registry.remove("a");
  registry.set("a", {1, kPolling});
  assert_false(registry.find("a").has_value());
  assert_int_equal(registry.size(), 0);
}

// An upgrade is announced by the loop that reads its packet, and called off when it comes to nothing.
void an_upgrade_is_announced_without_a_move(void**) {
  EngineIoRegistry registry(1, 1);
  assert_true(registry.add("a", {2, kPolling}, "192.0.2.1").ok());
  registry.set_transport("a", kWebSocket);
  assert_int_equal(registry.find("a")->home, 2);
  assert_true(registry.find("a")->transport == kWebSocket);
  registry.set_transport("a", kPolling);
  assert_int_equal(registry.find("a")->home, 2);
  assert_true(registry.find("a")->transport == kPolling);
  registry.remove("a");
  registry.set_transport("a", kWebSocket);
  assert_false(registry.find("a").has_value());
}

void sessions_are_limited(void**) {
  EngineIoRegistry registry(2, kUnlimited);
  assert_true(add(registry, "a", "192.0.2.1"));
  assert_true(add(registry, "b", ""));
  assert_false(add(registry, "c", "192.0.2.3"));
  assert_false(add(registry, "d", ""));
  assert_int_equal(registry.size(), 2);
  registry.remove("b");
  assert_true(add(registry, "c", "192.0.2.3"));
  assert_false(add(registry, "d", ""));

  EngineIoRegistry none(0, kUnlimited);
  assert_false(add(none, "a"));
}

void sessions_of_an_address_are_limited(void**) {
  EngineIoRegistry registry(kUnlimited, 2);
  for (const char* sid : {"a", "b"}) assert_true(add(registry, sid, "192.0.2.1"));
  assert_false(add(registry, "c", "192.0.2.1"));
  for (const char* sid : {"d", "e"}) assert_true(add(registry, sid, "2001:db8::1"));
  assert_false(add(registry, "f", "2001:db8::1"));
  for (const char* sid : {"u1", "u2", "u3"}) assert_true(add(registry, sid, ""));  // a UNIX socket
  // What was refused is not counted.
  registry.remove("a");
  assert_true(add(registry, "c", "192.0.2.1"));
  assert_false(add(registry, "g", "192.0.2.1"));
  // Neither a move nor a second removal frees a place.
  registry.set("c", {1, kWebSocket});
  registry.remove("a");
  assert_false(add(registry, "g", "192.0.2.1"));

  EngineIoRegistry none(kUnlimited, 0);
  for (int i = 0; i < 3; ++i) assert_false(add(none, "a", "192.0.2.1"));
  assert_true(add(none, "u", ""));
}

// The whole is full, which must not use up a place of the address.
void who_is_refused_by_one_limit_does_not_count_for_the_other(void**) {
  EngineIoRegistry registry(1, 1);
  assert_true(add(registry, "a", "192.0.2.1"));
  for (int i = 0; i < 3; ++i) assert_false(add(registry, "b", "192.0.2.2"));
  registry.remove("a");
  assert_true(add(registry, "b", "192.0.2.2"));
}

// Every thread adds and removes its own, at one address that is full most of the time.
void threads_share_it(void**) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 2'000;
  constexpr std::int64_t kPlaces = 6;
  EngineIoRegistry registry(kUnlimited, kPlaces);
  std::atomic<int> faults = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < kRounds; ++round) {
        std::vector<std::string> mine;
        for (int i = 0; i < 3; ++i) {
          const std::string sid = std::to_string(t) + "-" + std::to_string(round) + "-" + std::to_string(i);
          const auto home = static_cast<std::size_t>(t);
          if (registry.add(sid, {home, kPolling}, "192.0.2.1").ok()) {
            mine.push_back(sid);
          } else if (registry.find(sid)) {
            ++faults;
          }
        }
        if (registry.size() > kPlaces) ++faults;
        for (const std::string& sid : mine) {
          registry.set(sid, {static_cast<std::size_t>(t) + 10, kWebSocket});
          const auto entry = registry.find(sid);
          if (!entry || entry->home != static_cast<std::size_t>(t) + 10 || entry->transport != kWebSocket) ++faults;
          registry.remove(sid);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  assert_int_equal(faults, 0);
  assert_int_equal(registry.size(), 0);
  for (std::int64_t i = 0; i < kPlaces; ++i) assert_true(add(registry, std::to_string(i)));
  assert_false(add(registry, "one more"));
}

void sessions_on_polling_are_bounded_whatever_the_options(void**) {
  EngineIoRegistry registry(kUnlimited, kUnlimited);
  const auto add_as = [&](std::size_t number, session::EngineIoTransport transport) {
    return registry.add(std::to_string(number), {0, transport}, {}).ok();
  };
  constexpr std::size_t kMax = EngineIoRegistry::kMaxPollingSessions;
  for (std::size_t i = 0; i < kMax; ++i) assert_true(add_as(i, session::EngineIoTransport::polling));
  assert_false(add_as(kMax, session::EngineIoTransport::polling));
  assert_true(add_as(kMax, kWebSocket));
  registry.set("0", {0, kWebSocket});  // upgraded
  assert_true(add_as(kMax + 1, session::EngineIoTransport::polling));
  assert_false(add_as(kMax + 2, session::EngineIoTransport::polling));
  registry.remove("1");
  registry.remove("0");
  assert_true(add_as(kMax + 2, session::EngineIoTransport::polling));
  assert_false(add_as(kMax + 3, session::EngineIoTransport::polling));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_was_added_is_found_until_it_is_removed),
      cmocka_unit_test(a_session_moves_and_is_upgraded),
      cmocka_unit_test(an_upgrade_is_announced_without_a_move),
      cmocka_unit_test(sessions_are_limited),
      cmocka_unit_test(sessions_of_an_address_are_limited),
      cmocka_unit_test(who_is_refused_by_one_limit_does_not_count_for_the_other),
      cmocka_unit_test(sessions_on_polling_are_bounded_whatever_the_options),
      cmocka_unit_test(threads_share_it),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
