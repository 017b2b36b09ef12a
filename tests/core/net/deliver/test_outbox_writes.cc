// Frames of several segments and of several messages in an outbox, and carriers that put the frames of one write into
// an envelope.
#include "net/deliver/outbox.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

constexpr std::size_t kMaxBytes = 65'536;

// Quotes its packets and counts the bytes of a write: 7:a["x","y"]. The number is that of the frames with their
// separators.
class ArrayCarrier final : public Carrier {
 public:
  ArrayCarrier() : Carrier(",", "]") {}
  void append(std::string& out, const wire::PacketView& packet) const override { append_text(out, packet.bytes); }
  void append_text(std::string& out, std::string_view text) const override {
    out += '"';
    out += text;
    out += '"';
  }
  void append_prefix(std::string& out, std::size_t bytes) const override { out += std::to_string(bytes) + ":a["; }
};

const ArrayCarrier kArray;
const Carrier& kPlain = websocket_carrier();

MessagePtr message(std::uint64_t seq, std::string room = "lobby") {
  auto made = std::make_shared<Message>();
  made->room = std::move(room);
  made->epoch = "e1";
  made->seq = seq;
  return made;
}

FramePtr packet(std::string text, std::uint64_t seq, const Carrier& carrier = kArray) {
  return make_frame({{false, std::move(text)}}, carrier, message(seq));
}

// Messages first to last in one frame of so many bytes.
FramePtr batch(std::uint64_t first, std::uint64_t last, std::size_t bytes = 10) {
  std::vector<MessagePtr> messages;
  for (std::uint64_t seq = first; seq <= last; ++seq) messages.push_back(message(seq));
  return FramePtr::make(std::string(bytes, 'b'), std::vector<BufferPtr>(), std::move(messages));
}

Outbox::Pushed push(Outbox& outbox, FramePtr frame, const OutboxLimits& limits, std::uint64_t& dropped) {
  return outbox.push(std::move(frame), limits, dropped);
}

std::string next_write(Outbox& outbox, const Carrier& carrier, std::size_t max_bytes = kMaxBytes) {
  std::string scratch;
  const std::string bytes(outbox.next(carrier, scratch, max_bytes));
  outbox.consume(bytes.size());
  return bytes;
}

void assert_gap(Outbox& outbox, std::uint64_t first, std::uint64_t last, std::uint64_t dropped) {
  const std::vector<GapReply> gaps = outbox.take_gaps();
  assert_int_equal(gaps.size(), 1);
  assert_int_equal(gaps[0].first_seq, first);
  assert_int_equal(gaps[0].last_seq, last);
  assert_int_equal(gaps[0].dropped, dropped);
}

// Batches -------------------------------------------------------------------------------------------------------------

void a_batch_counts_its_messages_against_the_limit(void**) {
  Outbox outbox;
  std::uint64_t dropped = 0;
  const OutboxLimits limits{10'000, 5, OutboxPolicy::disconnect};
  assert_true(push(outbox, batch(1, 3), limits, dropped) == Outbox::Pushed::queued);
  assert_int_equal(outbox.frames(), 3);
  assert_false(outbox.fits(*batch(4, 6), limits));
  assert_true(outbox.fits(*batch(4, 5), limits));
  assert_false(outbox.fits(*batch(4, 5), limits, 1));
  FramePtr refused = batch(4, 6);
  assert_true(outbox.push(refused, limits, dropped) == Outbox::Pushed::full);
  assert_true(static_cast<bool>(refused));
  assert_true(push(outbox, batch(4, 5), limits, dropped) == Outbox::Pushed::queued);
  assert_int_equal(outbox.frames(), 5);
  assert_int_equal(dropped, 0);
  next_write(outbox, kPlain, 10);
  assert_int_equal(outbox.frames(), 2);
  next_write(outbox, kPlain);
  assert_int_equal(outbox.frames(), 0);
}

void a_batch_larger_than_the_limit_is_queued_alone(void**) {
  Outbox outbox;
  std::uint64_t dropped = 0;
  assert_true(push(outbox, batch(1, 9), {10'000, 5, OutboxPolicy::drop_newest}, dropped) == Outbox::Pushed::queued);
  assert_int_equal(outbox.frames(), 9);
}

void drop_oldest_drops_whole_batches_and_counts_messages(void**) {
  Outbox outbox;
  std::uint64_t dropped = 0;
  const OutboxLimits limits{10'000, 6, OutboxPolicy::drop_oldest};
  push(outbox, batch(1, 3), limits, dropped);
  push(outbox, batch(4, 5), limits, dropped);
  push(outbox, batch(6, 6), limits, dropped);
  assert_true(push(outbox, batch(7, 7), limits, dropped) == Outbox::Pushed::dropped);
  assert_int_equal(dropped, 3);
  assert_int_equal(outbox.frames(), 4);
  assert_gap(outbox, 1, 3, 3);
  assert_true(push(outbox, batch(8, 11), limits, dropped) == Outbox::Pushed::dropped);
  assert_int_equal(dropped, 5);
  assert_gap(outbox, 4, 5, 2);
}

void drop_newest_drops_whole_batches_and_counts_messages(void**) {
  Outbox outbox;
  std::uint64_t dropped = 0;
  const OutboxLimits limits{10'000, 6, OutboxPolicy::drop_newest};
  push(outbox, batch(1, 3), limits, dropped);
  push(outbox, batch(4, 5), limits, dropped);
  assert_true(push(outbox, batch(6, 8), limits, dropped) == Outbox::Pushed::dropped);
  assert_int_equal(dropped, 3);
  assert_gap(outbox, 6, 8, 3);
  // Replies push out the newest batch as a whole.
  for (int i = 0; i < 2; ++i) push(outbox, FramePtr::make("reply"), limits, dropped);
  assert_int_equal(dropped, 5);
  assert_int_equal(outbox.frames(), 5);
  assert_gap(outbox, 4, 5, 2);
}

void a_batch_that_is_partly_written_stays(void**) {
  Outbox outbox;
  std::uint64_t dropped = 0;
  const OutboxLimits limits{10'000, 3, OutboxPolicy::drop_oldest};
  push(outbox, batch(1, 3), limits, dropped);
  next_write(outbox, kPlain, 4);
  assert_true(push(outbox, batch(4, 6), limits, dropped) == Outbox::Pushed::dropped);
  assert_int_equal(dropped, 3);
  assert_gap(outbox, 4, 6, 3);
  outbox.drop_unwritten();
  assert_int_equal(outbox.frames(), 3);
  assert_int_equal(outbox.bytes(), 6);
}

void a_replayed_batch_raises_the_limit_by_its_messages(void**) {
  Outbox outbox;
  const OutboxLimits limits{10, 1, OutboxPolicy::disconnect};
  outbox.push_replay(batch(1, 3));
  assert_true(outbox.fits(*batch(4, 4), limits));
  assert_false(outbox.fits(*batch(4, 5), limits));
}

void copies_for_several_subscriptions_are_one_message_of_a_gap(void**) {
  Outbox outbox;
  for (const std::uint64_t seq : {5, 5, 5, 6, 6, 7, 7, 7}) outbox.drop(*batch(seq, seq));
  assert_gap(outbox, 5, 7, 3);
  for (const std::uint64_t seq : {9, 9, 8, 8}) outbox.drop(*batch(seq, seq));  // from the end
  assert_gap(outbox, 8, 9, 2);
}

// Segments ------------------------------------------------------------------------------------------------------------

void small_segments_are_gathered(void**) {
  Outbox outbox;
  const BufferPtr body = BufferPtr::make("BODY");
  for (const char* head : {"one:", "two:"}) {
    outbox.push_last(FramePtr::make(head, std::vector<BufferPtr>{body}, std::vector<MessagePtr>()));
  }
  assert_int_equal(outbox.bytes(), 16);
  assert_string_equal(next_write(outbox, kPlain).c_str(), "one:BODYtwo:BODY");
  assert_true(outbox.empty());
}

void a_large_shared_body_is_written_in_place(void**) {
  Outbox outbox;
  const BufferPtr body = BufferPtr::make(std::string(3'000, 'B'));
  outbox.push_last(FramePtr::make("small"));
  outbox.push_last(FramePtr::make("head", std::vector<BufferPtr>{body}, std::vector<MessagePtr>()));
  outbox.push_last(FramePtr::make("last"));
  std::string scratch;
  assert_true(outbox.next(kPlain, scratch, 1'000) == "smallhead");
  outbox.consume(9);
  assert_true(outbox.mid_write());
  for (std::size_t offset = 0; offset < 2'700;) {
    const std::string_view piece = outbox.next(kPlain, scratch, 1'000);
    assert_ptr_equal(piece.data(), body->bytes().data() + offset);
    const std::size_t taken = std::min<std::size_t>(piece.size(), 900);
    outbox.consume(taken);
    offset += taken;
    assert_int_equal(outbox.bytes(), 3'000 - offset + 4);
  }
  assert_string_equal(next_write(outbox, kPlain).c_str(), (std::string(300, 'B') + "last").c_str());
  assert_false(outbox.mid_write());
}

void a_socket_may_take_any_part_of_segments(void**) {
  std::string expected;
  for (int i = 0; i < 5; ++i) expected += std::to_string(i) + "headBODYtailBODY";
  for (std::size_t step = 1; step <= expected.size(); ++step) {
    Outbox outbox;
    const BufferPtr body = BufferPtr::make("BODY");
    for (int i = 0; i < 5; ++i) {
      outbox.push_last(FramePtr::make(std::to_string(i) + "head",
                                      std::vector<BufferPtr>{body, BufferPtr::make("tail"), body},
                                      std::vector<MessagePtr>()));
    }
    std::string sent;
    while (!outbox.empty()) sent += next_write(outbox, kPlain, step);
    assert_string_equal(sent.c_str(), expected.c_str());
    assert_int_equal(outbox.bytes(), 0);
  }
}

// Envelopes -----------------------------------------------------------------------------------------------------------

void several_frames_are_one_write_in_one_envelope(void**) {
  Outbox outbox;
  for (const char* text : {"a", "bb", "ccc"}) outbox.push_last(packet(text, 1));
  assert_int_equal(outbox.bytes(), 3 + 4 + 5);
  assert_string_equal(next_write(outbox, kArray).c_str(), "14:a[\"a\",\"bb\",\"ccc\"]");
  assert_true(outbox.empty());
  assert_int_equal(outbox.bytes(), 0);
  outbox.push_last(packet("d", 2));
  assert_string_equal(next_write(outbox, kArray).c_str(), "3:a[\"d\"]");
}

void the_packets_of_a_frame_are_separated_like_frames(void**) {
  Outbox outbox;
  outbox.push_last(make_frame({{false, "a"}, {false, "b"}}, kArray, nullptr));
  outbox.push_last(packet("c", 1));
  assert_string_equal(next_write(outbox, kArray).c_str(), "11:a[\"a\",\"b\",\"c\"]");
}

void a_socket_may_take_any_part_of_an_envelope(void**) {
  const std::string expected = "11:a[\"a\",\"b\",\"c\"]";
  for (std::size_t step = 1; step <= expected.size(); ++step) {
    Outbox outbox;
    for (const char* text : {"a", "b", "c"}) outbox.push_last(packet(text, 1));
    std::string sent;
    std::string scratch;
    while (!outbox.empty()) {
      const std::string_view bytes = outbox.next(kArray, scratch, kMaxBytes);
      assert_true(!bytes.empty());
      const std::size_t taken = std::min(step, bytes.size());
      sent += bytes.substr(0, taken);
      outbox.consume(taken);
      assert_int_equal(outbox.mid_write(), sent.size() < expected.size());
    }
    assert_string_equal(sent.c_str(), expected.c_str());
    assert_int_equal(outbox.bytes(), 0);
    assert_int_equal(outbox.frames(), 0);
  }
}

// The prefix told its length: what comes later belongs to the next write.
void a_write_that_has_begun_gets_no_more_frames(void**) {
  Outbox outbox;
  for (const char* text : {"a", "b"}) outbox.push_last(packet(text, 1));
  std::string scratch;
  std::string sent(outbox.next(kArray, scratch, kMaxBytes).substr(0, 8));
  outbox.consume(8);
  outbox.push_last(packet("c", 2));
  outbox.push_front(packet("z", 0));
  sent += next_write(outbox, kArray);
  assert_string_equal(sent.c_str(), "7:a[\"a\",\"b\"]");
  assert_string_equal(next_write(outbox, kArray).c_str(), "7:a[\"z\",\"c\"]");
}

void a_write_that_has_not_begun_is_planned_again(void**) {
  Outbox outbox;
  outbox.push_last(packet("a", 1));
  std::string scratch;
  assert_true(outbox.next(kArray, scratch, kMaxBytes) == "3:a[\"a\"]");  // the socket is full
  assert_false(outbox.mid_write());
  outbox.push_last(packet("b", 2));
  assert_string_equal(next_write(outbox, kArray).c_str(), "7:a[\"a\",\"b\"]");
}

void what_a_write_has_begun_with_is_not_dropped(void**) {
  Outbox outbox;
  std::uint64_t dropped = 0;
  const OutboxLimits limits{10'000, 3, OutboxPolicy::drop_oldest};
  for (const std::uint64_t seq : {1, 2}) push(outbox, packet(std::to_string(seq), seq), limits, dropped);
  std::string scratch;
  std::string sent(outbox.next(kArray, scratch, kMaxBytes).substr(0, 1));
  outbox.consume(1);
  for (const std::uint64_t seq : {3, 4, 5}) push(outbox, packet(std::to_string(seq), seq), limits, dropped);
  assert_int_equal(dropped, 2);
  assert_gap(outbox, 3, 4, 2);
  outbox.drop_unwritten();
  assert_int_equal(outbox.frames(), 2);
  while (!outbox.empty()) sent += next_write(outbox, kArray);
  assert_string_equal(sent.c_str(), "7:a[\"1\",\"2\"]");
}

void the_end_of_an_envelope_is_still_to_be_written(void**) {
  Outbox outbox;
  outbox.push_last(packet("a", 1));
  std::string scratch;
  const std::size_t size = outbox.next(kArray, scratch, kMaxBytes).size();
  outbox.consume(size - 1);
  assert_int_equal(outbox.frames(), 0);
  assert_false(outbox.empty());
  assert_true(outbox.mid_write());
  outbox.drop_unwritten();
  assert_string_equal(next_write(outbox, kArray).c_str(), "]");
  assert_true(outbox.empty());
}

void control_frames_stay_outside_of_an_envelope(void**) {
  Outbox outbox;
  outbox.push_last(packet("a", 1));
  outbox.push_last(packet("b", 2));
  outbox.push_last(make_ping_frame("p"));
  outbox.push_last(packet("c", 3));
  assert_string_equal(next_write(outbox, kArray).c_str(), "7:a[\"a\",\"b\"]");
  assert_string_equal(next_write(outbox, kArray).c_str(), "\x89\x01p");
  assert_string_equal(next_write(outbox, kArray).c_str(), "3:a[\"c\"]");
}

void a_write_holds_what_fits(void**) {
  Outbox outbox;
  for (int i = 0; i < 4; ++i) outbox.push_last(packet(std::string(10, 'x'), 1));
  outbox.push_last(packet(std::string(100, 'y'), 1));
  const std::string x = '"' + std::string(10, 'x') + '"';
  std::string sent;
  std::vector<std::string> writes;
  while (!outbox.empty()) {
    sent += next_write(outbox, kArray, 30);
    if (outbox.mid_write()) continue;
    writes.push_back(std::exchange(sent, {}));
  }
  assert_int_equal(writes.size(), 3);
  assert_string_equal(writes[0].c_str(), ("25:a[" + x + "," + x + "]").c_str());
  assert_string_equal(writes[1].c_str(), writes[0].c_str());
  assert_string_equal(writes[2].c_str(), ("102:a[\"" + std::string(100, 'y') + "\"]").c_str());
}

void everything_is_taken_as_one_write(void**) {
  Outbox outbox;
  for (const char* text : {"a", "b"}) outbox.push_last(packet(text, 1));
  std::string out = "before ";
  outbox.take_write(kArray, out);
  assert_string_equal(out.c_str(), "before 7:a[\"a\",\"b\"]");
  assert_true(outbox.empty());
  assert_int_equal(outbox.bytes(), 0);
  outbox.take_write(kArray, out);
  assert_string_equal(out.c_str(), "before 7:a[\"a\",\"b\"]");

  outbox.push_last(packet("c", 1, polling_carrier()));
  outbox.push_last(packet("d", 1, polling_carrier()));
  out.clear();
  outbox.take_write(polling_carrier(), out);
  assert_string_equal(out.c_str(),
                      "4c\x1e"
                      "4d");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_batch_counts_its_messages_against_the_limit),
      cmocka_unit_test(a_batch_larger_than_the_limit_is_queued_alone),
      cmocka_unit_test(drop_oldest_drops_whole_batches_and_counts_messages),
      cmocka_unit_test(drop_newest_drops_whole_batches_and_counts_messages),
      cmocka_unit_test(a_batch_that_is_partly_written_stays),
      cmocka_unit_test(a_replayed_batch_raises_the_limit_by_its_messages),
      cmocka_unit_test(copies_for_several_subscriptions_are_one_message_of_a_gap),
      cmocka_unit_test(small_segments_are_gathered),
      cmocka_unit_test(a_large_shared_body_is_written_in_place),
      cmocka_unit_test(a_socket_may_take_any_part_of_segments),
      cmocka_unit_test(several_frames_are_one_write_in_one_envelope),
      cmocka_unit_test(the_packets_of_a_frame_are_separated_like_frames),
      cmocka_unit_test(a_socket_may_take_any_part_of_an_envelope),
      cmocka_unit_test(a_write_that_has_begun_gets_no_more_frames),
      cmocka_unit_test(a_write_that_has_not_begun_is_planned_again),
      cmocka_unit_test(what_a_write_has_begun_with_is_not_dropped),
      cmocka_unit_test(the_end_of_an_envelope_is_still_to_be_written),
      cmocka_unit_test(control_frames_stay_outside_of_an_envelope),
      cmocka_unit_test(a_write_holds_what_fits),
      cmocka_unit_test(everything_is_taken_as_one_write),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
