// Pending acknowledgements: each is taken once, by its answer or by its deadline, and their number is bounded.
#include "hub/ack_table.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;

namespace {

using Ids = std::vector<std::uint64_t>;

Ids take_expired(AckTable& acks, std::int64_t now_ms) {
  Ids ids;
  while (const std::optional<std::uint64_t> id = acks.expired(now_ms)) {
    ids.push_back(*id);
    assert_true(acks.take(*id).has_value());
  }
  return ids;
}

void nothing_is_pending_at_first(void**) {
  AckTable waits;
  assert_true(waits.empty());
  assert_int_equal(waits.deadline_ms(), -1);
  assert_false(waits.take(0).has_value());
  assert_false(waits.take(1).has_value());
  assert_true(take_expired(waits, INT64_MAX).empty());
}

void each_is_taken_once(void**) {
  AckTable waits;
  for (const std::uint64_t id : {7U, 8U, 9U}) assert_true(waits.add(id, 100));
  assert_false(waits.empty());
  assert_true(waits.take(8).has_value());
  assert_false(waits.take(8).has_value());
  assert_false(waits.take(10).has_value());
  assert_true(take_expired(waits, 100) == Ids({7, 9}));
  assert_true(take_expired(waits, 100).empty());
  assert_false(waits.take(7).has_value());
  assert_true(waits.empty());
  assert_true(waits.add(8, 100));  // again
  assert_true(waits.take(8).has_value());
}

void some_never_expire(void**) {
  AckTable waits;
  waits.add(1, AckTable::kNever);
  assert_int_equal(waits.deadline_ms(), -1);
  waits.add(2, 100);
  assert_int_equal(waits.deadline_ms(), 100);
  assert_true(take_expired(waits, INT64_MAX - 1) == Ids({2}));
  assert_int_equal(waits.deadline_ms(), -1);
  assert_true(take_expired(waits, INT64_MAX) == Ids({1}));  // the client's end
}

void an_entry_expires_at_its_deadline(void**) {
  AckTable waits;
  waits.add(1, 300);
  waits.add(2, 100);
  waits.add(3, 200);
  assert_int_equal(waits.deadline_ms(), 100);
  assert_true(take_expired(waits, 99).empty());
  assert_true(take_expired(waits, 100) == Ids({2}));
  assert_int_equal(waits.deadline_ms(), 200);
  assert_true(waits.take(3).has_value());
  assert_int_equal(waits.deadline_ms(), 300);
  assert_true(take_expired(waits, INT64_MAX) == Ids({1}));
  assert_int_equal(waits.deadline_ms(), -1);
}

void several_expire_in_the_order_in_which_they_were_added(void**) {
  AckTable waits;
  for (std::uint64_t id = 1; id <= 6; ++id) waits.add(id, id % 2 == 0 ? 50 : static_cast<std::int64_t>(100 - id));
  assert_true(take_expired(waits, 50) == Ids({2, 4, 6}));
  assert_true(take_expired(waits, 100) == Ids({1, 3, 5}));
}

void a_deadline_may_be_zero(void**) {
  AckTable waits;
  waits.add(1, 0);
  waits.add(2, 5);
  assert_int_equal(waits.deadline_ms(), 0);
  assert_true(take_expired(waits, 0) == Ids({1}));
}

void a_full_table_takes_no_message_to_the_client(void**) {
  AckTable waits;
  for (std::uint64_t id = 1; id <= AckTable::kMaxPending; ++id) assert_true(waits.add(id, 10));
  assert_false(waits.add(5'000, 10));
  assert_false(waits.take(5'000).has_value());
  assert_true(waits.take(500).has_value());
  assert_true(waits.add(5'000, 10));
  assert_false(waits.add(5'001, 10));
  assert_int_equal(take_expired(waits, 10).size(), AckTable::kMaxPending);
  assert_true(waits.empty());
  assert_true(waits.add(5'001, 10));
}

void a_message_of_the_client_gets_a_number_and_keeps_its_ref(void**) {
  AckTable acks;
  const std::uint64_t first = acks.add("a");
  const std::uint64_t second = acks.add("b");
  assert_true(first != second);
  assert_true(acks.take(first) == "a");
  assert_false(acks.take(first).has_value());
  assert_true(acks.take(second) == "b");
  assert_false(acks.take(0).has_value());
  assert_false(acks.take(99).has_value());
}

void a_full_table_drops_the_oldest_message_of_the_client(void**) {
  AckTable acks;
  const std::uint64_t oldest = acks.add("oldest");
  std::uint64_t newest = 0;
  for (std::size_t i = 0; i < AckTable::kMaxPending; ++i) newest = acks.add("x");
  assert_false(acks.take(oldest).has_value());
  assert_true(acks.take(oldest + 1).has_value());
  assert_true(acks.take(newest).has_value());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_pending_at_first),
      cmocka_unit_test(each_is_taken_once),
      cmocka_unit_test(some_never_expire),
      cmocka_unit_test(an_entry_expires_at_its_deadline),
      cmocka_unit_test(several_expire_in_the_order_in_which_they_were_added),
      cmocka_unit_test(a_deadline_may_be_zero),
      cmocka_unit_test(a_full_table_takes_no_message_to_the_client),
      cmocka_unit_test(a_message_of_the_client_gets_a_number_and_keeps_its_ref),
      cmocka_unit_test(a_full_table_drops_the_oldest_message_of_the_client),
  };
  return cmocka_run_group_tests_name("hub/ack_table", tests, nullptr, nullptr);
}
