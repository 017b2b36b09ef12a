// Pending acknowledgements: each is taken once, by its answer or by its deadline.
#include "hub/ack_waits.h"

// Last, because it defines a macro named fail.
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

void nothing_is_awaited_at_first(void**) {
  AckWaits waits;
  assert_true(waits.empty());
  assert_int_equal(waits.deadline_ms(), -1);
  assert_false(waits.take(0));
  assert_false(waits.take(1));
  assert_true(waits.take_expired(INT64_MAX).empty());
}

void each_is_taken_once(void**) {
  AckWaits waits;
  for (const std::uint64_t id : {7U, 8U, 9U}) assert_true(waits.add(id, 100));
  assert_false(waits.empty());
  assert_true(waits.take(8));
  assert_false(waits.take(8));
  assert_false(waits.take(10));
  assert_true(waits.take_expired(100) == Ids({7, 9}));
  assert_true(waits.take_expired(100).empty());
  assert_false(waits.take(7));
  assert_true(waits.empty());
  assert_true(waits.add(8, 100));  // pending again
  assert_true(waits.take(8));
}

void some_never_expire(void**) {
  AckWaits waits;
  waits.add(1, AckWaits::kNever);
  assert_int_equal(waits.deadline_ms(), -1);
  waits.add(2, 100);
  assert_int_equal(waits.deadline_ms(), 100);
  assert_true(waits.take_expired(INT64_MAX - 1) == Ids({2}));
  assert_int_equal(waits.deadline_ms(), -1);
  assert_true(waits.take_expired(INT64_MAX) == Ids({1}));  // when the client ends
}

void those_expire_whose_time_has_come(void**) {
  AckWaits waits;
  waits.add(1, 300);
  waits.add(2, 100);
  waits.add(3, 200);
  assert_int_equal(waits.deadline_ms(), 100);
  assert_true(waits.take_expired(99).empty());
  assert_true(waits.take_expired(100) == Ids({2}));
  assert_int_equal(waits.deadline_ms(), 200);
  assert_true(waits.take(3));
  assert_int_equal(waits.deadline_ms(), 300);
  assert_true(waits.take_expired(INT64_MAX) == Ids({1}));
  assert_int_equal(waits.deadline_ms(), -1);
}

void several_expire_in_the_order_in_which_they_were_asked_for(void**) {
  AckWaits waits;
  for (std::uint64_t id = 1; id <= 6; ++id) waits.add(id, id % 2 == 0 ? 50 : static_cast<std::int64_t>(100 - id));
  assert_true(waits.take_expired(50) == Ids({2, 4, 6}));
  assert_true(waits.take_expired(100) == Ids({1, 3, 5}));
}

void a_time_at_the_beginning_of_all_counts(void**) {
  AckWaits waits;
  waits.add(1, 0);
  waits.add(2, 5);
  assert_int_equal(waits.deadline_ms(), 0);
  assert_true(waits.take_expired(0) == Ids({1}));
}

void bounded(void**) {
  AckWaits waits;
  for (std::uint64_t id = 1; id <= AckWaits::kMaxPending; ++id) assert_true(waits.add(id, 10));
  assert_false(waits.add(5'000, 10));
  assert_false(waits.take(5'000));  // the failed add() left nothing pending
  assert_true(waits.take(500));
  assert_true(waits.add(5'000, 10));
  assert_false(waits.add(5'001, 10));
  assert_int_equal(waits.take_expired(10).size(), AckWaits::kMaxPending);
  assert_true(waits.empty());
  assert_true(waits.add(5'001, 10));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_awaited_at_first),
      cmocka_unit_test(each_is_taken_once),
      cmocka_unit_test(some_never_expire),
      cmocka_unit_test(those_expire_whose_time_has_come),
      cmocka_unit_test(several_expire_in_the_order_in_which_they_were_asked_for),
      cmocka_unit_test(a_time_at_the_beginning_of_all_counts),
      cmocka_unit_test(bounded),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
