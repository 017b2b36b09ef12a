// What a server has kept elsewhere, within a window of time.
#include "session/kept_bytes.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using chat::session::KeptBytes;

namespace {

void there_is_a_limit_within_the_window(void**) {
  KeptBytes kept(1'000, 100);
  assert_true(kept.add(60, 0));
  assert_false(kept.add(41, 0));
  assert_true(kept.add(40, 500));
  assert_false(kept.add(1, 999));
  assert_true(kept.add(60, 1'010));
  assert_false(kept.add(1, 1'010));
  assert_true(kept.add(40, 1'510));
  assert_false(kept.add(101, 1'000'000));
  assert_true(kept.add(100, 1'000'000));
}

void what_comes_without_a_pause_is_forgotten_too(void**) {
  KeptBytes kept(1'000, 1'100);
  for (int ms = 0; ms < 10'000; ++ms) assert_true(kept.add(1, ms));
  assert_false(kept.add(1'100, 10'000));
}

void no_limit(void**) {
  KeptBytes kept(1'000, chat::kUnlimited);
  for (int time = 0; time < 10; ++time) assert_true(kept.add(INT64_C(1) << 50, 0));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(there_is_a_limit_within_the_window),
      cmocka_unit_test(what_comes_without_a_pause_is_forgotten_too),
      cmocka_unit_test(no_limit),
  };
  return cmocka_run_group_tests_name("session/kept_bytes", tests, nullptr, nullptr);
}
