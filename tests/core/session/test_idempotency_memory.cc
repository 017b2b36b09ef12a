// Requests with a key are carried out once, and what is remembered of them is bounded.
#include "session/idempotency_memory.h"

#include <string>

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat::session;
using Begun = IdempotencyMemory::Begun;

namespace {

struct Fixture {
  Begun begin(const std::string& key, const std::string& source = "s", std::size_t request = 1) {
    return memory.begin(key, source, request, now_ms, answer);
  }
  void finish(const std::string& key) { memory.finish(key, {201, key}, now_ms); }

  IdempotencyMemory memory{IdempotencyMemory::Limits{.window_ms = 100, .entries = 4, .entries_per_source = 2}};
  IdempotencyMemory::Answer answer;
  std::int64_t now_ms = 0;
};

void a_key_is_carried_out_once(void**) {
  Fixture f;
  assert_true(f.begin("k") == Begun::fresh);
  assert_true(f.begin("k") == Begun::pending);
  f.finish("k");
  assert_true(f.begin("k") == Begun::answered);
  assert_int_equal(f.answer.status, 201);
  assert_string_equal(f.answer.body.c_str(), "k");
  assert_true(f.begin("k", "s", 2) == Begun::differs);
  f.memory.forget("k");  // too late
  assert_true(f.begin("k") == Begun::answered);
}

void a_refused_request_may_come_again(void**) {
  Fixture f;
  assert_true(f.begin("k") == Begun::fresh);
  f.memory.forget("k");
  assert_true(f.begin("k", "s", 2) == Begun::fresh);
}

void an_answer_is_remembered_for_a_time(void**) {
  Fixture f;
  f.begin("k");
  f.now_ms = 1'000;  // the time begins with the answer
  f.finish("k");
  f.now_ms += 99;
  assert_true(f.begin("k") == Begun::answered);
  f.now_ms += 1;
  assert_true(f.begin("k") == Begun::fresh);
  assert_int_equal(f.memory.size(), 1);
}

void the_oldest_answers_make_room(void**) {
  Fixture f;
  for (const char* key : {"a", "b", "c"}) {
    assert_true(f.begin(key) == Begun::fresh);
    f.finish(key);
  }
  assert_int_equal(f.memory.size(), 2);
  assert_true(f.begin("a", "other") == Begun::fresh);  // forgotten
  assert_true(f.begin("b") == Begun::answered);
  assert_true(f.begin("d", "other") == Begun::fresh);
  assert_true(f.begin("e", "other") == Begun::full);  // both are being carried out
  assert_true(f.begin("e", "third") == Begun::fresh);
  assert_int_equal(f.memory.size(), 4);
  assert_true(f.begin("b") == Begun::fresh);  // it made room
}

void a_long_answer_is_not_kept(void**) {
  Fixture f;
  f.begin("k");
  f.memory.finish("k", {200, std::string(IdempotencyMemory::kMaxAnswerBytes + 1, 'x')}, 0);
  assert_true(f.begin("k") == Begun::answered);
  assert_string_equal(f.answer.body.c_str(), "{}");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_key_is_carried_out_once),          cmocka_unit_test(a_refused_request_may_come_again),
      cmocka_unit_test(an_answer_is_remembered_for_a_time), cmocka_unit_test(the_oldest_answers_make_room),
      cmocka_unit_test(a_long_answer_is_not_kept),
  };
  return cmocka_run_group_tests_name("core/session/idempotency_memory", tests, nullptr, nullptr);
}
