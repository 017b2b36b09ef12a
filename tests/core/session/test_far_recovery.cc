// What servers of a cluster tell each other about a client that may recover, and where another server continues it.
#include "session/far_recovery.h"

#include <random>
#include <string>

#include "support/delivery_model.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::session;
using namespace chat::test;

namespace {

FarRecovery lost() {
  FarRecovery recovery;
  RecoveryRecord& record = recovery.record;
  record.sid = "s";
  record.nsp = "/dev";
  record.client = 0xFFFF'0000'0000'0007;
  record.identity = {"ann", "Ann", {{"role", "admin"}, {std::string("\0x", 2), ""}}};
  record.identity.state.make() = std::make_shared<const std::string>("{\"busy\":true}");
  record.earlier = {3, 2};
  record.log.join("a", {"e", 5});
  record.log.join("b", {"e", 9});
  record.log.note(DeliveryModel::message("a", 6));
  record.log.note(DeliveryModel::message("b", 10));
  return recovery;
}

FarRecovery connected(std::vector<RoomPosition> proven) {
  FarRecovery recovery = lost();
  recovery.record.log = {};
  recovery.server = "node";
  recovery.proven = std::move(proven);
  return recovery;
}

std::string show_far(const FarRecovery& recovery, const char* room, std::optional<Position> last) {
  const std::optional<FarPositions> positions = far_positions(recovery, room, last);
  if (!positions) return "unknown";
  std::string text = show(positions->rooms);
  if (!positions->uncertain.empty()) text += " if " + show(positions->uncertain);
  return text;
}

void assert_far(const FarRecovery& recovery, const char* room, std::optional<Position> last, const char* expected) {
  assert_string_equal(show_far(recovery, room, std::move(last)).c_str(), expected);
}

void another_server_reads_all_of_it(void**) {
  const std::optional<FarRecovery> read = unpack_recovery(pack_recovery(lost()));
  assert_true(read.has_value());
  const RecoveryRecord& record = read->record;
  assert_string_equal(record.sid.c_str(), "s");
  assert_string_equal(record.nsp.c_str(), "/dev");
  assert_true(record.client == 0xFFFF'0000'0000'0007);
  assert_string_equal(record.identity.user_id.c_str(), "ann");
  assert_string_equal(record.identity.name.c_str(), "Ann");
  assert_int_equal(record.identity.attributes.size(), 2);
  assert_true(record.identity.attributes == lost().record.identity.attributes);
  assert_string_equal((*record.identity.state)->c_str(), "{\"busy\":true}");
  assert_true((record.earlier == std::vector<ClientId>{3, 2}));
  assert_true(read->server.empty());
  assert_far(*read, "a", Position{"e", 6}, "ae6 be9");
  assert_far(*read, "b", Position{"e", 10}, "be10 ae6");

  const std::optional<FarRecovery> open = unpack_recovery(pack_recovery(connected({{"a", {"e", 5}}, {"b", {"f", 0}}})));
  assert_true(open.has_value());
  assert_string_equal(open->server.c_str(), "node");
  assert_far(*open, "", std::nullopt, "ae5 bf0");
}

void of_a_lost_connection_the_log_decides(void**) {
  assert_far(lost(), "a", Position{"e", 6}, "ae6 be9");
  assert_far(lost(), "", std::nullopt, "ae5 be9");
  assert_far(lost(), "a", Position{"e", 7}, "unknown");  // it was never sent that
  assert_far(FarRecovery{}, "a", Position{"e", 1}, "unknown");
}

void in_one_room_a_dead_server_is_not_missed(void**) {
  const FarRecovery one = connected({{"a", {"e", 5}}});
  assert_far(one, "a", Position{"e", 5}, "ae5");
  assert_far(one, "a", Position{"e", 4}, "ae5");  // its own messages followed
  assert_far(one, "a", Position{"e", 700}, "ae700");
  assert_far(one, "a", std::nullopt, "ae5");
}

void in_several_rooms_the_others_must_have_been_silent(void**) {
  const FarRecovery two = connected({{"a", {"e", 5}}, {"b", {"e", 9}}});
  assert_far(two, "a", Position{"e", 5}, "ae5 be9");  // it has seen nothing since the ping
  assert_far(two, "b", Position{"e", 12}, "be12 ae5 if ae5");
  assert_far(two, "b", Position{"f", 2}, "ae5 be9 if ae5 be9");  // another numbering
  assert_far(two, "c", Position{"e", 2}, "ae5 be9 if ae5 be9");  // a room that nobody knows of
  assert_far(connected({}), "a", Position{"e", 1}, "unknown");
}

// The record comes from Redis. What is not well-formed is no record, and nothing is read beyond it.
void what_is_not_well_formed_is_no_record(void**) {
  const std::string whole = pack_recovery(lost());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string part = whole.substr(0, size);
    assert_false(unpack_recovery(part).has_value());
  }
  assert_false(unpack_recovery(whole + "x").has_value());
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string changed = whole;
    for (int change = 0; change < 3; ++change) changed[random() % changed.size()] = static_cast<char>(random());
    const std::optional<FarRecovery> read = unpack_recovery(changed);
    if (!read) continue;
    DeliveryLog log = read->record.log;  // usable, whatever it says
    log.note(DeliveryModel::message("a", 11));
    log.leave("a");
    log.join("c", {"e", 1});
    (void)log.positions_at("b", {"e", 10});
    (void)far_positions(*read, "a", Position{"e", 6});
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(another_server_reads_all_of_it),
      cmocka_unit_test(of_a_lost_connection_the_log_decides),
      cmocka_unit_test(in_one_room_a_dead_server_is_not_missed),
      cmocka_unit_test(in_several_rooms_the_others_must_have_been_silent),
      cmocka_unit_test(what_is_not_well_formed_is_no_record),
  };
  return cmocka_run_group_tests_name("session/far_recovery", tests, nullptr, nullptr);
}
