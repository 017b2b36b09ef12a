// Which sessions there are: limits, where each has its home, and many threads at once.
#include "net/endpoint/engine_io/engine_io_registry.h"

#include <atomic>
#include <cstdlib>
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

namespace {

constexpr auto kPolling = Transport::polling;
constexpr auto kWebSocket = Transport::websocket;

// All at once, so that nobody has to make way.
constexpr std::int64_t kNow = 5'000;

SessionLimits limits(std::int64_t total, std::int64_t per_source) {
  SessionLimits result;
  result.total = total;
  result.per_source = per_source;
  return result;
}

std::optional<Refusal> add_entry(EngineIoRegistry& registry, const std::string& sid,
                                 const EngineIoRegistry::Entry& entry, const std::string& address) {
  std::vector<EngineIoRegistry::Evicted> evicted;
  const std::optional<Refusal> expected = registry.check(entry, address, kNow);
  const std::optional<Refusal> refusal = registry.add(sid, entry, address, kNow, evicted);
  if (refusal != expected || !evicted.empty()) std::abort();
  return refusal;
}

bool add(EngineIoRegistry& registry, const std::string& sid, const std::string& address = "192.0.2.1") {
  const bool added = !add_entry(registry, sid, {0, kPolling}, address).has_value();
  assert_int_equal(added, registry.find(sid).has_value());
  return added;
}

void what_was_added_is_found_until_it_is_removed(void**) {
  EngineIoRegistry registry(limits(kUnlimited, kUnlimited));
  assert_false(registry.find("a").has_value());
  assert_false(add_entry(registry, "a", {3, kWebSocket}, "192.0.2.1").has_value());
  assert_false(add_entry(registry, "b", {0, kPolling}, "192.0.2.1").has_value());
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
  EngineIoRegistry registry(limits(1, 1));
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
  EngineIoRegistry registry(limits(1, 1));
  assert_false(add_entry(registry, "a", {2, kPolling}, "192.0.2.1").has_value());
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
  EngineIoRegistry registry(limits(2, kUnlimited));
  assert_true(add(registry, "a", "192.0.2.1"));
  assert_true(add(registry, "b", ""));
  assert_false(add(registry, "c", "192.0.2.3"));
  assert_false(add(registry, "d", ""));
  assert_int_equal(registry.size(), 2);
  registry.remove("b");
  assert_true(add(registry, "c", "192.0.2.3"));
  assert_false(add(registry, "d", ""));

  EngineIoRegistry none(limits(0, kUnlimited));
  assert_false(add(none, "a"));
}

void sessions_of_an_address_are_limited(void**) {
  EngineIoRegistry registry(limits(kUnlimited, 2));
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

  EngineIoRegistry none(limits(kUnlimited, 0));
  for (int i = 0; i < 3; ++i) assert_false(add(none, "a", "192.0.2.1"));
  assert_true(add(none, "u", ""));
}

// The whole is full, which must not use up a place of the address.
void who_is_refused_by_one_limit_does_not_count_for_the_other(void**) {
  EngineIoRegistry registry(limits(1, 1));
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
  EngineIoRegistry registry(limits(kUnlimited, kPlaces));
  std::atomic<int> faults = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < kRounds; ++round) {
        std::vector<std::string> mine;
        for (int i = 0; i < 3; ++i) {
          const std::string sid = std::to_string(t) + "-" + std::to_string(round) + "-" + std::to_string(i);
          const auto home = static_cast<std::size_t>(t);
          std::vector<EngineIoRegistry::Evicted> evicted;
          if (!registry.add(sid, {home, kPolling}, "192.0.2.1", kNow, evicted)) {
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

// They need no socket.
void sessions_on_polling_have_limits_of_their_own(void**) {
  SessionLimits few;
  few.polling = 5;
  few.polling_per_source = 3;
  EngineIoRegistry registry(few);
  for (const char* sid : {"a", "b", "c"}) assert_true(add(registry, sid, "192.0.2.1"));
  assert_true(add_entry(registry, "x", {0, kPolling}, "192.0.2.1") == Refusal::sessions_per_address);
  assert_false(add_entry(registry, "w", {0, kWebSocket}, "192.0.2.1").has_value());
  for (const char* sid : {"d", "e"}) assert_true(add(registry, sid, "192.0.2.2"));
  assert_true(add_entry(registry, "x", {0, kPolling}, "192.0.2.3") == Refusal::sessions);
  registry.set("a", {0, kWebSocket});  // upgraded
  assert_true(add(registry, "f", "192.0.2.3"));
  assert_false(add(registry, "x", "192.0.2.3"));
  registry.remove("f");
  registry.remove("a");
  assert_true(add(registry, "x", "192.0.2.3"));
  assert_false(add(registry, "y", "192.0.2.4"));
}

void an_ipv6_network_is_one_address(void**) {
  EngineIoRegistry registry(limits(kUnlimited, 2));
  assert_true(add(registry, "a", "2001:db8::1"));
  assert_true(add(registry, "b", "2001:db8::2"));
  assert_false(add(registry, "c", "2001:db8::3"));
  assert_true(add(registry, "d", "2001:db8:0:1::1"));
}

// Making way ----------------------------------------------------------------------------------------------------------

// A registry in which sessions come one after the other.
struct Crowd {
  explicit Crowd(const SessionLimits& limits) : registry(limits) {}

  // Who made way; "refused", or "" when there was room.
  std::string come(const std::string& sid, const std::string& address, Transport transport = kPolling) {
    std::vector<EngineIoRegistry::Evicted> evicted;
    const bool promised = !registry.check({0, transport}, address, now_ms).has_value();
    const bool added = !registry.add(sid, {0, transport}, address, now_ms, evicted).has_value();
    assert_int_equal(promised, added);
    now_ms += 10;
    if (!added) return "refused";
    std::string names;
    for (const auto& one : evicted) {
      assert_false(registry.find(one.sid).has_value());
      names += one.sid;
    }
    return names;
  }

  EngineIoRegistry registry;
  std::int64_t now_ms = 100'000;
};

#define assert_names(actual, expected) assert_string_equal((actual).c_str(), expected)

void the_oldest_session_without_a_namespace_makes_way(void**) {
  Crowd crowd(limits(3, kUnlimited));
  for (const char* sid : {"a", "b", "c"}) assert_names(crowd.come(sid, "192.0.2.1"), "");
  assert_names(crowd.come("early", "192.0.2.2"), "refused");  // each has a second
  crowd.now_ms += EngineIoRegistry::kGraceMs;
  crowd.registry.set_idle("a", false, crowd.now_ms);
  assert_names(crowd.come("d", "192.0.2.2"), "b");
  assert_names(crowd.come("e", "192.0.2.2"), "c");
  assert_names(crowd.come("f", "192.0.2.2"), "refused");  // d and e are new
  // One that left its namespace is the newest of those without.
  crowd.registry.set_idle("a", true, crowd.now_ms);
  crowd.now_ms += EngineIoRegistry::kGraceMs;
  assert_names(crowd.come("f", "192.0.2.2"), "d");
  for (const char* sid : {"e", "f", "a"}) crowd.registry.set_idle(sid, false, crowd.now_ms);
  crowd.now_ms += EngineIoRegistry::kGraceMs;
  assert_names(crowd.come("g", "192.0.2.2"), "refused");  // all are in use
  assert_int_equal(crowd.registry.size(), 3);
}

void at_its_own_limit_an_address_makes_only_its_own_go(void**) {
  Crowd crowd(limits(kUnlimited, 2));
  assert_names(crowd.come("other", "192.0.2.9"), "");
  for (const char* sid : {"a", "b"}) assert_names(crowd.come(sid, "192.0.2.1"), "");
  crowd.now_ms += EngineIoRegistry::kGraceMs;
  assert_names(crowd.come("c", "192.0.2.1"), "a");
  assert_true(crowd.registry.find("other").has_value());
}

// A WebSocket's end would make no room for one more on polling.
void for_a_place_on_polling_one_on_polling_goes(void**) {
  SessionLimits few;
  few.polling = 2;
  Crowd crowd(few);
  assert_names(crowd.come("socket", "192.0.2.1", kWebSocket), "");
  for (const char* sid : {"a", "b"}) assert_names(crowd.come(sid, "192.0.2.1"), "");
  crowd.now_ms += EngineIoRegistry::kGraceMs;
  assert_names(crowd.come("c", "192.0.2.2"), "a");
  crowd.registry.set_transport("b", kWebSocket);
  assert_names(crowd.come("d", "192.0.2.2"), "");
  crowd.now_ms += EngineIoRegistry::kGraceMs;
  assert_names(crowd.come("e", "192.0.2.2"), "c");
  crowd.registry.set_transport("b", kPolling);  // which keeps its age, and they are three now
  assert_names(crowd.come("f", "192.0.2.2"), "bd");
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
      cmocka_unit_test(sessions_on_polling_have_limits_of_their_own),
      cmocka_unit_test(an_ipv6_network_is_one_address),
      cmocka_unit_test(the_oldest_session_without_a_namespace_makes_way),
      cmocka_unit_test(at_its_own_limit_an_address_makes_only_its_own_go),
      cmocka_unit_test(for_a_place_on_polling_one_on_polling_goes),
      cmocka_unit_test(threads_share_it),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
