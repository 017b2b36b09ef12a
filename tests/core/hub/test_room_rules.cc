// The rules of a room: bans, their duration and their number.
#include "hub/room_rules.h"

#include "hub_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

void a_ban_holds_until_its_time_is_over(void**) {
  RoomRules rules;
  assert_true(rules.empty());
  assert_ok(rules.check_join("user:ann", 1'000));
  assert_ok(rules.ban("user:ann", 500, 1'000));
  assert_status(rules.check_join("user:ann", 1'000), Error::banned);
  assert_status(rules.check_join("user:ann", 1'499), Error::banned);
  assert_ok(rules.check_join("user:bob", 1'000));
  assert_false(rules.empty());
  assert_ok(rules.check_join("user:ann", 1'500));
  assert_true(rules.empty());
}

void a_ban_may_be_changed_or_lifted(void**) {
  RoomRules rules;
  assert_ok(rules.ban("a", 500, 0));
  assert_ok(rules.ban("a", 50, 0));
  assert_ok(rules.check_join("a", 50));
  assert_ok(rules.ban("a", INT64_MAX, 100));
  assert_status(rules.check_join("a", INT64_MAX - 1), Error::banned);
  assert_ok(rules.ban("a", 0, 100));
  assert_ok(rules.check_join("a", 100));
  assert_ok(rules.ban("unknown", 0, 100));
  assert_true(rules.empty());
}

void what_is_over_is_forgotten(void**) {
  RoomRules rules;
  assert_ok(rules.ban("a", 100, 0));
  assert_ok(rules.ban("b", 200, 0));
  rules.expire(99);
  assert_status(rules.check_join("a", 99), Error::banned);
  rules.expire(100);
  assert_false(rules.empty());
  rules.expire(200);
  assert_true(rules.empty());
  assert_ok(rules.ban("a", 100, 0));
  rules.clear();
  assert_true(rules.empty());
}

void bans_are_bounded(void**) {
  RoomRules rules;
  for (std::size_t i = 0; i < RoomRules::kMaxBans; ++i) assert_ok(rules.ban(std::to_string(i), 100, 0));
  assert_status(rules.ban("one more", 100, 0), Error::too_many);
  assert_ok(rules.ban("0", 200, 0));  // an existing one may change
  assert_ok(rules.ban("0", 0, 0));
  assert_ok(rules.ban("one more", 100, 0));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_ban_holds_until_its_time_is_over),
      cmocka_unit_test(a_ban_may_be_changed_or_lifted),
      cmocka_unit_test(what_is_over_is_forgotten),
      cmocka_unit_test(bans_are_bounded),
  };
  return cmocka_run_group_tests_name("hub/room_rules", tests, nullptr, nullptr);
}
