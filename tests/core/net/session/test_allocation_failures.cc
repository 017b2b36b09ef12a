// Makes each allocation of a table's life fail in turn. Whatever was under way, no id stays taken by nobody, and nothing is counted
// that is not there.
#include <new>
#include <string>

#include "net/session/session_table.h"
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
using chat::test::allocations_until_failure;
using chat::test::failed_allocations;

namespace {

constexpr long kMany = 1'000'000;
const Endpoint kEndpoint{"/here", Protocol::socket_io};
const char* const kIds[] = {"the first session, with a name that needs memory of its own", "the second", "the third"};

// Three sessions begin, change and end; the third evicts the first if the limits say so.
void live(SessionTable& table) {
  std::int64_t now_ms = 1'000;
  SessionNumber numbers[3] = {};
  for (int i = 0; i < 3; ++i) {
    const char* const address = i == 0 ? "2001:db8:1234:5678:9abc:def0:1234:5678" : "192.0.2.1";
    numbers[i] = table.claim(kEndpoint, kIds[i], 0, Transport::polling, address, now_ms).number;
    now_ms += 2 * SessionTable::kGraceMs;
    if (i == 0) continue;
    table.set_idle(numbers[i], false, now_ms);
    table.set_transport(numbers[i], Transport::websocket);
    table.set_idle(numbers[i], true, now_ms);
    table.set_transport(numbers[i], Transport::polling);
    table.set_home(numbers[i], 1);
  }
  for (const SessionNumber number : numbers) table.remove(number);
}

void fail_each_allocation(const SessionLimits& limits) {
  long allocations = 0;
  for (long failing = -1; failing < allocations; ++failing) {
    SessionTable table(limits);
    const long failed_before = failed_allocations;
    allocations_until_failure = failing < 0 ? kMany : failing;
    try {
      live(table);
    } catch (const std::bad_alloc&) {
    }
    if (failing < 0) allocations = kMany - allocations_until_failure;
    allocations_until_failure = -1;
    assert_int_equal(failed_allocations - failed_before, failing < 0 ? 0 : 1);
    // What is in the table can be found and ends, and the ids can be claimed again.
    for (const char* const id : kIds) {
      if (const auto place = table.find(kEndpoint, id)) table.remove(place->number);
    }
    assert_int_equal(table.size(), 0);
    live(table);
    assert_int_equal(table.size(), 0);
  }
  assert_true(allocations > 10);
}

void no_id_stays_taken(void**) { fail_each_allocation({}); }

void nor_does_one_that_was_evicted(void**) {
  SessionLimits limits;
  limits.total = 2;
  fail_each_allocation(limits);
  limits.total = limits.polling = 1;
  fail_each_allocation(limits);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(no_id_stays_taken),
      cmocka_unit_test(nor_does_one_that_was_evicted),
  };
  return cmocka_run_group_tests_name("core/net/session/allocation_failures", tests, nullptr, nullptr);
}
