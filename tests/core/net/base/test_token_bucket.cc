// A rate limit with bursts; the test provides the time.
#include "net/base/token_bucket.h"

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat::net;

namespace {

int take_all(TokenBucket& bucket, std::int64_t now_ms) {
  int taken = 0;
  while (taken < 1'000'000 && bucket.take(now_ms)) ++taken;
  return taken;
}

void begins_full(void**) {
  TokenBucket bucket(10, 25, 5000);
  assert_int_equal(take_all(bucket, 5000), 25);
  assert_false(bucket.take(5000));
}

void fills_at_its_rate_and_never_above_its_burst(void**) {
  TokenBucket bucket(10, 25, 0);
  take_all(bucket, 0);
  assert_false(bucket.take(99));
  assert_true(bucket.take(100));
  assert_false(bucket.take(100));
  assert_int_equal(take_all(bucket, 1100), 10);
  assert_int_equal(take_all(bucket, 1'000'000), 25);
  assert_int_equal(take_all(bucket, std::int64_t{1} << 60), 25);
  // Nor when most of the burst was never used.
  TokenBucket saved(10, 25, 0);
  for (std::int64_t now = 1000; now <= 10'000; now += 1000) assert_true(saved.take(now));
  assert_int_equal(take_all(saved, 3'600'000), 25);
}

void parts_of_a_token_are_kept(void**) {
  // Three tokens per second, requested every millisecond for ten seconds.
  TokenBucket bucket(3, 1, 0);
  assert_true(bucket.take(0));
  int taken = 0;
  for (std::int64_t now = 1; now <= 10'000; ++now) taken += bucket.take(now) ? 1 : 0;
  assert_in_range(taken, 29, 30);
}

void a_high_rate_is_exact(void**) {
  TokenBucket bucket(200, 400, 0);
  std::int64_t taken = take_all(bucket, 0);
  for (std::int64_t now = 1; now <= 10'000; ++now) taken += take_all(bucket, now);
  assert_int_equal(taken, 400 + 200 * 10);
}

void a_negative_rate_allows_everything(void**) {
  TokenBucket bucket(-1, 1, 0);
  for (int i = 0; i < 10'000; ++i) assert_true(bucket.take(0));
  assert_int_equal(bucket.wait_ms(1000, 0), 0);
}

void a_rate_of_none_allows_its_burst_only(void**) {
  TokenBucket bucket(0, 3, 0);
  assert_int_equal(take_all(bucket, 0), 3);
  assert_false(bucket.take(std::int64_t{1} << 40));
  TokenBucket nothing(0, 0, 0);
  assert_false(nothing.take(1'000'000));
}

void the_wait_is_as_long_as_it_takes(void**) {
  for (const std::int64_t rate : {1, 3, 7, 200, 999, 1000, 5000}) {
    for (const std::int64_t tokens : {1, 2, 10}) {
      TokenBucket bucket(rate, 10, 0);
      assert_int_equal(bucket.wait_ms(tokens, 0), 0);
      take_all(bucket, 0);
      const std::int64_t wait = bucket.wait_ms(tokens, 0);
      assert_true(wait > 0);
      // After the wait the tokens are available; a few milliseconds earlier they were not.
      TokenBucket early = bucket;
      if (rate < 500 && wait > 2) assert_true(take_all(early, wait - 2) < tokens);
      assert_true(take_all(bucket, wait) >= tokens);
    }
  }
}

void more_than_the_burst_is_waited_for_no_longer_than_the_burst(void**) {
  TokenBucket bucket(10, 5, 0);
  take_all(bucket, 0);
  assert_int_equal(bucket.wait_ms(1000, 0), bucket.wait_ms(5, 0));
  assert_int_equal(bucket.wait_ms(1000, 1000), 0);
}

void a_clock_that_goes_back_gives_nothing(void**) {
  TokenBucket bucket(10, 5, 10'000);
  take_all(bucket, 10'000);
  assert_false(bucket.take(9000));
  assert_false(bucket.take(0));
}

void what_was_taken_in_advance_is_paid_for_first(void**) {
  TokenBucket bucket(10, 25, 0);
  assert_true(bucket.has_token(0));
  bucket.take_in_advance(30);
  assert_false(bucket.has_token(0));
  assert_int_equal(bucket.wait_ms(1, 500), 101);
  assert_false(bucket.has_token(599));
  assert_true(bucket.has_token(600));
  assert_true(bucket.take(600));
  assert_false(bucket.has_token(600));
  TokenBucket unlimited(-1, 1, 0);
  unlimited.take_in_advance(1'000'000);
  assert_true(unlimited.has_token(0));
}

void a_bucket_is_overdrawn_until_the_advance_is_repaid(void**) {
  TokenBucket bucket(10, 2, 0);
  assert_true(bucket.take(0) && bucket.take(0));
  assert_false(bucket.overdrawn(0));
  bucket.take_in_advance();
  assert_true(bucket.overdrawn(0));
  assert_true(bucket.overdrawn(99));
  assert_false(bucket.overdrawn(100));
  TokenBucket unlimited(-1, 2, 0);
  unlimited.take_in_advance(100);
  assert_false(unlimited.overdrawn(0));
}

void the_largest_numbers_do_not_overflow(void**) {
  constexpr std::int64_t kLarge = std::int64_t{1} << 50;  // the maximum that the options accept
  TokenBucket bucket(kLarge, kLarge, 0);
  assert_true(bucket.take(0));
  assert_true(bucket.take(std::int64_t{1} << 62));
  assert_int_equal(bucket.wait_ms(1, std::int64_t{1} << 62), 0);
  TokenBucket slow(1, kLarge, 0);
  assert_true(slow.take(std::int64_t{1} << 62));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(begins_full),
      cmocka_unit_test(fills_at_its_rate_and_never_above_its_burst),
      cmocka_unit_test(parts_of_a_token_are_kept),
      cmocka_unit_test(a_high_rate_is_exact),
      cmocka_unit_test(a_negative_rate_allows_everything),
      cmocka_unit_test(a_rate_of_none_allows_its_burst_only),
      cmocka_unit_test(the_wait_is_as_long_as_it_takes),
      cmocka_unit_test(more_than_the_burst_is_waited_for_no_longer_than_the_burst),
      cmocka_unit_test(a_clock_that_goes_back_gives_nothing),
      cmocka_unit_test(what_was_taken_in_advance_is_paid_for_first),
      cmocka_unit_test(a_bucket_is_overdrawn_until_the_advance_is_repaid),
      cmocka_unit_test(the_largest_numbers_do_not_overflow),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
