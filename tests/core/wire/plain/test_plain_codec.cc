// Plain frames: received payloads are sent unchanged.
#include "wire/plain/plain_codec.h"

#include <string>

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::wire;

namespace {

SendCommand decode(bool binary, std::string_view bytes) {
  std::vector<Decoded> said;
  PlainCodec().decode(binary, bytes, said);
  assert_int_equal(said.size(), 1);
  return std::get<SendCommand>(std::get<Command>(said[0]));
}

Packets relay(bool binary, std::string_view bytes) {
  Message message;
  static_cast<MessageDraft&>(message) = decode(binary, bytes).draft();
  message.seq = 1;
  return PlainCodec().encode(message);
}

void a_text_frame_is_a_chat_message(void**) {
  const SendCommand command = decode(false, "hello");
  assert_string_equal(command.draft().event.c_str(), "chat message");
  assert_true(command.draft().kind == PayloadKind::text);
  assert_string_equal(command.draft().payload.c_str(), "hello");
  assert_true(command.draft().room.empty());
  assert_true(command.ref.empty());
  assert_false(command.except_self);
  assert_false(command.draft().ephemeral);
}

void a_binary_frame_is_one_attachment(void**) {
  const SendCommand command = decode(true, std::string_view("\0\xFF", 2));
  assert_string_equal(command.draft().event.c_str(), "chat message");
  assert_true(is_single_binary(command.draft()));
  assert_true(command.draft().attachments[0] == std::string("\0\xFF", 2));
}

void frames_come_out_as_they_went_in(void**) {
  const std::string frames[] = {"", "hello", std::string("a\0b", 3), "[1]", R"({"type":"send"})", "\xC3\xA9"};
  for (const std::string& frame : frames) {
    for (const bool binary : {false, true}) {
      const Packets packets = relay(binary, frame);
      assert_int_equal(packets.size(), 1);
      assert_int_equal(packets[0].binary, binary);
      assert_true(packets[0].bytes == frame);
    }
  }
}

void a_list_is_followed_by_its_attachments(void**) {
  Message message;
  message.event = "file";
  message.kind = PayloadKind::args;
  message.payload = R"(["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}])";
  message.attachments = {"first", ""};
  const Packets packets = PlainCodec().encode(message);
  assert_int_equal(packets.size(), 3);
  assert_false(packets[0].binary);
  assert_true(packets[0].bytes == message.payload);
  assert_true(packets[1].binary);
  assert_string_equal(packets[1].bytes.c_str(), "first");
  assert_true(packets[2].binary);
  assert_string_equal(packets[2].bytes.c_str(), "");
}

void what_is_ephemeral_is_said_only_as_a_chat_message(void**) {
  Message message;
  message.payload = "Ann";
  message.ephemeral = true;
  message.event = "typing";
  assert_true(PlainCodec().encode(message).empty());
  message.attachments = {"picture"};
  assert_true(PlainCodec().encode(message).empty());
  message.attachments.clear();
  message.event = kDefaultEvent;
  assert_int_equal(PlainCodec().encode(message).size(), 1);
  message.ephemeral = false;
  message.event = "typing";
  assert_int_equal(PlainCodec().encode(message).size(), 1);
}

void nothing_else_is_said(void**) {
  PlainCodec codec;
  for (const Reply& reply : {Reply(Welcome{1, "Ann", "lobby", "e", 0, false, true}), Reply(AckReply{"1", 2, "e"}),
                             Reply(LeftReply{"", "lobby", "gone"}), Reply(GapReply{"lobby", "e", 1, 2, 2}),
                             Reply(PongReply{"1"}), Reply(ErrorReply{"", Error::rate_limited, "slowly", true})})
    assert_true(codec.encode(reply).empty());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_text_frame_is_a_chat_message),
      cmocka_unit_test(a_binary_frame_is_one_attachment),
      cmocka_unit_test(frames_come_out_as_they_went_in),
      cmocka_unit_test(a_list_is_followed_by_its_attachments),
      cmocka_unit_test(what_is_ephemeral_is_said_only_as_a_chat_message),
      cmocka_unit_test(nothing_else_is_said),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
