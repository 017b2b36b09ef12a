// The kept messages of one room: what stays and what goes under each limit, and what a reader is given.
#include "hub/history.h"

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

bool equal(const std::vector<MessagePtr>& messages, const std::vector<std::uint64_t>& expected) {
  return seqs(messages) == expected;
}

HistoryLimits limits(std::int64_t messages, std::int64_t bytes = kUnlimited, std::int64_t age_ms = kUnlimited) {
  return {messages, bytes, age_ms};
}

void an_empty_history_has_nothing(void**) {
  History history(limits(10));
  assert_true(history.empty());
  assert_int_equal(history.size(), 0);
  assert_int_equal(history.bytes(), 0);
  assert_int_equal(history.first_seq(), 0);
  assert_true(history.after(0, 0).empty());
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
  // What follows is kept again, and found by its seq.
  history.append(message(3, 100));
  assert_true(equal(history.after(0, 0), {3}));
  assert_true(equal(history.after(2, 0), {3}));
  assert_true(history.after(3, 0).empty());
}

void counts_every_byte_that_it_holds(void**) {
  History history(limits(4, 8'000));
  std::int64_t sum = 0;
  for (std::uint64_t seq = 1; seq <= 50; ++seq) {
    sum += history.append(message(seq, (seq * 397) % 3'000));
    std::size_t held = 0;
    for (const MessagePtr& one : history.after(0, 0)) held += one->memory_bytes();
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
  assert_int_equal(history.expire(kNow + 1'000), 0);  // exactly as old as it may be
  assert_true(history.expire(kNow + 1'001) < 0);
  assert_true(equal(history.after(0, 0), {2}));
  // A new message drives the old ones out too, without expire().
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
  assert_true(history.after(9, 0).empty());
  assert_true(history.after(UINT64_MAX, 0).empty());
}

void after_gives_the_newest_of_these(void**) {
  History history(limits(10));
  for (std::uint64_t seq = 1; seq <= 9; ++seq) history.append(message(seq));
  assert_true(equal(history.after(0, 3), {7, 8, 9}));
  assert_true(equal(history.after(7, 3), {8, 9}));
  assert_true(equal(history.after(0, 100), {1, 2, 3, 4, 5, 6, 7, 8, 9}));
  assert_true(equal(history.after(0, SIZE_MAX), {1, 2, 3, 4, 5, 6, 7, 8, 9}));
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
      cmocka_unit_test(memory_counts_attachments_and_attributes),
  };
  return cmocka_run_group_tests_name("hub/history", tests, nullptr, nullptr);
}
