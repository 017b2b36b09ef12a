// The limit on log lines; suppressed lines are counted and reported once.
#include "net/base/log_limiter.h"

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

struct Outcome {
  std::uint64_t allowed = 0;
  std::uint64_t suppressed = 0;  // reported by allowed lines
};

Outcome flood(LogLimiter& limiter, std::int64_t now_ms, int lines) {
  Outcome outcome;
  for (int i = 0; i < lines; ++i) {
    std::uint64_t suppressed = 0;
    if (!limiter.allow(now_ms, suppressed)) {
      assert_int_equal(suppressed, 0);  // only reported with an allowed line
      continue;
    }
    ++outcome.allowed;
    outcome.suppressed += suppressed;
  }
  return outcome;
}

void quiet_logs_lose_nothing(void**) {
  LogLimiter limiter;
  for (std::int64_t now = 0; now < 60'000; now += 100) {
    std::uint64_t suppressed = 99;
    assert_true(limiter.allow(now, suppressed));
    assert_int_equal(suppressed, 0);
  }
}

void a_flood_is_cut_to_fifty_lines_and_ten_a_second(void**) {
  LogLimiter limiter;
  Outcome outcome = flood(limiter, 1000, 10'000);
  assert_int_equal(outcome.allowed, 50);
  assert_int_equal(outcome.suppressed, 0);
  outcome = flood(limiter, 2000, 10'000);
  assert_int_equal(outcome.allowed, 10);
  assert_int_equal(outcome.suppressed, 10'000 - 50);
  outcome = flood(limiter, 60'000, 1);
  assert_int_equal(outcome.allowed, 1);
  assert_int_equal(outcome.suppressed, 10'000 - 10);
  // Reported only once.
  assert_int_equal(flood(limiter, 60'000, 1).suppressed, 0);
}

void every_line_is_either_out_or_counted(void**) {
  LogLimiter limiter;
  std::uint64_t lines = 0;
  std::uint64_t accounted = 0;
  for (std::int64_t now = 0; now < 30'000; now += 7) {
    const Outcome outcome = flood(limiter, now, 13);
    lines += 13;
    accounted += outcome.allowed + outcome.suppressed;
  }
  const Outcome last = flood(limiter, 100'000, 1);
  assert_int_equal(accounted + last.allowed + last.suppressed, lines + 1);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(quiet_logs_lose_nothing),
      cmocka_unit_test(a_flood_is_cut_to_fifty_lines_and_ten_a_second),
      cmocka_unit_test(every_line_is_either_out_or_counted),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
