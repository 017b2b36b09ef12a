// The kept messages of one room: which messages each limit removes, and what a reader receives.
#include "hub/history.h"

#include <algorithm>
#include <random>

#include "hub_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;

MessagePtr message(std::uint64_t seq, std::size_t size_bytes = 10, std::int64_t time_ms = kNow) {
  auto result = std::make_shared<Message>();
  result->room = "r";
  result->payload = std::string(size_bytes, 'x');
  result->seq = seq;
  result->born_ms = time_ms;
  return result;
}

std::vector<std::uint64_t> seqs(const std::vector<MessagePtr>& messages) {
  std::vector<std::uint64_t> result;
  for (const MessagePtr& one : messages) result.push_back(one->seq);
  return result;
}

bool equal(const KeptMessages& kept, const std::vector<std::uint64_t>& expected) {
  return seqs(kept.messages) == expected;
}

HistoryLimits limits(std::int64_t messages, std::int64_t bytes = kUnlimited, std::int64_t age_ms = kUnlimited) {
  return {messages, bytes, age_ms};
}

void earlier_messages_go_in_front(void**) {
  History history(limits(kUnlimited));
  history.set_dropped(5);
  std::int64_t held = history.append(message(6)) + history.append(message(7));
  assert_false(history.after(3, 0).complete);
  const std::vector<MessagePtr> earlier = {message(4), message(5)};
  held += history.prepend(earlier, 3);
  assert_int_equal(held, history.bytes());
  assert_int_equal(history.dropped_seq(), 3);
  assert_true(equal(history.after(0, 0), {4, 5, 6, 7}));
  assert_true(history.after(3, 0).complete);
  assert_false(history.after(2, 0).complete);
  assert_int_equal(history.prepend({}, 1), 0);  // there are none, and that is known now
  assert_true(history.after(1, 0).complete);
}

void earlier_messages_are_limited(void**) {
  History history(limits(3));
  history.set_dropped(4);
  history.append(message(5));
  std::vector<MessagePtr> earlier = {message(1), message(2), message(3), message(4)};
  history.prepend(earlier, 0);
  assert_true(equal(history.after(0, 0), {3, 4, 5}));
  assert_int_equal(history.dropped_seq(), 2);
  const std::int64_t one = static_cast<std::int64_t>(message(1)->memory_bytes());
  History small(limits(kUnlimited, 2 * one));
  small.set_dropped(4);
  small.append(message(5));
  assert_int_equal(small.prepend(earlier, 0), one);
  assert_true(equal(small.after(0, 0), {4, 5}));
}

void an_empty_history_has_nothing(void**) {
  History history(limits(10));
  assert_true(history.empty());
  assert_int_equal(history.size(), 0);
  assert_int_equal(history.bytes(), 0);
  assert_int_equal(history.first_seq(), 0);
  assert_true(history.after(0, 0).messages.empty());
  assert_int_equal(history.clear(), 0);
  assert_int_equal(history.shrink(100), 0);
  assert_int_equal(history.expire(kNow), 0);
}

void keeps_the_newest_so_many(void**) {
  History history(limits(3));
  for (std::uint64_t seq = 1; seq <= 5; ++seq) history.append(message(seq));
  assert_true(equal(history.after(0, 0), {3, 4, 5}));
  assert_int_equal(history.first_seq(), 3);
  assert_int_equal(history.size(), 3);
}

void keeps_nothing_when_the_limit_is_zero(void**) {
  History history(limits(0));
  assert_int_equal(history.append(message(1)), 0);
  assert_true(history.empty());
  assert_int_equal(history.bytes(), 0);
}

void unlimited_in_count_still_obeys_the_bytes(void**) {
  const auto one = static_cast<std::int64_t>(message(1, 1000)->memory_bytes());
  History history(limits(kUnlimited, 5 * one));
  for (std::uint64_t seq = 1; seq <= 20; ++seq) history.append(message(seq, 1000));
  assert_true(equal(history.after(0, 0), {16, 17, 18, 19, 20}));
  assert_true(static_cast<std::int64_t>(history.bytes()) <= 5 * one);
}

void a_message_above_the_bytes_leaves_nothing(void**) {
  History history(limits(10, 5'000));
  history.append(message(1, 100));
  history.append(message(2, 10'000));
  assert_true(history.empty());
  assert_int_equal(history.bytes(), 0);
  // Later messages are kept again and found by seq.
  history.append(message(3, 100));
  assert_true(equal(history.after(0, 0), {3}));
  assert_true(equal(history.after(2, 0), {3}));
  assert_true(history.after(3, 0).messages.empty());
}

void counts_every_byte_that_it_holds(void**) {
  History history(limits(4, 8'000));
  std::int64_t sum = 0;
  for (std::uint64_t seq = 1; seq <= 50; ++seq) {
    sum += history.append(message(seq, (seq * 397) % 3'000));
    std::size_t held = 0;
    for (const MessagePtr& one : history.after(0, 0).messages) held += one->memory_bytes();
    assert_int_equal(history.bytes(), held);
    assert_int_equal(sum, held);
  }
  sum += history.clear();
  assert_int_equal(sum, 0);
  assert_true(history.empty());
}

void what_is_too_old_goes(void**) {
  History history(limits(10, kUnlimited, 1'000));
  history.append(message(1, 10, kNow));
  history.append(message(2, 10, kNow + 600));
  assert_int_equal(history.expire(kNow + 1'000), 0);  // exactly at the age limit
  assert_true(history.expire(kNow + 1'001) < 0);
  assert_true(equal(history.after(0, 0), {2}));
  // A new message removes expired ones even without expire().
  history.append(message(3, 10, kNow + 5'000));
  assert_true(equal(history.after(0, 0), {3}));
}

void shrink_drops_the_oldest_until_enough_is_free(void**) {
  const auto one = message(1, 1000)->memory_bytes();
  History history(limits(10));
  for (std::uint64_t seq = 1; seq <= 5; ++seq) history.append(message(seq, 1000));
  assert_int_equal(history.shrink(one + 1), -2 * static_cast<std::int64_t>(one));
  assert_true(equal(history.after(0, 0), {3, 4, 5}));
  assert_int_equal(history.shrink(one * 100), -3 * static_cast<std::int64_t>(one));
  assert_true(history.empty());
}

void after_gives_what_is_above_a_seq(void**) {
  History history(limits(10));
  for (std::uint64_t seq = 5; seq <= 9; ++seq) history.append(message(seq));
  assert_true(equal(history.after(0, 0), {5, 6, 7, 8, 9}));
  assert_true(equal(history.after(4, 0), {5, 6, 7, 8, 9}));
  assert_true(equal(history.after(5, 0), {6, 7, 8, 9}));
  assert_true(equal(history.after(8, 0), {9}));
  assert_true(history.after(9, 0).messages.empty());
  assert_true(history.after(UINT64_MAX, 0).messages.empty());
}

void after_gives_the_newest_of_these(void**) {
  History history(limits(10));
  for (std::uint64_t seq = 1; seq <= 9; ++seq) history.append(message(seq));
  assert_true(equal(history.after(0, 3), {7, 8, 9}));
  assert_true(equal(history.after(7, 3), {8, 9}));
  assert_true(equal(history.after(0, 100), {1, 2, 3, 4, 5, 6, 7, 8, 9}));
  assert_true(equal(history.after(0, SIZE_MAX), {1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

// Looks up by seq: a number between two kept messages may be missing.
void numbers_may_be_missing(void**) {
  History history(limits(10));
  for (const std::uint64_t seq : {1, 2, 5, 6}) history.append(message(seq));
  assert_true(equal(history.after(0, 0), {1, 2, 5, 6}));
  assert_true(equal(history.after(2, 0), {5, 6}));
  assert_true(equal(history.after(3, 0), {5, 6}));
  assert_true(equal(history.after(4, 0), {5, 6}));
  assert_true(equal(history.after(5, 0), {6}));
  assert_true(equal(history.after(6, 0), {}));
  assert_true(equal(history.after(2, 1), {6}));
  assert_true(history.after(0, 0).complete);
  assert_true(history.after(3, 0).complete);
}

void says_what_it_no_longer_has(void**) {
  History history(limits(3));
  for (const std::uint64_t seq : {1, 2, 5, 6}) history.append(message(seq));
  assert_false(history.after(0, 0).complete);  // 1 was dropped
  assert_true(history.after(1, 0).complete);
  assert_false(history.after(1, 2).complete);  // the limit excludes 2
  assert_true(history.after(2, 2).complete);
  history.clear();
  assert_false(history.after(5, 0).complete);
  assert_true(history.after(6, 0).complete);
  history.append(message(9));
  assert_false(history.after(5, 0).complete);
  assert_true(history.after(6, 0).complete);
  history.set_dropped(0);
  assert_true(history.after(0, 0).complete);
}

void between_gives_a_page_before_a_seq(void**) {
  History history(limits(8));
  for (std::uint64_t seq = 1; seq <= 10; ++seq) history.append(message(seq));  // 1 and 2 are dropped
  assert_true(equal(history.between(0, 11, 3), {8, 9, 10}));
  assert_true(equal(history.between(0, 8, 3), {5, 6, 7}));
  assert_false(history.between(0, 8, 3).complete);
  assert_true(equal(history.between(0, 5, 3), {3, 4}));
  assert_false(history.between(0, 5, 3).complete);
  assert_true(equal(history.between(2, 5, 3), {3, 4}));
  assert_true(history.between(2, 5, 3).complete);
  assert_true(equal(history.between(4, 7, 0), {5, 6}));
  assert_true(equal(history.between(4, UINT64_MAX, 0), {5, 6, 7, 8, 9, 10}));
}

void between_has_nothing_to_give_when_it_is_empty(void**) {
  History history(limits(2));
  for (std::uint64_t seq = 1; seq <= 4; ++seq) history.append(message(seq));
  for (const std::uint64_t before : {1, 2, 3, 4}) {
    const KeptMessages kept = history.between(before - 1, before, 0);
    assert_true(kept.messages.empty());
    assert_true(kept.complete);  // no number is between the two
  }
  assert_true(history.between(9, 3, 0).complete);
  assert_true(history.between(0, 3, 0).messages.empty());  // 1 and 2 are dropped
  assert_false(history.between(0, 3, 0).complete);
}

// The same as a list that is searched from its start.
struct ListModel {
  struct Entry {
    std::uint64_t seq;
    std::int64_t born_ms;
    std::size_t bytes;
  };
  std::vector<Entry> kept;
  std::vector<std::uint64_t> dropped;

  std::int64_t bytes() const {
    std::int64_t sum = 0;
    for (const Entry& entry : kept) sum += static_cast<std::int64_t>(entry.bytes);
    return sum;
  }
  void drop_front() {
    dropped.push_back(kept.front().seq);
    kept.erase(kept.begin());
  }
};

void equals_a_plain_list(void**) {
  std::mt19937 random(7);
  const auto below = [&](std::uint32_t bound) { return static_cast<std::uint32_t>(random() % bound); };
  constexpr HistoryLimits kLimits{12, 9'000, 3'000};
  for (int run = 0; run < 50; ++run) {
    History history(kLimits);
    ListModel model;
    std::int64_t held = 0;
    std::int64_t now_ms = kNow;
    std::uint64_t seq = 0;
    const auto expire = [&] {
      while (!model.kept.empty() && now_ms - model.kept.front().born_ms > kLimits.age_ms) model.drop_front();
    };
    for (int step = 0; step < 200; ++step) {
      now_ms += below(200);
      switch (below(12)) {
        case 0:
          held += history.expire(now_ms);
          expire();
          break;
        case 1: {
          const std::size_t bytes = below(1'000);
          held += history.shrink(bytes);
          const std::int64_t wanted = std::max<std::int64_t>(0, model.bytes() - static_cast<std::int64_t>(bytes));
          while (!model.kept.empty() && model.bytes() > wanted) model.drop_front();
          break;
        }
        case 2:
          if (below(8) != 0) break;
          held += history.clear();
          while (!model.kept.empty()) model.drop_front();
          break;
        default: {
          seq += 1 + (below(3) == 0 ? below(5) : 0);
          const MessagePtr one = message(seq, below(1'500), now_ms);
          held += history.append(one);
          model.kept.push_back({seq, now_ms, one->memory_bytes()});
          while (model.kept.size() > 12 || model.bytes() > kLimits.bytes) model.drop_front();
          expire();
          break;
        }
      }
      assert_int_equal(held, model.bytes());
      assert_int_equal(history.size(), model.kept.size());
      const std::uint64_t after = below(static_cast<std::uint32_t>(seq) + 3);
      const std::uint64_t before = below(3) == 0 ? RoomLog::kNoSeq : 1 + below(static_cast<std::uint32_t>(seq) + 3);
      const std::size_t limit = below(4);
      std::vector<std::uint64_t> expected;
      for (const ListModel::Entry& entry : model.kept) {
        if (entry.seq > after && entry.seq < before) expected.push_back(entry.seq);
      }
      // Numbers that no message had count as dropped when a later message was dropped.
      const bool no_number = after + 1 >= before;
      bool complete = no_number || model.dropped.empty() || model.dropped.back() <= after;
      if (limit != 0 && expected.size() > limit) {
        complete = false;
        expected.erase(expected.begin(), expected.end() - static_cast<std::ptrdiff_t>(limit));
      }
      const KeptMessages kept = history.between(after, before, limit);
      assert_true(equal(kept, expected));
      assert_int_equal(kept.complete, complete);
    }
  }
}

void memory_counts_attachments_and_attributes(void**) {
  Message plain;
  Message rich;
  rich.attachments = {std::string(1'000, 'a'), std::string(2'000, 'b')};
  rich.attributes = {{"name", std::string(500, 'v')}};
  assert_true(rich.memory_bytes() >= plain.memory_bytes() + 3'500);
  assert_int_equal(rich.size_bytes(), 3'504);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_history_has_nothing),
      cmocka_unit_test(keeps_the_newest_so_many),
      cmocka_unit_test(keeps_nothing_when_the_limit_is_zero),
      cmocka_unit_test(unlimited_in_count_still_obeys_the_bytes),
      cmocka_unit_test(a_message_above_the_bytes_leaves_nothing),
      cmocka_unit_test(counts_every_byte_that_it_holds),
      cmocka_unit_test(what_is_too_old_goes),
      cmocka_unit_test(shrink_drops_the_oldest_until_enough_is_free),
      cmocka_unit_test(after_gives_what_is_above_a_seq),
      cmocka_unit_test(after_gives_the_newest_of_these),
      cmocka_unit_test(numbers_may_be_missing),
      cmocka_unit_test(says_what_it_no_longer_has),
      cmocka_unit_test(between_gives_a_page_before_a_seq),
      cmocka_unit_test(between_has_nothing_to_give_when_it_is_empty),
      cmocka_unit_test(equals_a_plain_list),
      cmocka_unit_test(earlier_messages_go_in_front),
      cmocka_unit_test(earlier_messages_are_limited),
      cmocka_unit_test(memory_counts_attachments_and_attributes),
  };
  return cmocka_run_group_tests_name("hub/history", tests, nullptr, nullptr);
}
