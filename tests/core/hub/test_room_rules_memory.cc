// Each allocation of what changes the rules of a room fails once. Either nothing has changed afterwards, or all of it has, and
// a later attempt works.
#include "hub/room_rules.h"
#include "hub_fixture.h"
#include "support/failing_allocations.h"

using namespace chat;
using namespace chat::test;

namespace {

// Too long to live inside of a string.
const std::string kPerson = "user:somebody-with-a-long-user-id";
const std::string kOther = "user:somebody-else-with-a-long-user-id";

Standing standing() {
  Standing who;
  who.key = kPerson;
  who.user_id = kPerson;
  who.address = "192.0.2.1";
  who.pace_key = kPerson;
  return who;
}

// `change` sets a rule, `has` tells whether it is set. Without memory the rules are as before: empty, or those of `earlier`.
template <class Change, class Has, class Earlier>
void fails_whole(Change change, Has has, Earlier earlier) {
  for (const bool has_earlier : {false, true}) {
    int failures = 0;
    for (;; ++failures) {
      RoomRules rules;
      if (has_earlier) earlier(rules);
      bool returned = false;
      const Came came = after(failures, [&] {
        change(rules);
        returned = true;
      });
      assert_int_equal(has(rules), returned);
      if (!returned) {
        assert_true(came == Came::to_a_failure);
        assert_int_equal(rules.empty(), !has_earlier);
        assert_int_equal(rules.restricts(), has_earlier);
      }
      if (has_earlier) assert_true(rules.mute_left_ms(kOther, 1'000) == 500);
      change(rules);
      assert_true(has(rules));
      if (came == Came::through) break;
    }
    assert_true(failures > 0 || has_earlier);
  }
}

void mute_other(RoomRules& rules) { assert_ok(rules.mute(kOther, 500, 1'000)); }

void a_ban_without_memory(void**) {
  fails_whole([](RoomRules& rules) { assert_ok(rules.ban(kPerson, 100, 1'000)); },
              [](const RoomRules& rules) { return rules.check_join(standing(), 1'000).code == Error::banned; },
              mute_other);
}

void a_banned_block_without_memory(void**) {
  const IpBlock block = *IpBlock::parse("192.0.2.0/24");
  fails_whole([&](RoomRules& rules) { assert_ok(rules.ban(block, 100, 1'000)); },
              [](const RoomRules& rules) { return rules.check_join(standing(), 1'000).code == Error::banned; },
              mute_other);
}

void a_mute_without_memory(void**) {
  fails_whole([](RoomRules& rules) { assert_ok(rules.mute(kPerson, 100, 1'000)); },
              [](const RoomRules& rules) { return rules.mute_left_ms(kPerson, 1'000) == 100; }, mute_other);
}

void a_role_without_memory(void**) {
  fails_whole([](RoomRules& rules) { assert_ok(rules.set_role(kPerson, Role::owner)); },
              [](const RoomRules& rules) { return rules.role_of(standing()) == Role::owner; }, mute_other);
}

void a_mode_without_memory(void**) {
  fails_whole([](RoomRules& rules) { rules.set_slow_mode(1'000); },
              [](const RoomRules& rules) { return rules.modes().slow_mode_ms == 1'000; }, mute_other);
  fails_whole([](RoomRules& rules) { rules.set_members_only(true); },
              [](const RoomRules& rules) { return rules.modes().members_only; }, mute_other);
  fails_whole([](RoomRules& rules) { rules.set_read_only(true); },
              [](const RoomRules& rules) { return rules.modes().read_only; }, mute_other);
}

// A turn that fails is not taken: the next message does not wait.
void a_turn_without_memory(void**) {
  int failures = 0;
  for (;; ++failures) {
    RoomRules rules;
    rules.set_slow_mode(1'000);
    const Standing who = standing();
    Status status{Error::no_memory, {}};
    const Came came = after(failures, [&] { status = rules.take_turn(who, 5'000); });
    if (came == Came::to_a_failure) {
      assert_ok(rules.check_message(who, true, 5'000));
      assert_ok(rules.take_turn(who, 5'000));
    } else {
      assert_ok(status);
    }
    assert_int_equal(number(rules.take_turn(who, 5'000).code), number(Error::slow_mode));
    if (came == Came::through) break;
  }
  assert_true(failures > 1);
}

// What lifts a rule, and what removes those whose time is over, needs no memory.
void the_end_of_a_rule_needs_no_memory(void**) {
  const IpBlock block = *IpBlock::parse("192.0.2.0/24");
  RoomRules rules;
  assert_ok(rules.ban(kPerson, 100, 0));
  assert_ok(rules.ban(block, 100, 0));
  assert_ok(rules.mute(kPerson, 100, 0));
  assert_ok(rules.ban(kOther, 50, 0));
  assert_ok(rules.set_role(kPerson, Role::moderator));
  rules.set_slow_mode(1'000);
  rules.set_read_only(true);
  const Came came = after(0, [&] {
    rules.expire(50);
    (void)rules.ban(kPerson, 0, 60);
    (void)rules.ban(block, 0, 60);
    (void)rules.mute(kPerson, 0, 60);
    (void)rules.set_role(kPerson, Role::member);
    rules.set_slow_mode(0);
    rules.set_read_only(false);
  });
  assert_true(came == Came::through);
  assert_true(rules.empty());
}

void roles_survive_a_clear_without_memory(void**) {
  int failures = 0;
  for (;; ++failures) {
    RoomRules rules;
    assert_ok(rules.set_role(kPerson, Role::owner));
    mute_other(rules);
    const Came came = after(failures, [&] { rules.clear(); });
    assert_true(rules.role_of(standing()) == Role::owner);
    assert_int_equal(rules.restricts(), came == Came::to_a_failure);
    rules.clear();
    assert_true(rules.role_of(standing()) == Role::owner);
    if (came == Came::through) break;
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_ban_without_memory),
      cmocka_unit_test(a_banned_block_without_memory),
      cmocka_unit_test(a_mute_without_memory),
      cmocka_unit_test(a_role_without_memory),
      cmocka_unit_test(a_mode_without_memory),
      cmocka_unit_test(a_turn_without_memory),
      cmocka_unit_test(the_end_of_a_rule_needs_no_memory),
      cmocka_unit_test(roles_survive_a_clear_without_memory),
  };
  return cmocka_run_group_tests_name("hub/room_rules memory", tests, nullptr, nullptr);
}
