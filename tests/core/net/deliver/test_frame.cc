// Frames: segments, the messages in them, and who holds the bytes.
#include "net/deliver/frame.h"

#include <string>
#include <utility>
#include <vector>

#include "core/net/frame_bytes.h"

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

void a_frame_of_one_segment(void**) {
  const MessagePtr message = std::make_shared<Message>();
  const FramePtr frame = FramePtr::make("bytes", message);
  assert_int_equal(frame->size_bytes(), 5);
  assert_int_equal(frame->count(), 1);
  assert_int_equal(frame->segments(), 1);
  assert_true(frame->segment(0) == "bytes");
  assert_true(frame->has_messages());
  assert_int_equal(frame->messages().size(), 1);
  assert_ptr_equal(frame->messages()[0].get(), message.get());
}

void a_reply_has_no_messages_and_counts_one(void**) {
  const FramePtr frame = FramePtr::make("reply");
  assert_false(frame->has_messages());
  assert_true(frame->messages().empty());
  assert_int_equal(frame->count(), 1);
  const FramePtr shared =
      FramePtr::make("re", std::vector<BufferPtr>{BufferPtr::make("ply")}, std::vector<MessagePtr>());
  assert_false(shared->has_messages());
  assert_true(shared->messages().empty());
  assert_int_equal(shared->count(), 1);
}

void a_batch_counts_its_messages(void**) {
  std::vector<MessagePtr> messages;
  for (int i = 0; i < 3; ++i) messages.push_back(std::make_shared<Message>());
  const FramePtr frame = FramePtr::make("abc", std::vector<BufferPtr>(), messages);
  assert_int_equal(frame->count(), 3);
  assert_int_equal(frame->segments(), 1);
  assert_int_equal(frame->messages().size(), 3);
  for (std::size_t i = 0; i < 3; ++i) assert_ptr_equal(frame->messages()[i].get(), messages[i].get());
}

void segments_are_in_order(void**) {
  const BufferPtr body = BufferPtr::make("body,");
  const FramePtr frame =
      FramePtr::make("head,", std::vector<BufferPtr>{body, BufferPtr::make("head2,"), body}, std::vector<MessagePtr>());
  assert_int_equal(frame->segments(), 4);
  assert_int_equal(frame->size_bytes(), 5 + 5 + 6 + 5);
  assert_string_equal(bytes_of(frame).c_str(), "head,body,head2,body,");
  assert_ptr_equal(frame->segment(1).data(), body->bytes().data());
  assert_ptr_equal(frame->segment(3).data(), body->bytes().data());
}

void a_buffer_is_divided_among_its_frames_and_their_holders(void**) {
  BufferPtr body = BufferPtr::make(std::string(1'000, 'b'));
  const auto make = [&body] {
    return FramePtr::make(std::string(10, 'h'), std::vector<BufferPtr>{body}, std::vector<MessagePtr>());
  };
  const FramePtr first = make();
  const FramePtr second = make();
  body = BufferPtr();
  assert_int_equal(first->bytes_per_holder(1), 10 + 1'000 / 2);
  assert_int_equal(first->bytes_per_holder(5), (10 + 1'000 / 2) / 5);
}

void a_buffer_lives_as_long_as_a_frame_holds_it(void**) {
  BufferPtr body = BufferPtr::make("body");
  FramePtr frame = FramePtr::make("", std::vector<BufferPtr>{body}, std::vector<MessagePtr>());
  assert_int_equal(body.holders(), 2);
  FramePtr again = frame;
  assert_int_equal(body.holders(), 2);
  frame = FramePtr();
  assert_int_equal(body.holders(), 2);
  again = FramePtr();
  assert_int_equal(body.holders(), 1);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_frame_of_one_segment),
      cmocka_unit_test(a_reply_has_no_messages_and_counts_one),
      cmocka_unit_test(a_batch_counts_its_messages),
      cmocka_unit_test(segments_are_in_order),
      cmocka_unit_test(a_buffer_is_divided_among_its_frames_and_their_holders),
      cmocka_unit_test(a_buffer_lives_as_long_as_a_frame_holds_it),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
