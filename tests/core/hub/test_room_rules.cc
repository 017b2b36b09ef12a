// The rules of a room: bans, mutes, modes and roles, their duration and their number.
#include "hub/room_rules.h"

#include "hub/kept_rules.h"
#include "hub_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

void a_ban_holds_until_its_time_is_over(void**) {
  RoomRules rules;
  assert_true(rules.empty());
  assert_ok(rules.check_join({"user:ann"}, 1'000));
  assert_ok(rules.ban("user:ann", 500, 1'000));
  assert_status(rules.check_join({"user:ann"}, 1'000), Error::banned);
  assert_status(rules.check_join({"user:ann"}, 1'499), Error::banned);
  assert_ok(rules.check_join({"user:bob"}, 1'000));
  assert_false(rules.empty());
  assert_ok(rules.check_join({"user:ann"}, 1'500));
  rules.expire(1'500);
  assert_true(rules.empty());
}

void a_ban_may_be_changed_or_lifted(void**) {
  RoomRules rules;
  assert_ok(rules.ban("a", 500, 0));
  assert_ok(rules.ban("a", 50, 0));
  assert_ok(rules.check_join({"a"}, 50));
  assert_ok(rules.ban("a", INT64_MAX, 100));
  assert_status(rules.check_join({"a"}, INT64_MAX - 1), Error::banned);
  assert_ok(rules.ban("a", 0, 100));
  assert_ok(rules.check_join({"a"}, 100));
  assert_ok(rules.ban("unknown", 0, 100));
  assert_true(rules.empty());
}

void what_is_over_is_forgotten(void**) {
  RoomRules rules;
  assert_ok(rules.ban("a", 100, 0));
  assert_ok(rules.ban("b", 200, 0));
  rules.expire(99);
  assert_status(rules.check_join({"a"}, 99), Error::banned);
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

Standing guest(std::string address = "192.0.2.1", std::string client = "client:1") {
  return {"address:" + address, {}, Role::guest, address, std::move(client)};
}

Standing user(const std::string& id, Role given = Role::guest, std::string address = "192.0.2.9") {
  return {"user:" + id, id, given, std::move(address), "user:" + id};
}

IpBlock block(std::string_view text) { return IpBlock::parse_subscriber(text).value(); }

void the_higher_role_counts(void**) {
  RoomRules rules;
  assert_true(rules.role_of(guest()) == Role::guest);
  assert_true(rules.role_of(user("ann")) == Role::member);
  assert_true(rules.role_of(user("ann", Role::owner)) == Role::owner);
  assert_ok(rules.set_role("ann", Role::moderator));
  assert_true(rules.role_of(user("ann")) == Role::moderator);
  assert_true(rules.role_of(user("ann", Role::owner)) == Role::owner);
  assert_true(rules.role_of(user("bob")) == Role::member);
  assert_false(rules.empty());
  assert_false(rules.restricts());
  assert_ok(rules.set_role("ann", Role::member));
  assert_true(rules.role_of(user("ann")) == Role::member);
  assert_true(rules.empty());
}

void a_mute_ends_and_says_when(void**) {
  RoomRules rules;
  assert_ok(rules.check_message(user("ann"), true, 0));
  assert_ok(rules.mute("user:ann", 1'500, 0));
  assert_true(rules.restricts());
  const Status refused = rules.check_message(user("ann"), false, 100);
  assert_status(refused, Error::muted);
  assert_int_equal(refused.retry_after_ms, 1'400);
  assert_text(refused.detail, "muted in this room for 2 s");
  assert_status(rules.check_message(user("ann", Role::owner), true, 0),
                Error::muted);  // whoever set it had a higher role
  assert_ok(rules.check_message(user("bob"), true, 100));
  assert_ok(rules.check_join(user("ann"), 100));
  assert_int_equal(rules.next_expiry_ms(), 1'500);
  assert_ok(rules.check_message(user("ann"), true, 1'500));
  rules.expire(1'500);
  assert_true(rules.empty());
  assert_false(rules.restricts());
  assert_ok(rules.mute("user:ann", INT64_MAX, 5));
  assert_text(rules.check_message(user("ann"), true, 100).detail, "muted in this room");
  assert_ok(rules.mute("user:ann", 0, 100));
  assert_true(rules.empty());
}

void slow_mode_spaces_the_messages_of_each_person(void**) {
  RoomRules rules;
  rules.set_slow_mode(10'000);
  assert_ok(rules.check_message(user("ann"), true, 0));
  assert_ok(rules.take_turn(user("ann"), 0));
  const Status refused = rules.check_message(user("ann"), true, 4'000);
  assert_status(refused, Error::slow_mode);
  assert_int_equal(refused.retry_after_ms, 6'000);
  assert_status(rules.take_turn(user("ann"), 4'000), Error::slow_mode);  // two at the same time
  assert_ok(rules.check_message(user("ann"), false, 4'000));             // a typing notice
  assert_ok(rules.check_message(user("bob"), true, 4'000));
  assert_ok(rules.take_turn(guest("192.0.2.1", "client:1"), 4'000));
  assert_ok(rules.take_turn(guest("192.0.2.1", "client:2"), 4'000));
  assert_status(rules.take_turn(guest("192.0.2.1", "client:2"), 4'000), Error::slow_mode);
  assert_ok(rules.take_turn(user("ann"), 10'000));
  for (int i = 0; i < 3; ++i) assert_ok(rules.take_turn(user("eve", Role::moderator), 0));
  rules.set_slow_mode(0);
  assert_true(rules.empty());
  assert_ok(rules.take_turn(user("ann"), 10'001));
}

void members_only_and_read_only(void**) {
  RoomRules rules;
  rules.set_members_only(true);
  assert_status(rules.check_join(guest(), 0), Error::forbidden);
  assert_status(rules.check_message(guest(), true, 0), Error::forbidden);
  assert_ok(rules.check_join(user("ann"), 0));
  assert_ok(rules.check_message(user("ann"), true, 0));
  rules.set_members_only(false);
  assert_true(rules.empty());
  rules.set_read_only(true);
  assert_ok(rules.check_join(guest(), 0));
  assert_status(rules.check_message(user("ann"), false, 0), Error::read_only);
  assert_ok(rules.check_message(user("ann", Role::moderator), true, 0));
  rules.set_read_only(false);
  assert_true(rules.empty());
  assert_false(rules.restricts());
}

void a_block_of_addresses_is_banned_for_all_but_moderators(void**) {
  RoomRules rules;
  assert_ok(rules.ban(block("192.0.2.0/28"), 1'000, 0));
  assert_status(rules.check_join(guest("192.0.2.1"), 0), Error::banned);
  assert_status(rules.check_join(user("ann"), 0), Error::banned);
  assert_ok(rules.check_join(user("eve", Role::moderator), 0));
  assert_ok(rules.check_join(guest("192.0.2.16"), 0));
  assert_ok(rules.check_join(guest(""), 0));  // a UNIX socket
  assert_ok(rules.check_join(guest("192.0.2.1"), 1'000));
  assert_int_equal(rules.next_expiry_ms(), 1'000);
  rules.expire(1'000);
  assert_true(rules.empty());

  assert_ok(rules.ban(block("2001:db8::1"), 1'000, 0));
  assert_status(rules.check_join(guest("2001:db8::ffff"), 0), Error::banned);
  assert_ok(rules.check_join(guest("2001:db8:0:1::1"), 0));
  assert_ok(rules.ban(block("2001:db8::2"), 0, 0));  // the same block
  assert_true(rules.empty());
}

void every_list_is_bounded(void**) {
  RoomRules rules;
  for (std::size_t i = 0; i < RoomRules::kMaxBlocks; ++i) {
    assert_ok(rules.ban(block("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256)), 100, 0));
  }
  assert_status(rules.ban(block("10.9.0.0"), 100, 0), Error::too_many);
  assert_ok(rules.ban(block("10.0.0.0"), 200, 0));
  for (std::size_t i = 0; i < RoomRules::kMaxMutes; ++i) assert_ok(rules.mute(std::to_string(i), 100, 0));
  assert_status(rules.mute("one more", 100, 0), Error::too_many);
  for (std::size_t i = 0; i < RoomRules::kMaxRoles; ++i) assert_ok(rules.set_role(std::to_string(i), Role::owner));
  assert_status(rules.set_role("one more", Role::owner), Error::too_many);
  assert_ok(rules.set_role("0", Role::moderator));
  rules.set_slow_mode(1'000);
  for (std::size_t i = 0; i < RoomRules::kMaxPaced; ++i) assert_ok(rules.take_turn(user("u" + std::to_string(i)), 0));
  assert_status(rules.take_turn(user("one more"), 999), Error::slow_mode);
  assert_ok(rules.take_turn(user("one more"), 1'000));  // those whose time is over are forgotten
}

void clearing_leaves_the_roles(void**) {
  RoomRules rules;
  assert_ok(rules.set_role("ann", Role::owner));
  assert_ok(rules.ban("user:bob", 1'000, 0));
  rules.set_read_only(true);
  rules.clear();
  assert_false(rules.restricts());
  assert_ok(rules.check_join(user("bob"), 0));
  assert_true(rules.role_of(user("ann")) == Role::owner);
  assert_int_equal(rules.next_expiry_ms(), INT64_MAX);
}

void the_modes_are_kept_together(void**) {
  const Moment now{1'700'000'000'000, 0};
  RoomRules rules;
  const auto set = [&](ModerationAction action, std::int64_t value) {
    Moderation what;
    what.room = "dev";
    what.action = action;
    what.value = value;
    const std::optional<RoomValue> kept = kept_rule(rules, what, {}, std::nullopt, now);
    assert_true(kept.has_value());
    rules.set_mode(action, value);
    RoomRules restored;
    if (!kept->value.empty()) assert_true(*restore_rule(restored, *kept, now));
    assert_true(restored.modes() == rules.modes());
    return kept->value;
  };
  assert_text(set(ModerationAction::no_links, 60'000), "0 no_links=60000");
  assert_text(set(ModerationAction::read_only, 1), "0 read_only no_links=60000");
  assert_text(set(ModerationAction::slow_mode, 500), "500 read_only no_links=60000");
  assert_text(set(ModerationAction::no_repeats, 1), "500 read_only no_repeats no_links=60000");
  assert_text(set(ModerationAction::hold_first, 2), "500 read_only no_repeats no_links=60000 hold_first=2");
  for (const ModerationAction action : {ModerationAction::slow_mode, ModerationAction::read_only,
                                        ModerationAction::no_links, ModerationAction::no_repeats}) {
    set(action, 0);
  }
  assert_text(set(ModerationAction::hold_first, 0), "");
  assert_true(rules.empty());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_ban_holds_until_its_time_is_over),
      cmocka_unit_test(a_ban_may_be_changed_or_lifted),
      cmocka_unit_test(what_is_over_is_forgotten),
      cmocka_unit_test(bans_are_bounded),
      cmocka_unit_test(the_higher_role_counts),
      cmocka_unit_test(a_mute_ends_and_says_when),
      cmocka_unit_test(slow_mode_spaces_the_messages_of_each_person),
      cmocka_unit_test(members_only_and_read_only),
      cmocka_unit_test(a_block_of_addresses_is_banned_for_all_but_moderators),
      cmocka_unit_test(every_list_is_bounded),
      cmocka_unit_test(clearing_leaves_the_roles),
      cmocka_unit_test(the_modes_are_kept_together),
  };
  return cmocka_run_group_tests_name("hub/room_rules", tests, nullptr, nullptr);
}
