// What a client has of its rooms at each message that it may have seen last: told by hand for the cases that matter, and
// compared with a model that remembers everything for many lives made at random.
#include "session/delivery_log.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

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

namespace {

void note(DeliveryLog& log, std::string room, std::uint64_t seq) {
  Message message;
  message.room = std::move(room);
  message.epoch = "e";
  message.seq = seq;
  log.note(message);
}

std::string show(const std::optional<std::vector<RoomPosition>>& positions) {
  if (!positions) return "unknown";
  std::string text;
  for (const RoomPosition& one : *positions) {
    if (!text.empty()) text += ' ';
    text += one.room + one.position.epoch + std::to_string(one.position.seq);
  }
  return text;
}

void assert_at(const DeliveryLog& log, const char* room, std::uint64_t seq, const std::string& expected,
               std::string epoch = "e") {
  assert_string_equal(show(log.positions_at(room, {std::move(epoch), seq})).c_str(), expected.c_str());
}

void in_one_room_what_it_saw_is_the_answer(void**) {
  DeliveryLog log;
  assert_at(log, "a", 1, "unknown");
  log.join("a", {"e", 5});
  assert_at(log, "a", 5, "ae5");
  note(log, "a", 6);
  assert_at(log, "a", 5, "ae5");
  assert_at(log, "a", 6, "ae6");
  assert_at(log, "a", 4, "unknown");       // before it joined
  assert_at(log, "a", 6, "unknown", "f");  // another numbering
  assert_at(log, "other", 6, "unknown");
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
  assert_at(log, "b", 9, "unknown");
}

// The client still gives the message that it saw in an earlier life.
void before_it_is_sent_anything_it_has_what_it_joined_with(void**) {
  DeliveryLog log;
  log.join("a", {"e", 5});
  log.join("b", {"e", 9});
  assert_at(log, "b", 9, "be9 ae5");
  note(log, "a", 6);
  note(log, "b", 10);
  assert_at(log, "b", 9, "be9 ae5");
  assert_at(log, "a", 5, "ae5 be9");
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
  assert_at(log, "b", 2, "unknown");
  assert_at(log, "a", 1, "ae1");
  note(log, "a", 2);
  log.join("b", {"e", 2});  // nothing was said there meanwhile
  note(log, "b", 3);
  assert_at(log, "b", 2, "be2 ae1");  // seen before it left
  assert_at(log, "b", 3, "be3 ae2");
  assert_at(log, "a", 1, "ae1 be2");  // not what it missed before it joined anew
  assert_at(log, "b", 1, "unknown");
  log.leave("b");
  log.join("b", {"e", 8});
  assert_at(log, "b", 3, "unknown");
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
  assert_at(log, "b", 1, "unknown");
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
  assert_at(log, "quiet", 2, "unknown");  // too long ago
  assert_at(log, "quiet", 0, "unknown");
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

// A client's whole life, remembered.
class Model {
 public:
  struct Sent {
    std::string room;
    std::uint64_t seq;
  };
  struct Membership {
    std::string room;
    std::uint64_t since;
  };

  // What it has when it saw the first `count` of what it was sent.
  std::string answer(std::size_t count) const {
    const Sent& last = sent[count - 1];
    const auto named = std::find_if(members.begin(), members.end(), [&](auto& one) { return one.room == last.room; });
    if (named == members.end() || last.seq < named->since) return "unknown";
    std::string text = last.room + "e" + std::to_string(last.seq);
    for (const Membership& one : members) {
      if (one.room == last.room) continue;
      std::uint64_t seq = one.since;
      for (std::size_t i = 0; i < count; ++i) {
        if (sent[i].room == one.room) seq = std::max(seq, sent[i].seq);
      }
      text += " " + one.room + "e" + std::to_string(seq);
    }
    return text;
  }

  // What it has when it was sent nothing, or saw nothing of it.
  std::string answer_before_all(const Membership& named) const {
    std::string text = named.room + "e" + std::to_string(named.since);
    for (const Membership& one : members) {
      if (one.room != named.room) text += " " + one.room + "e" + std::to_string(one.since);
    }
    return text;
  }

  std::vector<Sent> sent;
  std::vector<Membership> members;  // in the order of joining
};

// Returns how many answers were known.
int live(unsigned seed, int steps, int rooms, int one_in_joins, std::size_t certain) {
  std::mt19937 random(seed);
  DeliveryLog log;
  Model model;
  std::map<std::string, std::uint64_t> newest;
  for (int i = 0; i < rooms; ++i) newest[std::string(1, static_cast<char>('a' + i))] = random() % 2;
  std::map<std::string, std::uint64_t> first_since;
  int known = 0;
  for (int step = 0; step < steps; ++step) {
    const std::string room(1, static_cast<char>('a' + random() % static_cast<unsigned>(rooms)));
    const auto member =
        std::find_if(model.members.begin(), model.members.end(), [&](auto& one) { return one.room == room; });
    if (random() % static_cast<unsigned>(one_in_joins) == 0) {
      if (member == model.members.end()) {
        log.join(room, {"e", newest[room]});
        model.members.push_back({room, newest[room]});
        first_since.emplace(room, newest[room]);
      } else {
        log.leave(room);
        model.members.erase(member);
      }
    } else {
      const std::uint64_t seq = ++newest[room];
      if (member != model.members.end()) {
        note(log, room, seq);
        model.sent.push_back({room, seq});
      }
    }
    if (step + 1 != steps && random() % 64 != 0) continue;
    const std::size_t total = model.sent.size();
    // In an earlier life it may have seen the one before the first of this.
    for (const Model::Membership& one : model.members) {
      if (one.since != first_since[one.room]) continue;
      const std::string actual = show(log.positions_at(one.room, {"e", one.since}));
      if (actual == "unknown" && total >= certain) continue;
      assert_string_equal(actual.c_str(), model.answer_before_all(one).c_str());
    }
    for (std::size_t count = 1; count <= total; ++count) {
      if (total > 200 && random() % 16 != 0) continue;
      const Model::Sent& last = model.sent[count - 1];
      const std::string actual = show(log.positions_at(last.room, {"e", last.seq}));
      if (actual == "unknown" && total - count >= certain) continue;
      assert_string_equal(actual.c_str(), model.answer(count).c_str());
      known += actual == "unknown" ? 0 : 1;
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
