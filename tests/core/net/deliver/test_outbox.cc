// Frames that wait for a socket: their order, the limits, what each policy drops, and how that is reported.
#include "net/deliver/outbox.h"

#include <algorithm>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "core/net/frame_bytes.h"
#include "net/deliver/polling_carrier.h"
#include "net/deliver/websocket_carrier.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::net;

namespace {

using test::bytes_of;

const Carrier& kPlain = websocket_carrier();
constexpr std::size_t kNoLimit = SIZE_MAX / 2;

MessagePtr message(std::uint64_t seq, std::string room = "lobby", std::string epoch = "e1") {
  auto result = std::make_shared<Message>();
  result->room = std::move(room);
  result->epoch = std::move(epoch);
  result->seq = seq;
  return result;
}

FramePtr reply(std::string bytes) { return FramePtr::make(std::move(bytes)); }
FramePtr carrying(std::string bytes, std::uint64_t seq, std::string room = "lobby") {
  return FramePtr::make(std::move(bytes), message(seq, std::move(room)));
}

// For tests that do not look at the counter.
Outbox::Pushed push(Outbox& outbox, FramePtr frame, const OutboxLimits& limits) {
  std::uint64_t dropped = 0;
  return outbox.push(std::move(frame), limits, dropped);
}

OutboxLimits limits_of(std::size_t bytes, std::size_t frames, OutboxPolicy policy = OutboxPolicy::disconnect) {
  return {bytes, frames, policy};
}

void write_some(Outbox& outbox, std::size_t bytes) {
  std::string scratch;
  const std::size_t size = outbox.next(kPlain, scratch, bytes).size();
  assert_int_equal(size, bytes);
  outbox.consume(bytes);
}

// Everything in the order in which a socket would get it.
std::string drain(Outbox& outbox, std::size_t max_bytes = 65'536) {
  std::string all;
  std::string scratch;
  while (!outbox.empty()) {
    const std::string_view next = outbox.next(kPlain, scratch, max_bytes);
    assert_true(!next.empty() && next.size() <= max_bytes);
    all += next;
    outbox.consume(next.size());
  }
  assert_int_equal(outbox.bytes(), 0);
  assert_int_equal(outbox.frames(), 0);
  assert_false(outbox.mid_write());
  assert_true(outbox.next(kPlain, scratch, max_bytes).empty());
  return all;
}

void assert_drains(Outbox& outbox, const std::string& expected) {
  assert_string_equal(drain(outbox).c_str(), expected.c_str());
}

void assert_gap(const GapReply& gap, const char* room, std::uint64_t first, std::uint64_t last, std::uint64_t dropped) {
  assert_string_equal(gap.room.c_str(), room);
  assert_int_equal(gap.first_seq, first);
  assert_int_equal(gap.last_seq, last);
  assert_int_equal(gap.dropped, dropped);
}

// Order and pieces ------------------------------------------------------------------------------

void starts_empty(void**) {
  Outbox outbox;
  std::string scratch;
  assert_true(outbox.empty());
  assert_false(outbox.mid_write());
  assert_false(outbox.has_gaps());
  assert_int_equal(outbox.bytes(), 0);
  assert_int_equal(outbox.frames(), 0);
  assert_true(outbox.next(kPlain, scratch, 100).empty());
  assert_true(outbox.take_gaps().empty());
  outbox.drop_unwritten();
  assert_true(outbox.empty());
}

void frames_leave_in_the_order_in_which_they_came(void**) {
  Outbox outbox;
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string bytes = std::to_string(i) + ",";
    expected += bytes;
    assert_true(push(outbox, i % 3 == 0 ? reply(bytes) : carrying(bytes, 1), {}) == Outbox::Pushed::queued);
  }
  assert_int_equal(outbox.frames(), 1000);
  assert_int_equal(outbox.bytes(), expected.size());
  assert_drains(outbox, expected);
}

void small_frames_are_gathered_whole(void**) {
  Outbox outbox;
  for (const char* bytes : {"aaaa", "bbbb", "cccc", "dddd"}) push(outbox, reply(bytes), {});
  std::string scratch;
  assert_true(outbox.next(kPlain, scratch, 100) == "aaaabbbbccccdddd");
  assert_true(outbox.next(kPlain, scratch, 16) == "aaaabbbbccccdddd");
  // Looking changes nothing.
  assert_int_equal(outbox.bytes(), 16);
  // Only whole frames are added to the first.
  assert_true(outbox.next(kPlain, scratch, 15) == "aaaabbbbcccc");
  assert_true(outbox.next(kPlain, scratch, 7) == "aaaa");
  outbox.consume(4);
  assert_true(outbox.next(kPlain, scratch, 8) == "bbbbcccc");
}

void a_frame_alone_is_given_in_place(void**) {
  Outbox outbox;
  const FramePtr frame = reply("small");
  outbox.push_last(frame);
  std::string scratch;
  assert_ptr_equal(outbox.next(kPlain, scratch, 100).data(), frame->segment(0).data());
  assert_true(scratch.empty());
}

void a_large_frame_is_given_in_place_piece_by_piece(void**) {
  Outbox outbox;
  const FramePtr large = reply(std::string(250, 'L'));
  outbox.push_last(large);
  outbox.push_last(reply("tail"));
  std::string scratch;
  for (const std::size_t offset : {0U, 100U}) {
    const std::string_view piece = outbox.next(kPlain, scratch, 100);
    assert_int_equal(piece.size(), 100);
    assert_ptr_equal(piece.data(), large->segment(0).data() + offset);
    outbox.consume(piece.size());
    assert_true(outbox.mid_write());
  }
  assert_true(scratch.empty());
  // The rest is small, and the next frame is written with it.
  assert_true(outbox.next(kPlain, scratch, 100) == std::string(50, 'L') + "tail");
  outbox.consume(54);
  assert_true(outbox.empty());
}

void what_is_consumed_may_end_inside_of_any_frame(void**) {
  const std::string expected = "aaaabbbbccccddddeeee";
  for (std::size_t first = 1; first < expected.size(); ++first) {
    Outbox outbox;
    for (std::size_t at = 0; at < expected.size(); at += 4) outbox.push_last(reply(expected.substr(at, 4)));
    std::string scratch;
    assert_true(outbox.next(kPlain, scratch, 100) == expected);
    outbox.consume(first);
    assert_int_equal(outbox.bytes(), expected.size() - first);
    assert_int_equal(outbox.frames(), 5 - first / 4);
    assert_int_equal(outbox.mid_write(), first % 4 != 0);
    assert_drains(outbox, expected.substr(first));
  }
}

void a_frame_is_shared_and_not_copied(void**) {
  const FramePtr frame = reply(std::string(100, 'x'));
  Outbox one;
  Outbox other;
  one.push_last(frame);
  other.push_last(frame);
  write_some(one, 40);
  // Each outbox writes for itself.
  std::string scratch;
  assert_ptr_equal(other.next(kPlain, scratch, 1000).data(), frame->segment(0).data());
  assert_int_equal(other.bytes(), 100);
  assert_int_equal(one.bytes(), 60);
}

void a_frame_in_front_goes_behind_a_partly_written_one(void**) {
  Outbox outbox;
  outbox.push_last(reply("first"));
  outbox.push_last(reply("last"));
  outbox.push_front(reply("front,"));
  assert_int_equal(outbox.bytes(), 15);
  write_some(outbox, 3);
  outbox.push_front(reply("(behind the half)"));
  assert_drains(outbox, "nt,(behind the half)firstlast");

  outbox.push_front(reply("alone"));
  assert_drains(outbox, "alone");
}

void a_backlog_keeps_its_order_while_it_moves(void**) {
  Outbox outbox;
  std::string expected;
  std::string written;
  std::string scratch;
  // Some hundreds wait at any time, so that the front of the queue is freed many times.
  for (int i = 0; i < 5000; ++i) {
    const std::string bytes = std::to_string(i) + ";";
    expected += bytes;
    outbox.push_last(reply(bytes));
    if (outbox.frames() < 300) continue;
    const std::string_view next = outbox.next(kPlain, scratch, 7);
    written += next;
    outbox.consume(next.size());
  }
  written += drain(outbox);
  assert_true(written == expected);
}

// Bounds ----------------------------------------------------------------------------------------

void bounded_in_bytes(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(10, kNoLimit);
  assert_true(push(outbox, carrying("12345", 1), limits) == Outbox::Pushed::queued);
  assert_true(push(outbox, carrying("67890", 2), limits) == Outbox::Pushed::queued);
  assert_true(push(outbox, carrying("x", 3), limits) == Outbox::Pushed::full);
  // Written bytes do not count any more.
  write_some(outbox, 1);
  assert_true(push(outbox, carrying("x", 3), limits) == Outbox::Pushed::queued);
  assert_true(push(outbox, carrying("y", 4), limits) == Outbox::Pushed::full);
  assert_drains(outbox, "234567890x");
}

void bounded_in_frames(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(kNoLimit, 3);
  for (int i = 0; i < 3; ++i) assert_true(push(outbox, carrying("aa", 1), limits) == Outbox::Pushed::queued);
  assert_true(push(outbox, carrying("bb", 2), limits) == Outbox::Pushed::full);
  // A partly written frame still waits.
  write_some(outbox, 1);
  assert_true(push(outbox, carrying("bb", 2), limits) == Outbox::Pushed::full);
  write_some(outbox, 1);
  assert_true(push(outbox, carrying("bb", 2), limits) == Outbox::Pushed::queued);
}

void a_frame_above_the_limit_goes_alone(void**) {
  for (const OutboxPolicy policy : {OutboxPolicy::disconnect, OutboxPolicy::drop_oldest, OutboxPolicy::drop_newest}) {
    const OutboxLimits limits = limits_of(10, 5, policy);
    const std::string large(100, 'L');
    Outbox outbox;
    assert_true(push(outbox, carrying(large, 1), limits) == Outbox::Pushed::queued);
    assert_int_equal(outbox.bytes(), 100);
    assert_false(outbox.has_gaps());
    assert_drains(outbox, large);
    // A reply too.
    assert_true(push(outbox, reply(large), limits) == Outbox::Pushed::queued);
    assert_drains(outbox, large);
  }
}

void beside_another_a_frame_above_the_limit_is_bounded(void**) {
  const std::string large(100, 'L');
  {
    Outbox outbox;
    push(outbox, carrying("a", 1), limits_of(10, 5));
    assert_true(push(outbox, carrying(large, 2), limits_of(10, 5)) == Outbox::Pushed::full);
    assert_drains(outbox, "a");
  }
  {
    Outbox outbox;
    const OutboxLimits limits = limits_of(10, 5, OutboxPolicy::drop_newest);
    push(outbox, carrying("a", 1), limits);
    assert_true(push(outbox, carrying(large, 2), limits) == Outbox::Pushed::dropped);
    assert_drains(outbox, "a");
  }
  {
    // The oldest messages make room for it as for any other.
    Outbox outbox;
    const OutboxLimits limits = limits_of(10, 5, OutboxPolicy::drop_oldest);
    push(outbox, carrying("a", 1), limits);
    push(outbox, carrying("b", 2), limits);
    assert_true(push(outbox, carrying(large, 3), limits) == Outbox::Pushed::dropped);
    assert_gap(outbox.take_gaps().at(0), "lobby", 1, 2, 2);
    assert_drains(outbox, large);
  }
}

void the_last_and_the_front_have_no_bound(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(4, 1);
  push(outbox, carrying("full", 1), limits);
  outbox.push_last(reply("close"));
  outbox.push_front(reply("gap"));
  assert_int_equal(outbox.frames(), 3);
  assert_drains(outbox, "gapfullclose");
}

// Policies --------------------------------------------------------------------------------------

void disconnect_drops_nothing(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(kNoLimit, 2, OutboxPolicy::disconnect);
  std::uint64_t dropped = 0;
  outbox.push(carrying("1", 1), limits, dropped);
  outbox.push(carrying("2", 2), limits, dropped);
  assert_true(outbox.push(carrying("3", 3), limits, dropped) == Outbox::Pushed::full);
  assert_true(outbox.push(reply("r"), limits, dropped) == Outbox::Pushed::full);
  assert_int_equal(dropped, 0);
  assert_false(outbox.has_gaps());
  assert_drains(outbox, "12");
}

void drop_newest_keeps_what_waits(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(kNoLimit, 2, OutboxPolicy::drop_newest);
  std::uint64_t dropped = 0;
  outbox.push(carrying("1", 1), limits, dropped);
  outbox.push(carrying("2", 2), limits, dropped);
  for (std::uint64_t seq = 3; seq <= 6; ++seq)
    assert_true(outbox.push(carrying("x", seq), limits, dropped) == Outbox::Pushed::dropped);
  assert_int_equal(dropped, 4);
  assert_gap(outbox.take_gaps().at(0), "lobby", 3, 6, 4);
  assert_drains(outbox, "12");
}

void drop_oldest_makes_room(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(10, kNoLimit, OutboxPolicy::drop_oldest);
  std::uint64_t dropped = 0;
  for (std::uint64_t seq = 1; seq <= 5; ++seq) outbox.push(carrying("0" + std::to_string(seq), seq), limits, dropped);
  assert_int_equal(dropped, 0);
  // As many as needed, and no more.
  assert_true(outbox.push(carrying("666", 6), limits, dropped) == Outbox::Pushed::dropped);
  assert_int_equal(dropped, 2);
  assert_int_equal(outbox.bytes(), 9);
  assert_true(outbox.push(carrying("7", 7), limits, dropped) == Outbox::Pushed::queued);
  assert_int_equal(dropped, 2);
  assert_gap(outbox.take_gaps().at(0), "lobby", 1, 2, 2);
  assert_drains(outbox, "0304056667");
}

void drop_oldest_by_count(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(kNoLimit, 3, OutboxPolicy::drop_oldest);
  std::uint64_t dropped = 0;
  for (std::uint64_t seq = 1; seq <= 9; ++seq) outbox.push(carrying(std::to_string(seq), seq), limits, dropped);
  assert_int_equal(dropped, 6);
  assert_gap(outbox.take_gaps().at(0), "lobby", 1, 6, 6);
  assert_drains(outbox, "789");
}

void replies_are_never_dropped(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(kNoLimit, 4, OutboxPolicy::drop_oldest);
  std::uint64_t dropped = 0;
  outbox.push(reply("r"), limits, dropped);
  outbox.push(carrying("1", 1), limits, dropped);
  outbox.push(reply("s"), limits, dropped);
  outbox.push(carrying("2", 2), limits, dropped);
  outbox.push(carrying("3", 3), limits, dropped);
  outbox.push(carrying("4", 4), limits, dropped);
  assert_int_equal(dropped, 2);
  assert_drains(outbox, "rs34");
}

void the_oldest_messages_make_room_for_a_reply(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(kNoLimit, 2, OutboxPolicy::drop_oldest);
  std::uint64_t dropped = 0;
  outbox.push(carrying("1", 1), limits, dropped);
  outbox.push(carrying("2", 2), limits, dropped);
  assert_true(outbox.push(reply("r"), limits, dropped) == Outbox::Pushed::dropped);
  assert_true(outbox.push(reply("s"), limits, dropped) == Outbox::Pushed::dropped);
  assert_int_equal(dropped, 2);
  // Only replies are left. They are never dropped, so the link is closed.
  assert_true(outbox.push(reply("t"), limits, dropped) == Outbox::Pushed::full);
  assert_gap(outbox.take_gaps().at(0), "lobby", 1, 2, 2);
  assert_drains(outbox, "rs");
}

void where_replies_fill_it_the_message_goes(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(kNoLimit, 2, OutboxPolicy::drop_oldest);
  std::uint64_t dropped = 0;
  outbox.push(reply("r"), limits, dropped);
  outbox.push(reply("s"), limits, dropped);
  assert_true(outbox.push(carrying("1", 1), limits, dropped) == Outbox::Pushed::dropped);
  assert_int_equal(dropped, 1);
  assert_gap(outbox.take_gaps().at(0), "lobby", 1, 1, 1);
  assert_drains(outbox, "rs");
}

void the_newest_messages_make_room_for_a_reply(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(kNoLimit, 3, OutboxPolicy::drop_newest);
  std::uint64_t dropped = 0;
  for (std::uint64_t seq = 1; seq <= 3; ++seq) outbox.push(carrying(std::to_string(seq), seq), limits, dropped);
  assert_true(outbox.push(reply("r"), limits, dropped) == Outbox::Pushed::dropped);
  assert_int_equal(dropped, 1);
  assert_gap(outbox.take_gaps().at(0), "lobby", 3, 3, 1);
  assert_drains(outbox, "12r");
}

void a_reply_that_does_not_fit_ends_the_link(void**) {
  for (const OutboxPolicy policy : {OutboxPolicy::disconnect, OutboxPolicy::drop_oldest, OutboxPolicy::drop_newest}) {
    Outbox outbox;
    const OutboxLimits limits = limits_of(kNoLimit, 1, policy);
    std::uint64_t dropped = 0;
    const bool drops = policy != OutboxPolicy::disconnect;
    outbox.push(drops ? reply("q") : carrying("1", 1), limits, dropped);
    assert_true(outbox.push(reply("r"), limits, dropped) == Outbox::Pushed::full);
    assert_int_equal(dropped, 0);
  }
}

void a_replay_raises_the_limits_until_it_is_written(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(4, 2, OutboxPolicy::disconnect);
  std::uint64_t dropped = 0;
  for (std::uint64_t seq = 1; seq <= 5; ++seq) outbox.push_replay(carrying("old ", seq));
  // New messages have the whole outbox for themselves, and no more.
  assert_true(outbox.push(carrying("ab", 6), limits, dropped) == Outbox::Pushed::queued);
  assert_true(outbox.push(carrying("cd", 7), limits, dropped) == Outbox::Pushed::queued);
  assert_true(outbox.push(carrying("e", 8), limits, dropped) == Outbox::Pushed::full);
  assert_drains(outbox, "old old old old old abcd");
  assert_true(outbox.push(carrying("abcd", 9), limits, dropped) == Outbox::Pushed::queued);
  assert_true(outbox.push(carrying("e", 10), limits, dropped) == Outbox::Pushed::full);
}

void a_partly_written_frame_is_never_dropped(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(10, kNoLimit, OutboxPolicy::drop_oldest);
  std::uint64_t dropped = 0;
  outbox.push(carrying("11111", 1), limits, dropped);
  outbox.push(carrying("22222", 2), limits, dropped);
  write_some(outbox, 1);
  assert_true(outbox.push(carrying("33333", 3), limits, dropped) == Outbox::Pushed::dropped);
  assert_int_equal(dropped, 1);
  assert_gap(outbox.take_gaps().at(0), "lobby", 2, 2, 1);
  // The rest of a partly written frame leaves no room: the new message is dropped, and the link stays.
  assert_true(outbox.push(carrying("4444444", 4), limits, dropped) == Outbox::Pushed::dropped);
  assert_gap(outbox.take_gaps().at(0), "lobby", 3, 4, 2);
  assert_drains(outbox, "1111");
}

// Gaps ------------------------------------------------------------------------------------------

void gaps_are_told_by_room_and_epoch(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(kNoLimit, 1, OutboxPolicy::drop_newest);
  push(outbox, reply("r"), limits);
  for (std::uint64_t seq = 10; seq < 15; ++seq) {
    push(outbox, carrying("x", seq, "a"), limits);
    push(outbox, carrying("x", seq * 2, "b"), limits);
  }
  push(outbox, FramePtr::make("x", message(1, "a", "e2")), limits);
  const std::vector<GapReply> gaps = outbox.take_gaps();
  assert_int_equal(gaps.size(), 3);
  assert_gap(gaps[0], "a", 10, 14, 5);
  assert_gap(gaps[1], "b", 20, 28, 5);
  assert_gap(gaps[2], "a", 1, 1, 1);
  assert_string_equal(gaps[0].epoch.c_str(), "e1");
  assert_string_equal(gaps[2].epoch.c_str(), "e2");
  assert_false(outbox.has_gaps());
  assert_true(outbox.take_gaps().empty());
  // Later drops are a new gap.
  push(outbox, carrying("x", 15, "a"), limits);
  assert_true(outbox.has_gaps());
  assert_gap(outbox.take_gaps().at(0), "a", 15, 15, 1);
}

void ephemeral_messages_count_and_have_no_number(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(kNoLimit, 1, OutboxPolicy::drop_newest);
  push(outbox, reply("r"), limits);
  push(outbox, carrying("x", 0), limits);
  push(outbox, carrying("x", 0), limits);
  assert_gap(outbox.take_gaps().at(0), "lobby", 0, 0, 2);
  push(outbox, carrying("x", 0), limits);
  push(outbox, carrying("x", 7), limits);
  push(outbox, carrying("x", 0), limits);
  assert_gap(outbox.take_gaps().at(0), "lobby", 7, 7, 3);
}

void a_gap_spans_what_was_replayed_out_of_order(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(kNoLimit, 1, OutboxPolicy::drop_newest);
  push(outbox, reply("r"), limits);
  push(outbox, carrying("x", 9), limits);
  push(outbox, carrying("x", 4), limits);
  assert_gap(outbox.take_gaps().at(0), "lobby", 4, 9, 2);
}

// The end ---------------------------------------------------------------------------------------

void dropping_the_unwritten_keeps_a_written_half(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(kNoLimit, 3, OutboxPolicy::drop_oldest);
  for (std::uint64_t seq = 1; seq <= 4; ++seq) push(outbox, carrying("m" + std::to_string(seq) + ".", seq), limits);
  write_some(outbox, 1);
  assert_true(outbox.has_gaps());
  outbox.drop_unwritten();
  assert_false(outbox.has_gaps());
  assert_true(outbox.mid_write());
  assert_int_equal(outbox.frames(), 1);
  assert_int_equal(outbox.bytes(), 2);
  outbox.push_last(reply("close"));
  assert_drains(outbox, "2.close");
}

void dropping_the_unwritten_empties_it(void**) {
  Outbox outbox;
  for (int i = 0; i < 200; ++i) outbox.push_last(carrying("abc", 1));
  write_some(outbox, 300);
  assert_int_equal(outbox.frames(), 100);
  outbox.drop_unwritten();
  assert_true(outbox.empty());
  assert_false(outbox.mid_write());
  assert_int_equal(outbox.bytes(), 0);
  outbox.push_last(reply("close"));
  assert_drains(outbox, "close");
}

// Everything together, against the plainest implementation --------------------------------------

struct Model {
  struct Entry {
    std::string bytes;
    bool is_message;
  };
  std::deque<Entry> entries;
  std::size_t head_written = 0;

  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const Entry& entry : entries) sum += entry.bytes.size();
    return sum - head_written;
  }

  Outbox::Pushed push(const Entry& entry, const OutboxLimits& limits, std::uint64_t& dropped) {
    auto over = [&] { return bytes() + entry.bytes.size() > limits.bytes || entries.size() + 1 > limits.frames; };
    const std::uint64_t before = dropped;
    if (limits.policy == OutboxPolicy::drop_oldest) {
      for (std::size_t at = head_written != 0 ? 1 : 0; over() && at < entries.size();) {
        if (!entries[at].is_message) {
          ++at;
        } else {
          entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(at));
          ++dropped;
        }
      }
    }
    if (limits.policy == OutboxPolicy::drop_newest && !entry.is_message) {
      for (std::size_t at = entries.size(); over() && at > (head_written != 0 ? 1U : 0U);) {
        if (!entries[--at].is_message) continue;
        entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(at));
        ++dropped;
      }
    }
    if (over() && !entries.empty()) {
      if (!entry.is_message || limits.policy == OutboxPolicy::disconnect) return Outbox::Pushed::full;
      ++dropped;
      return Outbox::Pushed::dropped;
    }
    entries.push_back(entry);
    return dropped == before ? Outbox::Pushed::queued : Outbox::Pushed::dropped;
  }

  std::string consume(std::size_t bytes) {
    std::string taken;
    while (taken.size() < bytes) {
      const std::string& head = entries.front().bytes;
      const std::size_t size = std::min(bytes - taken.size(), head.size() - head_written);
      taken += head.substr(head_written, size);
      head_written += size;
      if (head_written != head.size()) continue;
      head_written = 0;
      entries.pop_front();
    }
    return taken;
  }

  void drop_unwritten() { entries.resize(head_written != 0 ? 1 : 0); }
};

void all_may_be_taken_out(void**) {
  Outbox outbox;
  assert_true(outbox.take_all().empty());
  const FramePtr first = reply("one");
  push(outbox, first, {});
  push(outbox, carrying("two", 2), {});
  outbox.push_replay(carrying("three", 1));
  outbox.push_front(reply("zero"));
  const std::vector<FramePtr> frames = outbox.take_all();
  assert_int_equal(frames.size(), 4);
  const char* expected[] = {"zero", "one", "two", "three"};
  for (std::size_t i = 0; i < frames.size(); ++i) assert_true(bytes_of(frames[i]) == expected[i]);
  assert_ptr_equal(frames[1].get(), first.get());
  assert_true(outbox.empty());
  assert_int_equal(outbox.bytes(), 0);
  assert_int_equal(outbox.frames(), 0);
  assert_true(outbox.take_all().empty());
  push(outbox, reply("again"), {});
  assert_drains(outbox, "again");
}

// After frames that are written already: they keep their places at the front until a backlog is moved.
void what_was_written_is_not_taken_out(void**) {
  for (const int written : {1, 10, 63, 64, 100, 199}) {
    Outbox outbox;
    for (int i = 0; i < 200; ++i) push(outbox, reply(std::to_string(1000 + i)), {});
    write_some(outbox, static_cast<std::size_t>(4 * written));
    const std::vector<FramePtr> frames = outbox.take_all();
    assert_int_equal(frames.size(), 200 - written);
    for (std::size_t i = 0; i < frames.size(); ++i) {
      assert_true(bytes_of(frames[i]) == std::to_string(1000 + written + static_cast<int>(i)));
    }
    assert_true(outbox.empty());
    push(outbox, reply("again"), {});
    assert_drains(outbox, "again");
  }
}

// The usual limits apply again: nothing is left of a replay. Drops are still reported.
void taking_all_out_forgets_the_replay_and_keeps_the_gaps(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(kNoLimit, 2, OutboxPolicy::drop_newest);
  outbox.push_replay(carrying("a", 1));
  outbox.push_replay(carrying("b", 2));
  push(outbox, carrying("c", 3), limits);
  push(outbox, carrying("d", 4), limits);
  assert_true(push(outbox, carrying("e", 5), limits) == Outbox::Pushed::dropped);
  assert_int_equal(outbox.take_all().size(), 4);
  assert_true(push(outbox, carrying("f", 6), limits) == Outbox::Pushed::queued);
  assert_true(push(outbox, carrying("g", 7), limits) == Outbox::Pushed::queued);
  assert_true(push(outbox, carrying("h", 8), limits) == Outbox::Pushed::dropped);
  const std::vector<GapReply> gaps = outbox.take_gaps();
  assert_int_equal(gaps.size(), 1);
  assert_gap(gaps[0], "lobby", 5, 8, 2);
}

void does_what_the_plainest_implementation_does(void**) {
  std::mt19937 random(20'240'501);
  auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
  for (int run = 0; run < 300; ++run) {
    Outbox outbox;
    Model model;
    const auto policy = static_cast<OutboxPolicy>(run % 3);
    const OutboxLimits limits = limits_of(20 + below(300), 2 + below(150), policy);
    std::uint64_t dropped = 0;
    std::uint64_t model_dropped = 0;
    std::uint64_t told = 0;
    std::uint64_t seq = 0;
    std::string scratch;
    for (int step = 0; step < 400; ++step) {
      const std::size_t choice = below(10);
      if (choice < 6) {
        Model::Entry entry{std::string(1 + below(below(20) == 0 ? 400 : 12), static_cast<char>('!' + below(90))),
                           below(4) != 0};
        FramePtr frame = FramePtr::make(entry.bytes, entry.is_message ? message(++seq) : nullptr);
        const Outbox::Pushed pushed = outbox.push(std::move(frame), limits, dropped);
        assert_int_equal(pushed, model.push(entry, limits, model_dropped));
      } else if (choice < 9) {
        const std::size_t max_bytes = 1 + below(120);
        const std::string next(outbox.next(kPlain, scratch, max_bytes));
        assert_true(next.size() <= max_bytes);
        assert_int_equal(next.empty(), model.entries.empty());
        const std::size_t size = next.empty() ? 0 : 1 + below(next.size());
        outbox.consume(size);
        assert_true(next.substr(0, size) == model.consume(size));
      } else if (below(20) == 0) {
        for (const GapReply& gap : outbox.take_gaps()) told += gap.dropped;
        outbox.drop_unwritten();
        model.drop_unwritten();
      } else {
        for (const GapReply& gap : outbox.take_gaps()) told += gap.dropped;
      }
      assert_int_equal(dropped, model_dropped);
      assert_int_equal(outbox.bytes(), model.bytes());
      assert_int_equal(outbox.frames(), model.entries.size());
      assert_int_equal(outbox.mid_write(), model.head_written != 0);
    }
    for (const GapReply& gap : outbox.take_gaps()) told += gap.dropped;
    assert_int_equal(told, dropped);
    assert_true(drain(outbox) == model.consume(model.bytes()));
  }
}

// The rest of the 64 is what a frame takes besides its bytes.
void some_is_taken_as_whole_frames(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(kNoLimit, 100);
  for (const char* bytes : {"one", "two", "three", "four"}) push(outbox, reply(bytes), limits);
  std::string out;
  outbox.take_some(polling_carrier(), out, 1);  // at least one frame
  assert_string_equal(out.c_str(), "one");
  assert_int_equal(outbox.bytes(), 12);
  assert_int_equal(outbox.frames(), 3);
  outbox.take_some(polling_carrier(), out, 4);  // what is there counts
  assert_string_equal(out.c_str(), "one\x1etwo");
  out.clear();
  outbox.take_some(polling_carrier(), out, 7);
  assert_string_equal(out.c_str(),
                      "three\x1e"
                      "four");
  assert_true(outbox.empty());
  assert_int_equal(outbox.bytes(), 0);
  outbox.take_some(polling_carrier(), out, 1'000);
  assert_string_equal(out.c_str(),
                      "three\x1e"
                      "four");
}

void some_may_be_taken_of_a_replay_and_of_segments(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(10, 2);
  const BufferPtr body = BufferPtr::make("body");
  outbox.push_replay(FramePtr::make("head ", std::vector{body}, std::vector{message(1)}));
  outbox.push_replay(carrying("replayed", 2));
  std::string out;
  outbox.take_some(polling_carrier(), out, 1);
  assert_string_equal(out.c_str(), "head body");
  // The limits are raised until the outbox is empty.
  assert_int_equal(push(outbox, carrying("new", 3), limits), Outbox::Pushed::queued);
  outbox.take_some(polling_carrier(), out, 1'000);
  assert_string_equal(out.c_str(), "head body\x1ereplayed\x1enew");
  assert_int_equal(push(outbox, carrying("12345678", 4), limits), Outbox::Pushed::queued);
  assert_int_equal(push(outbox, carrying("too much", 5), limits), Outbox::Pushed::full);
  assert_int_equal(outbox.frames(), 1);
}

void taking_some_keeps_the_gaps(void**) {
  Outbox outbox;
  const OutboxLimits limits = limits_of(kNoLimit, 1, OutboxPolicy::drop_oldest);
  push(outbox, carrying("1", 1), limits);
  push(outbox, carrying("2", 2), limits);
  std::string out;
  outbox.take_some(kPlain, out, 1'000);
  assert_string_equal(out.c_str(), "2");
  assert_true(outbox.has_gaps());
  assert_gap(outbox.take_gaps()[0], "lobby", 1, 1, 1);
}

void what_several_hold_is_divided_among_them(void**) {
  const OutboxLimits limits = limits_of(kNoLimit, 100);
  std::vector<Outbox> outboxes(4);
  {
    const FramePtr shared = carrying(std::string(4'000, 's'), 1);
    for (Outbox& outbox : outboxes) push(outbox, shared, limits);
  }
  write_some(outboxes[3], 4'000);  // its client read it at once
  assert_int_equal(outboxes[3].account(), 0);
  for (int i = 0; i < 3; ++i) assert_int_equal(outboxes[static_cast<std::size_t>(i)].account(), 64 + 4'000 / 3);
  // A frame of its own counts fully.
  push(outboxes[0], reply(std::string(1'000, 'o')), limits);
  assert_int_equal(outboxes[0].account(), 64 + 4'000 / 3 + 64 + 1'000);
  // The charge shrinks with the outbox, down to nothing.
  write_some(outboxes[0], 4'000);
  assert_in_range(outboxes[0].account(), 1, 64 + 4'000 / 3 + 64);
  write_some(outboxes[0], 1'000);
  assert_int_equal(outboxes[0].account(), 0);
  outboxes[1].take_all();
  assert_int_equal(outboxes[1].account(), 0);
  push(outboxes[1], reply(std::string(500, 'n')), limits);
  assert_int_equal(outboxes[1].account(), 64 + 500);
  outboxes[2].drop_unwritten();
  assert_int_equal(outboxes[2].account(), 0);
}

void a_partly_written_frame_is_there_as_a_whole(void**) {
  Outbox outbox;
  push(outbox, reply(std::string(4'000, 'x')), limits_of(kNoLimit, 100));
  write_some(outbox, 3'999);
  assert_int_equal(outbox.account(), 64 + 4'000);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(starts_empty),
      cmocka_unit_test(frames_leave_in_the_order_in_which_they_came),
      cmocka_unit_test(small_frames_are_gathered_whole),
      cmocka_unit_test(a_frame_alone_is_given_in_place),
      cmocka_unit_test(a_large_frame_is_given_in_place_piece_by_piece),
      cmocka_unit_test(what_is_consumed_may_end_inside_of_any_frame),
      cmocka_unit_test(a_frame_is_shared_and_not_copied),
      cmocka_unit_test(a_frame_in_front_goes_behind_a_partly_written_one),
      cmocka_unit_test(a_backlog_keeps_its_order_while_it_moves),
      cmocka_unit_test(bounded_in_bytes),
      cmocka_unit_test(bounded_in_frames),
      cmocka_unit_test(a_frame_above_the_limit_goes_alone),
      cmocka_unit_test(beside_another_a_frame_above_the_limit_is_bounded),
      cmocka_unit_test(the_last_and_the_front_have_no_bound),
      cmocka_unit_test(disconnect_drops_nothing),
      cmocka_unit_test(drop_newest_keeps_what_waits),
      cmocka_unit_test(drop_oldest_makes_room),
      cmocka_unit_test(drop_oldest_by_count),
      cmocka_unit_test(replies_are_never_dropped),
      cmocka_unit_test(the_oldest_messages_make_room_for_a_reply),
      cmocka_unit_test(where_replies_fill_it_the_message_goes),
      cmocka_unit_test(the_newest_messages_make_room_for_a_reply),
      cmocka_unit_test(a_reply_that_does_not_fit_ends_the_link),
      cmocka_unit_test(a_replay_raises_the_limits_until_it_is_written),
      cmocka_unit_test(a_partly_written_frame_is_never_dropped),
      cmocka_unit_test(gaps_are_told_by_room_and_epoch),
      cmocka_unit_test(ephemeral_messages_count_and_have_no_number),
      cmocka_unit_test(a_gap_spans_what_was_replayed_out_of_order),
      cmocka_unit_test(dropping_the_unwritten_keeps_a_written_half),
      cmocka_unit_test(dropping_the_unwritten_empties_it),
      cmocka_unit_test(all_may_be_taken_out),
      cmocka_unit_test(what_was_written_is_not_taken_out),
      cmocka_unit_test(taking_all_out_forgets_the_replay_and_keeps_the_gaps),
      cmocka_unit_test(some_is_taken_as_whole_frames),
      cmocka_unit_test(some_may_be_taken_of_a_replay_and_of_segments),
      cmocka_unit_test(taking_some_keeps_the_gaps),
      cmocka_unit_test(what_several_hold_is_divided_among_them),
      cmocka_unit_test(a_partly_written_frame_is_there_as_a_whole),
      cmocka_unit_test(does_what_the_plainest_implementation_does),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
