// Roles by attributes, the names of roles and actions, and which orders of a moderator are valid.
#include "model/moderation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

// Last, because it defines macros with common names.
extern "C" {
#include <cmocka.h>
}

using namespace chat;

namespace {

void roles_come_from_two_attributes(void**) {
  assert_true(role_in({}, "dev") == Role::guest);
  assert_true(role_in({{"role", "moderator"}}, "dev") == Role::moderator);
  assert_true(role_in({{"role:dev", "owner"}, {"role", "moderator"}}, "dev") == Role::owner);
  assert_true(role_in({{"role:dev", "owner"}, {"role", "moderator"}}, "ops") == Role::moderator);
  assert_true(role_in({{"role", "Moderator"}}, "dev") == Role::guest);
  assert_true(role_in({{"roles", "owner"}, {"roledev", "owner"}, {"role:", "owner"}}, "dev") == Role::guest);
}

void every_name_is_read_back(void**) {
  for (int role = 0; role < kRoleCount; ++role) {
    assert_true(role_named(role_name(static_cast<Role>(role))) == static_cast<Role>(role));
  }
  for (int action = 1; action < kModerationActionCount; ++action) {
    const auto one = static_cast<ModerationAction>(action);
    if (action_name(one).empty()) continue;  // this number is no action
    assert_true(moderation_named(action_name(one)) == one);
  }
  assert_false(role_named("admin").has_value());
  assert_false(moderation_named("").has_value());
  assert_false(moderation_named("smite").has_value());
}

Moderation order(ModerationAction action) {
  Moderation what;
  what.room = "dev";
  what.action = action;
  return what;
}

void check(const Moderation& what, Error expected) {
  assert_int_equal(static_cast<int>(check_moderation(what).code), static_cast<int>(expected));
}

void an_order_has_the_target_that_its_action_needs(void**) {
  Moderation what = order(ModerationAction::ban);
  what.duration_ms = 1'000;
  check(what, Error::invalid_argument);
  what.user_id = "bob";
  check(what, Error::ok);
  what.client = 7;
  check(what, Error::invalid_argument);
  what.user_id.clear();
  check(what, Error::ok);
  what.client = 0;
  what.address = "192.0.2.0/24";
  check(what, Error::ok);
  what.address = "192.0.2.0/33";
  check(what, Error::invalid_argument);
  what.address = "192.0.2.1";
  what.action = ModerationAction::mute;
  check(what, Error::invalid_argument);

  check(order(ModerationAction::close), Error::ok);
  what = order(ModerationAction::read_only);
  what.user_id = "bob";
  check(what, Error::invalid_argument);
  what = order(ModerationAction::kick);
  what.user_id = "b\nb";
  assert_false(check_moderation(what).ok());
}

void values_and_durations_have_limits(void**) {
  Moderation what = order(ModerationAction::slow_mode);
  what.value = kMaxSlowModeMs;
  check(what, Error::ok);
  ++what.value;
  check(what, Error::invalid_argument);
  what.value = -1;
  check(what, Error::invalid_argument);
  what = order(ModerationAction::members_only);
  what.value = 2;
  check(what, Error::invalid_argument);
  what = order(ModerationAction::role);
  what.user_id = "bob";
  what.value = kRoleCount;
  check(what, Error::invalid_argument);
  what.value = kRoleCount - 1;
  check(what, Error::ok);
  what.duration_ms = 1;
  check(what, Error::invalid_argument);
  what = order(ModerationAction::mute);
  what.user_id = "bob";
  what.duration_ms = -1;
  check(what, Error::invalid_argument);
}

void rooms_and_reasons_are_checked(void**) {
  Moderation what = order(ModerationAction::close);
  what.room = "a/b";
  check(what, Error::invalid_room);
  what.room = "dev";
  what.reason = std::string(kMaxModerationReasonBytes, 'x');
  check(what, Error::ok);
  what.reason += 'x';
  check(what, Error::too_large);
  what.reason = "\xff";
  check(what, Error::invalid_utf8);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(roles_come_from_two_attributes),
      cmocka_unit_test(every_name_is_read_back),
      cmocka_unit_test(an_order_has_the_target_that_its_action_needs),
      cmocka_unit_test(values_and_durations_have_limits),
      cmocka_unit_test(rooms_and_reasons_are_checked),
  };
  return cmocka_run_group_tests_name("model/moderation", tests, nullptr, nullptr);
}
