// The two requests that a session holds: taken, answered, refused, lost and dropped.
#include "net/session/request_slots.h"

#include <string>

#include "core/net/fake_loop.h"

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
using namespace chat::test;

namespace {

using Slot = RequestSlots::Slot;

const HeldRequest kFirst{0, 1, 1};
const HeldRequest kSecond{0, 1, 2};
const HeldRequest kThird{1, 7, 1};

struct Fixture {
  // "connection/number status" of each answer, the loop before the connection.
  std::string answers() {
    std::string all;
    for (std::size_t i = 0; i < 2; ++i) {
      for (const FakeLoop::Answered& answer : server.loop(i).answers) {
        all += std::to_string(answer.request.loop) + "." + std::to_string(answer.request.connection) + "." +
               std::to_string(answer.request.number) + " " + std::to_string(answer.response.status) + "; ";
      }
      server.loop(i).answers.clear();
    }
    return all;
  }
  bool answer(Slot slot, int status) { return slots.answer(loop, slot, HttpResponse::text(status, ""), false); }
  void refuse() { slots.refuse(loop, HttpResponse::text(400, "")); }

  FakeServer server{{}, 2};
  FakeLoop& loop = server.loop();
  RequestSlots slots;
};

#define assert_answers(fixture, expected) assert_string_equal((fixture).answers().c_str(), expected)

void each_slot_holds_one_request(void**) {
  Fixture f;
  assert_false(f.slots.holds(Slot::hear));
  assert_true(f.slots.take(Slot::hear, kFirst));
  assert_true(f.slots.take(Slot::speak, kThird));
  assert_true(f.slots.holds(Slot::hear, kFirst));
  assert_false(f.slots.holds(Slot::hear, kThird));
  assert_true(f.slots.holds(Slot::speak, kThird));
}

void an_answer_empties_its_slot(void**) {
  Fixture f;
  f.slots.take(Slot::hear, kFirst);
  f.slots.take(Slot::speak, kThird);
  assert_true(f.answer(Slot::speak, 200));
  assert_answers(f, "1.7.1 200; ");
  assert_false(f.answer(Slot::speak, 200));
  assert_answers(f, "");
  assert_true(f.slots.holds(Slot::hear, kFirst));
  assert_true(f.answer(Slot::hear, 204));
  assert_answers(f, "0.1.1 204; ");
  assert_true(f.slots.take(Slot::hear, kSecond));
}

void two_at_once_is_refused_and_the_first_stays(void**) {
  Fixture f;
  assert_true(f.slots.take(Slot::hear, kFirst));
  assert_false(f.slots.take(Slot::hear, kThird));
  f.refuse();
  assert_answers(f, "1.7.1 400; ");
  assert_true(f.slots.holds(Slot::hear, kFirst));
}

void a_request_may_be_refused_after_it_was_taken(void**) {
  Fixture f;
  f.slots.take(Slot::speak, kThird);
  f.slots.take(Slot::hear, kFirst);
  f.refuse();
  assert_answers(f, "0.1.1 400; ");
  assert_false(f.slots.holds(Slot::hear));
  assert_true(f.slots.holds(Slot::speak));
}

void only_the_held_request_can_be_lost(void**) {
  Fixture f;
  assert_false(f.slots.lose(Slot::hear, kFirst));
  f.slots.take(Slot::hear, kFirst);
  assert_false(f.slots.lose(Slot::hear, kSecond));
  assert_false(f.slots.lose(Slot::speak, kFirst));
  assert_true(f.slots.lose(Slot::hear, kFirst));
  assert_false(f.answer(Slot::hear, 200));
  assert_answers(f, "");
}

void a_dropped_request_is_not_answered(void**) {
  Fixture f;
  f.slots.take(Slot::speak, kFirst);
  f.slots.drop(Slot::speak);
  f.slots.drop(Slot::speak);
  assert_false(f.answer(Slot::speak, 200));
  assert_answers(f, "");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(each_slot_holds_one_request),
      cmocka_unit_test(an_answer_empties_its_slot),
      cmocka_unit_test(two_at_once_is_refused_and_the_first_stays),
      cmocka_unit_test(a_request_may_be_refused_after_it_was_taken),
      cmocka_unit_test(only_the_held_request_can_be_lost),
      cmocka_unit_test(a_dropped_request_is_not_answered),
  };
  return cmocka_run_group_tests_name("core/net/session/request_slots", tests, nullptr, nullptr);
}
