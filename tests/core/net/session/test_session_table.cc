// Which sessions there are: claims of ids, homes, limits, evictions, and many threads at once.
#include "net/session/session_table.h"

#include <atomic>
#include <cstdlib>
#include <map>
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

using Result = SessionTable::Claim::Result;

const Endpoint kEndpoint{"/here", Protocol::socket_io};
const Endpoint kOther{"/there", Protocol::socket_io};

SessionTable::Claim claim(SessionTable& table, const std::string& id, Transport transport, const std::string& address,
                          std::size_t home = 0) {
  const std::optional<Refusal> expected = table.check(transport, address, kNow);
  SessionTable::Claim claim = table.claim(kEndpoint, id, home, transport, address, kNow);
  if (!claim.evicted.empty() || claim.result == Result::taken) std::abort();
  if (expected.has_value() != (claim.result == Result::refused)) std::abort();
  if (expected && *expected != claim.refusal) std::abort();
  return claim;
}

bool add(SessionTable& table, const std::string& id, const std::string& address = "192.0.2.1") {
  const bool added = claim(table, id, kPolling, address).result == Result::claimed;
  assert_int_equal(added, table.find(kEndpoint, id).has_value());
  return added;
}

// The number of the session with this id; 0 without one.
SessionNumber number_of(const SessionTable& table, const std::string& id) {
  const auto place = table.find(kEndpoint, id);
  return place ? place->number : 0;
}

void remove(SessionTable& table, const std::string& id) { table.remove(number_of(table, id)); }

void a_claimed_session_is_found_until_it_is_removed(void**) {
  SessionTable table(limits(kUnlimited, kUnlimited));
  assert_false(table.find(kEndpoint, "a").has_value());
  const SessionNumber a = claim(table, "a", kWebSocket, "192.0.2.1", 3).number;
  const SessionNumber b = claim(table, "b", kPolling, "192.0.2.1").number;
  assert_int_equal(table.size(), 2);
  assert_int_equal(table.find(kEndpoint, "a")->home, 3);
  assert_true(table.find(kEndpoint, "a")->transport == kWebSocket);
  assert_int_equal(table.find(kEndpoint, "a")->number, a);
  assert_int_equal(table.find(b)->home, 0);
  assert_true(table.find(b)->transport == kPolling);
  table.remove(a);
  assert_false(table.find(kEndpoint, "a").has_value());
  assert_false(table.find(a).has_value());
  assert_true(table.find(b).has_value());
  assert_int_equal(table.size(), 1);
  table.remove(a);
  table.remove(0);
  assert_int_equal(table.size(), 1);
}

void an_id_that_is_taken_cannot_be_claimed(void**) {
  SessionTable table(limits(1, 1));
  const SessionNumber first = claim(table, "a", kPolling, "192.0.2.1", 1).number;
  // Long after its time of grace: a claim that cannot succeed evicts nobody.
  const SessionTable::Claim second =
      table.claim(kEndpoint, "a", 0, kWebSocket, "192.0.2.2", kNow + 10 * SessionTable::kGraceMs);
  assert_true(second.result == Result::taken);
  assert_int_equal(second.number, first);
  assert_true(second.evicted.empty());
  assert_int_equal(table.size(), 1);
  assert_int_equal(table.find(first)->home, 1);
  assert_true(table.find(first)->transport == kPolling);
}

void each_endpoint_has_ids_of_its_own(void**) {
  SessionTable table(limits(kUnlimited, kUnlimited));
  const SessionNumber here = claim(table, "a", kPolling, "192.0.2.1").number;
  assert_false(table.find(kOther, "a").has_value());
  const SessionTable::Claim there = table.claim(kOther, "a", 2, kPolling, "192.0.2.1", kNow);
  assert_true(there.result == Result::claimed);
  assert_int_not_equal(there.number, here);
  table.remove(here);
  assert_false(table.find(kEndpoint, "a").has_value());
  assert_int_equal(table.find(kOther, "a")->home, 2);
}

// A client may choose the id of a session that has ended, before everything of that session has gone.
void the_number_of_an_ended_session_names_no_later_one(void**) {
  SessionTable table(limits(kUnlimited, kUnlimited));
  const SessionNumber old = claim(table, "a", kPolling, "192.0.2.1").number;
  table.remove(old);
  const SessionNumber present = claim(table, "a", kPolling, "192.0.2.1", 1).number;
  assert_int_not_equal(present, old);
  assert_false(table.find(old).has_value());
  table.set_home(old, 5);
  table.set_transport(old, kWebSocket);
  table.set_idle(old, false, kNow);
  table.remove(old);
  assert_int_equal(table.find(present)->home, 1);
  assert_true(table.find(present)->transport == kPolling);
}

void a_session_moves_and_is_upgraded(void**) {
  SessionTable table(limits(1, 1));
  const SessionNumber a = claim(table, "a", kPolling, "192.0.2.1").number;
  table.set_transport(a, kWebSocket);
  table.set_home(a, 2);
  assert_int_equal(table.find(a)->home, 2);
  assert_true(table.find(a)->transport == kWebSocket);
  assert_int_equal(table.size(), 1);
  table.remove(a);
  table.set_home(a, 1);
  table.set_transport(a, kPolling);
  assert_false(table.find(a).has_value());
  assert_int_equal(table.size(), 0);
}

// An upgrade is announced by the loop that reads its packet, and called off when the session ignores it.
void an_upgrade_is_announced_without_a_move(void**) {
  SessionTable table(limits(1, 1));
  const SessionNumber a = claim(table, "a", kPolling, "192.0.2.1", 2).number;
  table.set_transport(a, kWebSocket);
  assert_int_equal(table.find(a)->home, 2);
  table.set_transport(a, kPolling);
  assert_int_equal(table.find(a)->home, 2);
  assert_true(table.find(a)->transport == kPolling);
}

void sessions_are_limited(void**) {
  SessionTable table(limits(2, kUnlimited));
  assert_true(add(table, "a", "192.0.2.1"));
  assert_true(add(table, "b", ""));
  assert_false(add(table, "c", "192.0.2.3"));
  assert_false(add(table, "d", ""));
  assert_int_equal(table.size(), 2);
  remove(table, "b");
  assert_true(add(table, "c", "192.0.2.3"));
  assert_false(add(table, "d", ""));

  SessionTable none(limits(0, kUnlimited));
  assert_false(add(none, "a"));
}

void sessions_of_an_address_are_limited(void**) {
  SessionTable table(limits(kUnlimited, 2));
  for (const char* sid : {"a", "b"}) assert_true(add(table, sid, "192.0.2.1"));
  assert_false(add(table, "c", "192.0.2.1"));
  for (const char* sid : {"d", "e"}) assert_true(add(table, sid, "2001:db8::1"));
  assert_false(add(table, "f", "2001:db8::1"));
  for (const char* sid : {"u1", "u2", "u3"}) assert_true(add(table, sid, ""));  // a UNIX socket
  // What was refused is not counted.
  remove(table, "a");
  assert_true(add(table, "c", "192.0.2.1"));
  assert_false(add(table, "g", "192.0.2.1"));
  // Neither a move nor a second removal frees a place.
  table.set_home(number_of(table, "c"), 1);
  remove(table, "a");
  assert_false(add(table, "g", "192.0.2.1"));

  SessionTable none(limits(kUnlimited, 0));
  for (int i = 0; i < 3; ++i) assert_false(add(none, "a", "192.0.2.1"));
  assert_true(add(none, "u", ""));
}

// The whole is full, which must not use up a place of the address.
void who_is_refused_by_one_limit_does_not_count_for_the_other(void**) {
  SessionTable table(limits(1, 1));
  assert_true(add(table, "a", "192.0.2.1"));
  for (int i = 0; i < 3; ++i) assert_false(add(table, "b", "192.0.2.2"));
  remove(table, "a");
  assert_true(add(table, "b", "192.0.2.2"));
}

// Every thread adds and removes its own, at one address that is full most of the time.
void threads_share_it(void**) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 2'000;
  constexpr std::int64_t kPlaces = 6;
  SessionTable table(limits(kUnlimited, kPlaces));
  std::atomic<int> faults = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < kRounds; ++round) {
        std::vector<SessionNumber> mine;
        for (int i = 0; i < 3; ++i) {
          const std::string sid = std::to_string(t) + "-" + std::to_string(round) + "-" + std::to_string(i);
          const auto home = static_cast<std::size_t>(t);
          const SessionTable::Claim claim = table.claim(kEndpoint, sid, home, kPolling, "192.0.2.1", kNow);
          if (claim.result == Result::claimed) {
            mine.push_back(claim.number);
          } else if (table.find(kEndpoint, sid)) {
            ++faults;
          }
        }
        if (table.size() > kPlaces) ++faults;
        for (const SessionNumber number : mine) {
          table.set_home(number, static_cast<std::size_t>(t) + 10);
          table.set_transport(number, kWebSocket);
          const auto place = table.find(number);
          if (!place || place->home != static_cast<std::size_t>(t) + 10 || place->transport != kWebSocket) ++faults;
          table.remove(number);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  assert_int_equal(faults, 0);
  assert_int_equal(table.size(), 0);
  for (std::int64_t i = 0; i < kPlaces; ++i) assert_true(add(table, std::to_string(i)));
  assert_false(add(table, "one more"));
}

// All threads want the same ids. Each id has one owner at a time.
void threads_claim_the_same_ids(void**) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 3'000;
  constexpr int kIds = 3;
  SessionTable table(limits(kUnlimited, kUnlimited));
  std::atomic<int> owners[kIds] = {};
  std::atomic<int> faults = 0;
  std::atomic<int> claimed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < kRounds; ++round) {
        const int id = (t + round) % kIds;
        const auto home = static_cast<std::size_t>(t);
        const SessionTable::Claim claim = table.claim(kEndpoint, std::to_string(id), home, kPolling, "192.0.2.1", kNow);
        if (claim.result != Result::claimed) {
          if (claim.result != Result::taken || claim.number == 0) ++faults;
          continue;
        }
        ++claimed;
        if (owners[id].fetch_add(1) != 0) ++faults;
        if (table.find(claim.number)->home != home) ++faults;
        owners[id].fetch_sub(1);
        table.remove(claim.number);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  assert_int_equal(faults, 0);
  assert_true(claimed >= kRounds);
  assert_int_equal(table.size(), 0);
}

// They need no socket.
void sessions_on_polling_have_limits_of_their_own(void**) {
  SessionLimits few;
  few.polling = 5;
  few.polling_per_source = 3;
  SessionTable table(few);
  for (const char* sid : {"a", "b", "c"}) assert_true(add(table, sid, "192.0.2.1"));
  assert_true(claim(table, "x", kPolling, "192.0.2.1").refusal == Refusal::sessions_per_address);
  assert_true(claim(table, "w", kWebSocket, "192.0.2.1").result == Result::claimed);
  for (const char* sid : {"d", "e"}) assert_true(add(table, sid, "192.0.2.2"));
  assert_true(claim(table, "x", kPolling, "192.0.2.3").refusal == Refusal::sessions);
  table.set_transport(number_of(table, "a"), kWebSocket);
  assert_true(add(table, "f", "192.0.2.3"));
  assert_false(add(table, "x", "192.0.2.3"));
  remove(table, "f");
  remove(table, "a");
  assert_true(add(table, "x", "192.0.2.3"));
  assert_false(add(table, "y", "192.0.2.4"));
}

void an_ipv6_network_is_one_address(void**) {
  SessionTable table(limits(kUnlimited, 2));
  assert_true(add(table, "a", "2001:db8::1"));
  assert_true(add(table, "b", "2001:db8::2"));
  assert_false(add(table, "c", "2001:db8::3"));
  assert_true(add(table, "d", "2001:db8:0:1::1"));
}

// Making way ----------------------------------------------------------------------------------------------------------

// A table in which sessions begin one after the other.
struct Crowd {
  explicit Crowd(const SessionLimits& limits) : table(limits) {}

  // The ids of the evicted sessions; "refused", or "" when there was a place.
  std::string come(const std::string& id, const std::string& address, Transport transport = kPolling) {
    const bool promised = !table.check(transport, address, now_ms).has_value();
    const SessionTable::Claim claim = table.claim(kEndpoint, id, 0, transport, address, now_ms);
    assert_int_equal(promised, claim.result == Result::claimed);
    now_ms += 10;
    if (claim.result != Result::claimed) return "refused";
    ids[claim.number] = id;
    std::string names;
    for (const SessionTable::Evicted& one : claim.evicted) {
      assert_false(table.find(one.place.number).has_value());
      names += ids[one.place.number];
    }
    return names;
  }
  void set_idle(const std::string& id, bool idle) { table.set_idle(number_of(table, id), idle, now_ms); }

  SessionTable table;
  std::map<SessionNumber, std::string> ids;
  std::int64_t now_ms = 100'000;
};

#define assert_names(actual, expected) assert_string_equal((actual).c_str(), expected)

void the_oldest_session_without_a_namespace_makes_way(void**) {
  Crowd crowd(limits(3, kUnlimited));
  for (const char* sid : {"a", "b", "c"}) assert_names(crowd.come(sid, "192.0.2.1"), "");
  assert_names(crowd.come("early", "192.0.2.2"), "refused");  // each has a second
  crowd.now_ms += SessionTable::kGraceMs;
  crowd.set_idle("a", false);
  assert_names(crowd.come("d", "192.0.2.2"), "b");
  assert_names(crowd.come("e", "192.0.2.2"), "c");
  assert_names(crowd.come("f", "192.0.2.2"), "refused");  // d and e are new
  // One that left its namespace is the newest of those without.
  crowd.set_idle("a", true);
  crowd.now_ms += SessionTable::kGraceMs;
  assert_names(crowd.come("f", "192.0.2.2"), "d");
  for (const char* sid : {"e", "f", "a"}) crowd.set_idle(sid, false);
  crowd.now_ms += SessionTable::kGraceMs;
  assert_names(crowd.come("g", "192.0.2.2"), "refused");  // all are in use
  assert_int_equal(crowd.table.size(), 3);
}

void at_its_own_limit_an_address_makes_only_its_own_go(void**) {
  Crowd crowd(limits(kUnlimited, 2));
  assert_names(crowd.come("other", "192.0.2.9"), "");
  for (const char* sid : {"a", "b"}) assert_names(crowd.come(sid, "192.0.2.1"), "");
  crowd.now_ms += SessionTable::kGraceMs;
  assert_names(crowd.come("c", "192.0.2.1"), "a");
  assert_true(crowd.table.find(kEndpoint, "other").has_value());
}

// A WebSocket's end would make no room for one more on polling.
void for_a_place_on_polling_one_on_polling_goes(void**) {
  SessionLimits few;
  few.polling = 2;
  Crowd crowd(few);
  assert_names(crowd.come("socket", "192.0.2.1", kWebSocket), "");
  for (const char* sid : {"a", "b"}) assert_names(crowd.come(sid, "192.0.2.1"), "");
  crowd.now_ms += SessionTable::kGraceMs;
  assert_names(crowd.come("c", "192.0.2.2"), "a");
  crowd.table.set_transport(number_of(crowd.table, "b"), kWebSocket);
  assert_names(crowd.come("d", "192.0.2.2"), "");
  crowd.now_ms += SessionTable::kGraceMs;
  assert_names(crowd.come("e", "192.0.2.2"), "c");
  crowd.table.set_transport(number_of(crowd.table, "b"), kPolling);  // which keeps its age, and they are three now
  assert_names(crowd.come("f", "192.0.2.2"), "bd");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_claimed_session_is_found_until_it_is_removed),
      cmocka_unit_test(an_id_that_is_taken_cannot_be_claimed),
      cmocka_unit_test(each_endpoint_has_ids_of_its_own),
      cmocka_unit_test(the_number_of_an_ended_session_names_no_later_one),
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
      cmocka_unit_test(threads_claim_the_same_ids),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
