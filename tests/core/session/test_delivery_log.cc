// What a client has of its rooms at each message that it may have seen last: told by hand for the cases that matter, and
// compared with a model that remembers everything for many lives made at random.
#include "session/delivery_log.h"

#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

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

void note(DeliveryLog& log, const std::string& room, std::uint64_t seq, bool own = false) {
  log.note(DeliveryModel::message(room, seq), own);
}

// As another server reads it.
DeliveryLog sent_elsewhere(const DeliveryLog& log) {
  std::string bytes;
  log.pack(bytes);
  PackedReader in(bytes);
  std::optional<DeliveryLog> read = DeliveryLog::unpack(in);
  assert_true(read.has_value() && in.done());
  return *std::move(read);
}

void assert_at(const DeliveryLog& log, const char* room, std::uint64_t seq, const std::string& expected,
               std::string epoch = "e") {
  const Position position{std::move(epoch), seq};
  assert_string_equal(show(log.positions_at(room, position)).c_str(), expected.c_str());
  const DeliveryLog other = sent_elsewhere(log);
  assert_string_equal(show(other.positions_at(room, position)).c_str(), expected.c_str());
  assert_string_equal(show(other.positions_proven()).c_str(), show(log.positions_proven()).c_str());
}

void in_one_room_what_it_saw_is_the_answer(void**) {
  DeliveryLog log;
  assert_at(log, "a", 1, "unknown");
  log.join("a", {"e", 5});
  assert_at(log, "a", 5, "ae5");
  note(log, "a", 6);
  assert_at(log, "a", 5, "ae5");
  assert_at(log, "a", 6, "ae6");
  log.leave("other");
  log.leave("a");
  assert_at(log, "a", 6, "unknown");
  log.leave("a");
}

void in_two_rooms_the_order_of_sending_tells(void**) {
  DeliveryLog log;
  log.join("a", {"e", 0});
  log.join("b", {"e", 10});
  note(log, "a", 1);
  note(log, "b", 11);
  note(log, "b", 12);
  note(log, "a", 2);
  note(log, "b", 13);
  assert_at(log, "a", 1, "ae1 be10");
  assert_at(log, "b", 11, "be11 ae1");
  assert_at(log, "b", 12, "be12 ae1");
  assert_at(log, "a", 2, "ae2 be12");
  assert_at(log, "b", 13, "be13 ae2");
  assert_at(log, "a", 3, "unknown");  // it was never sent that
}

// The client still gives the last message that it saw in an earlier life, on another server even.
void before_it_is_sent_anything_it_has_what_it_joined_with(void**) {
  DeliveryLog log;
  log.join("a", {"e", 5});
  log.join("b", {"e", 9});
  for (int round = 0; round < 2; ++round) {
    assert_at(log, "b", 9, "ae5 be9");
    assert_at(log, "a", 5, "ae5 be9");
    assert_at(log, "a", 4, "ae5 be9");
    assert_at(log, "a", 700, "ae5 be9", "f");
    assert_at(log, "c", 700, "ae5 be9");
    assert_at(log, "", 700, "ae5 be9");
    assert_string_equal(show(log.positions_proven()).c_str(), "ae5 be9");
    note(log, "a", 6);
    note(log, "b", 10);
  }
  assert_at(log, "a", 7, "unknown");  // it was never sent that
}

void an_answered_ping_proves_what_was_sent_before_it(void**) {
  DeliveryLog log;
  log.ping_answered();  // nobody asked
  log.join("a", {"e", 5});
  note(log, "a", 6);
  log.ping_answered();
  assert_string_equal(show(log.positions_proven()).c_str(), "ae5");
  log.ping_sent();
  assert_string_equal(show(log.positions_proven()).c_str(), "ae5");
  note(log, "a", 7);
  log.join("b", {"e", 2});
  note(log, "b", 3);
  log.ping_answered();
  log.ping_answered();
  assert_string_equal(show(log.positions_proven()).c_str(), "ae6 be2");
  assert_at(log, "a", 6, "ae6 be2");  // a message that it names counts more
  log.ping_sent();
  log.leave("b");
  log.join("b", {"e", 9});
  log.ping_answered();
  assert_string_equal(show(log.positions_proven()).c_str(), "ae7 be9");
}

// History need not keep what a client has written itself, and was not sent, for it to be recovered.
void own_messages_are_not_missed(void**) {
  DeliveryLog log;
  log.join("a", {"e", 5});
  for (std::uint64_t seq = 6; seq <= 500; ++seq) note(log, "a", seq, true);
  assert_string_equal(show(log.positions_proven()).c_str(), "ae500");
  note(log, "a", 501);
  for (std::uint64_t seq = 502; seq <= 900; ++seq) note(log, "a", seq, true);
  assert_string_equal(show(log.positions_proven()).c_str(), "ae500");
  assert_at(log, "a", 501, "ae900");
  log.join("b", {"e", 0});
  assert_at(log, "a", 501, "ae900 be0");
  note(log, "b", 1);
  note(log, "a", 901, true);
  assert_at(log, "a", 501, "ae901 be0");
  assert_at(log, "b", 1, "be1 ae901");
  note(log, "a", 902);
  note(log, "a", 903, true);
  assert_at(log, "b", 1, "be1 ae901");
  assert_at(log, "a", 902, "ae903 be1");
  // Thousands of them take one entry.
  for (std::uint64_t seq = 904; seq <= 9'000; ++seq) note(log, "a", seq, true);
  assert_at(log, "a", 501, "ae901 be0");
  assert_at(log, "a", 902, "ae9000 be1");
}

void what_it_was_sent_alone_counts_when_a_second_room_comes(void**) {
  DeliveryLog log;
  log.join("a", {"e", 0});
  for (std::uint64_t seq = 1; seq <= 100; ++seq) note(log, "a", seq);
  log.join("b", {"e", 7});
  assert_at(log, "a", 40, "ae40 be7");
  assert_at(log, "a", 100, "ae100 be7");
  note(log, "b", 8);
  assert_at(log, "b", 8, "be8 ae100");
  note(log, "a", 101);
  assert_at(log, "a", 100, "ae100 be7");
  assert_at(log, "a", 101, "ae101 be8");
}

void a_room_joined_later_is_replayed_from_its_joining(void**) {
  DeliveryLog log;
  log.join("a", {"e", 0});
  log.join("b", {"e", 0});
  note(log, "a", 1);
  note(log, "b", 1);
  log.join("c", {"e", 30});
  note(log, "c", 31);
  note(log, "b", 2);
  assert_at(log, "a", 1, "ae1 be0 ce30");
  assert_at(log, "b", 1, "be1 ae1 ce30");
  assert_at(log, "c", 31, "ce31 ae1 be1");
  assert_at(log, "b", 2, "be2 ae1 ce31");
}

void a_room_left_and_joined_again(void**) {
  DeliveryLog log;
  log.join("a", {"e", 0});
  log.join("b", {"e", 0});
  note(log, "b", 1);
  note(log, "a", 1);
  note(log, "b", 2);
  log.leave("b");
  assert_at(log, "b", 2, "ae1");  // the last that it saw is of a room that it has left
  assert_at(log, "b", 1, "ae0");
  assert_at(log, "a", 1, "ae1");
  note(log, "a", 2);
  log.join("b", {"e", 2});  // nothing was said there meanwhile
  note(log, "b", 3);
  assert_at(log, "b", 2, "be2 ae1");  // seen before it left
  assert_at(log, "b", 3, "be3 ae2");
  assert_at(log, "a", 1, "ae1 be1");
  assert_at(log, "b", 1, "be1 ae0");
  log.leave("b");
  log.join("b", {"e", 8});  // not what was said while it was out, nor what it missed before that
  assert_at(log, "b", 3, "be8 ae2");
  assert_at(log, "a", 1, "ae1 be8");
  assert_at(log, "a", 2, "ae2 be8");
}

void a_room_that_began_anew_is_another(void**) {
  DeliveryLog log;
  log.join("a", {"e", 0});
  log.join("b", {"e", 0});
  note(log, "b", 1);
  note(log, "a", 1);
  log.leave("b");
  log.join("b", {"f", 0});
  assert_at(log, "b", 1, "ae0 bf0");
  assert_at(log, "b", 1, "unknown", "f");
  assert_at(log, "a", 1, "ae1 bf0");
  note(log, "b", 1);
  assert_at(log, "b", 1, "bf1 ae1", "f");
}

void joining_again_and_what_is_not_numbered_change_nothing(void**) {
  DeliveryLog log;
  log.join("a", {"e", 1});
  note(log, "a", 2);
  note(log, "a", 0);
  log.join("a", {"e", 2});
  log.join("b", {"e", 0});
  note(log, "", 0);
  note(log, "b", 0);
  note(log, "elsewhere", 3);
  note(log, "b", 1);
  log.join("b", {"e", 1});
  assert_at(log, "a", 1, "ae1 be0");
  assert_at(log, "b", 1, "be1 ae2");
}

void a_quiet_room_is_not_forgotten_beside_a_busy_one(void**) {
  DeliveryLog log;
  log.join("quiet", {"e", 0});
  note(log, "quiet", 1);
  log.join("busy", {"e", 0});
  note(log, "quiet", 2);
  for (std::uint64_t seq = 1; seq <= 5'000; ++seq) note(log, "busy", seq);
  assert_at(log, "busy", 5'000, "busye5000 quiete2");
  assert_at(log, "busy", 5'000 - DeliveryLog::kMaxEntries + 1, "busye3977 quiete2");
  assert_at(log, "busy", 5'000 - DeliveryLog::kMaxEntries, "unknown");
  assert_at(log, "quiet", 2, "unknown");         // too long ago
  assert_at(log, "quiet", 0, "quiete0 busye0");  // of an earlier life
  assert_string_equal(show(log.positions_proven()).c_str(), "quiete0 busye0");
  log.leave("quiet");
  for (std::uint64_t seq = 5'001; seq <= 6'000; ++seq) note(log, "busy", seq);
  log.join("quiet", {"e", 2});
  assert_at(log, "busy", 5'500, "busye5500 quiete2");  // sent while it was alone
  assert_at(log, "quiet", 2, "unknown");               // it may have seen it long before
}

void a_copy_goes_on_alone(void**) {
  DeliveryLog log;
  log.join("a", {"e", 0});
  log.join("b", {"e", 0});
  for (std::uint64_t seq = 1; seq <= 20; ++seq) note(log, seq % 2 == 0 ? "a" : "b", seq);
  DeliveryLog copy = log;
  note(copy, "a", 22);
  assert_at(copy, "a", 22, "ae22 be19");
  assert_at(log, "a", 22, "unknown");
  const DeliveryLog moved = std::move(copy);
  assert_at(moved, "a", 22, "ae22 be19");
}

void memory_is_bounded(void**) {
  DeliveryLog log;
  log.join("a", {"e", 0});
  assert_in_range(log.memory_bytes(), 1, 200);
  note(log, "a", 1);
  assert_in_range(log.memory_bytes(), 1, 200);
  log.join("b", {"e", 0});
  for (std::uint64_t seq = 1; seq <= 100'000; ++seq) note(log, "b", seq);
  const std::size_t full = log.memory_bytes();
  assert_in_range(full, DeliveryLog::kMaxEntries * 16, DeliveryLog::kMaxEntries * 16 + 1'000);
  // Rooms that come and go are remembered no longer than the ring tells of them.
  for (int i = 0; i < 10'000; ++i) {
    const std::string room = "room-" + std::to_string(i);
    log.join(room, {"e", 0});
    note(log, room, 1);
    log.leave(room);
  }
  assert_in_range(log.memory_bytes(), full, DeliveryLog::kMaxEntries * 300);
}

// Lives at random beside the model. Returns how many answers were known.
int live(unsigned seed, int steps, int rooms, int one_in_joins, std::size_t certain) {
  std::mt19937 random(seed);
  DeliveryLog log;
  DeliveryModel model;
  std::map<std::string, std::uint64_t> newest;
  for (int i = 0; i < rooms; ++i) newest[std::string(1, static_cast<char>('a' + i))] = random() % 2;
  const bool pings = seed % 2 == 0;
  const unsigned one_in_own = 2 + seed % 5;
  bool ping_is_out = false;
  int known = 0;
  for (int step = 0; step < steps; ++step) {
    const std::string room(1, static_cast<char>('a' + random() % static_cast<unsigned>(rooms)));
    if (random() % static_cast<unsigned>(one_in_joins) == 0) {
      if (model.in(room)) {
        log.leave(room);
        model.leave(room);
      } else {
        log.join(room, {"e", newest[room]});
        model.join(room, newest[room]);
      }
    } else if (pings && random() % 8 == 0) {
      if (ping_is_out) {
        log.ping_answered();
        model.ping_answered();
      } else {
        log.ping_sent();
        model.ping_sent();
      }
      ping_is_out = !ping_is_out;
    } else {
      const std::uint64_t seq = ++newest[room];
      if (model.in(room)) {
        const bool own = random() % one_in_own == 0;
        log.note(DeliveryModel::message(room, seq), own);
        model.note(room, seq, own);
      }
    }
    if (step + 1 != steps && random() % 64 != 0) continue;
    assert_string_equal(show(log.positions_proven()).c_str(), show(model.proven()).c_str());
    const std::size_t total = model.items.size();
    // What it saw in an earlier life is nothing of this one.
    for (const DeliveryModel::Membership& one : model.members) {
      const std::string actual = show(log.positions_at(one.room, {"e", one.first_since}));
      if (actual == "unknown" && total >= certain) continue;
      assert_string_equal(actual.c_str(), show(model.proven()).c_str());
    }
    for (std::size_t index = 0; index < total; ++index) {
      if (total > 200 && random() % 16 != 0) continue;
      const DeliveryModel::Item& last = model.items[index];
      if (last.own) continue;
      const auto actual = log.positions_at(last.room, {"e", last.seq});
      if (!actual && (total - index > certain || model.members.empty())) continue;
      if (actual && model.agrees(index, *actual)) {
        ++known;
        continue;
      }
      assert_string_equal(show(actual).c_str(), show(model.at(index)).c_str());
    }
  }
  return known;
}

void lives_at_random_are_remembered_exactly(void**) {
  int known = 0;
  for (unsigned seed = 0; seed < 3'000; ++seed) {
    known += live(seed, 60, 2 + static_cast<int>(seed % 3), 2 + static_cast<int>(seed % 7), SIZE_MAX);
  }
  assert_in_range(known, 10'000, INT32_MAX);
}

// Beyond the ring it is silent rather than wrong. Not all that was sent is in the ring twice: so much is always known.
void long_lives_are_remembered_exactly_or_not_at_all(void**) {
  int known = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    known += live(seed, 4'000, 2 + static_cast<int>(seed % 4), 20 + 40 * static_cast<int>(seed % 3),
                  DeliveryLog::kMaxEntries / 2);
  }
  assert_in_range(known, 10'000, INT32_MAX);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(in_one_room_what_it_saw_is_the_answer),
      cmocka_unit_test(in_two_rooms_the_order_of_sending_tells),
      cmocka_unit_test(before_it_is_sent_anything_it_has_what_it_joined_with),
      cmocka_unit_test(an_answered_ping_proves_what_was_sent_before_it),
      cmocka_unit_test(own_messages_are_not_missed),
      cmocka_unit_test(what_it_was_sent_alone_counts_when_a_second_room_comes),
      cmocka_unit_test(a_room_joined_later_is_replayed_from_its_joining),
      cmocka_unit_test(a_room_left_and_joined_again),
      cmocka_unit_test(a_room_that_began_anew_is_another),
      cmocka_unit_test(joining_again_and_what_is_not_numbered_change_nothing),
      cmocka_unit_test(a_quiet_room_is_not_forgotten_beside_a_busy_one),
      cmocka_unit_test(a_copy_goes_on_alone),
      cmocka_unit_test(memory_is_bounded),
      cmocka_unit_test(lives_at_random_are_remembered_exactly),
      cmocka_unit_test(long_lives_are_remembered_exactly_or_not_at_all),
  };
  return cmocka_run_group_tests_name("session/delivery_log", tests, nullptr, nullptr);
}
