// The ids of a stream of events, and what is resumed from one.
#include "session/event_positions.h"

#include <string>
#include <string_view>

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat::session;

namespace {

std::string id_of(const EventPositions& positions) {
  std::string id;
  positions.append_id(id);
  return id;
}

void the_id_has_each_room(void**) {
  EventPositions positions({"a", "b"}, "");
  assert_false(positions.since(0).has_value());
  assert_string_equal(id_of(positions).c_str(), "");
  positions.joined("b", "eb", 7);
  assert_string_equal(id_of(positions).c_str(), ",eb:7");
  positions.joined("a", "ea", 0);
  positions.passed("a", "ea", 1);
  positions.passed("a", "ea", 0);  // ephemeral
  positions.passed("other", "eo", 5);
  assert_string_equal(id_of(positions).c_str(), "ea:1,eb:7");
}

void a_room_resumes_at_its_position(void**) {
  EventPositions positions({"a", "b", "c"}, "ea:3,,ec:4");
  assert_int_equal(positions.since(0)->seq, 3);
  assert_false(positions.since(1).has_value());
  assert_string_equal(positions.since(2)->epoch.c_str(), "ec");
  // What was missed in `a` is not written yet, and `c` has a new numbering.
  positions.joined("a", "ea", 9);
  positions.joined("c", "new", 9);
  assert_string_equal(id_of(positions).c_str(), "ea:3,,new:0");
  positions.passed("c", "new", 1);
  assert_string_equal(id_of(positions).c_str(), "ea:3,,new:1");
}

void a_malformed_id_counts_as_none(void**) {
  for (const char* id : {"ea", "ea:", "ea:x", ":1", "e-a:1", "ea:1,eb:2,ec:3", "ea:1", "ea:99999999999999999999,eb:1",
                         "ea:-1,eb:1", "ea:1,eb:1,", ",,"}) {
    EventPositions positions({"a", "b"}, id);
    assert_false(positions.since(0).has_value() || positions.since(1).has_value());
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_id_has_each_room),
      cmocka_unit_test(a_room_resumes_at_its_position),
      cmocka_unit_test(a_malformed_id_counts_as_none),
  };
  return cmocka_run_group_tests_name("core/session/event_positions", tests, nullptr, nullptr);
}
