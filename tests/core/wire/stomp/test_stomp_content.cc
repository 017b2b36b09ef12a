// What a message looks like in STOMP and what a SEND frame becomes: types of bodies, JSON, bytes, events, headers.
#include "wire/stomp/stomp_content.h"

#include <string>
#include <utility>

#include "wire/stomp/stomp_codec.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

#define ASSERT_TEXT(got, wanted) assert_string_equal(std::string(got).c_str(), std::string(wanted).c_str())

using namespace chat;
using namespace chat::wire;

namespace {

const StompDestination kRoom{StompDestinationKind::room, "a"};

SendCommand sent(std::optional<std::string> type, std::string body, Pairs headers = {},
                 const StompDestination& destination = kRoom) {
  Result<SendCommand> command =
      decode_stomp_content({std::move(type), std::move(headers), std::move(body)}, destination);
  if (!command.ok()) fail_msg("%s", command.status().detail.c_str());
  return *std::move(command);
}

Error refused(std::optional<std::string> type, std::string body, Pairs headers = {}) {
  return decode_stomp_content({std::move(type), std::move(headers), std::move(body)}, kRoom).status().code;
}

Message message_of(const SendCommand& command) {
  Message message;
  static_cast<MessageDraft&>(message) = command.draft();
  message.seq = 7;
  message.epoch = "e1";
  message.time_ms = 1'000;
  message.sender = {3, "Ann", {}};
  return message;
}

std::string text_of(const StompMessageContent& content) {
  std::string text;
  for (const Pair& header : content.headers) text += header.name + ":" + header.value + "\n";
  return text + "\n" + content.body;
}

std::string shown(const Message& message, bool text_only = false) {
  return text_of(encode_stomp_content(message, text_only));
}

void a_frame_without_a_body_may_set_a_read_marker(void**) {
  const std::optional<SeenCommand> seen = decode_stomp_seen({{"a", "b"}, {"seen", "17"}}, "", kRoom);
  assert_true(seen.has_value());
  ASSERT_TEXT(seen->room, "a");
  assert_int_equal(seen->seq, 17);
  assert_false(decode_stomp_seen({{"seen", "17"}}, "text", kRoom).has_value());
  assert_false(decode_stomp_seen({{"seen", "yes"}}, "", kRoom).has_value());
  assert_false(decode_stomp_seen({{"seen", "-1"}}, "", kRoom).has_value());
  assert_false(decode_stomp_seen({}, "", kRoom).has_value());
  const StompDestination application{StompDestinationKind::application, "a"};
  assert_false(decode_stomp_seen({{"seen", "17"}}, "", application).has_value());
}

void a_body_without_a_type_is_text(void**) {
  const SendCommand command = sent(std::nullopt, "hello");
  assert_true(command.draft().kind == PayloadKind::text);
  ASSERT_TEXT(command.draft().room, "a");
  ASSERT_TEXT(command.draft().event, kDefaultEvent);
  assert_true(command.without_joining && !command.to_application);
  ASSERT_TEXT(
      shown(message_of(command)),
      "content-type:text/plain;charset=utf-8\nseq:7\nepoch:e1\nsender:Ann\nsender-id:3\ntimestamp:1000\n\nhello");
}

void a_type_of_text_is_kept(void**) {
  const SendCommand command = sent("text/markdown", "*hi*");
  assert_true(command.draft().kind == PayloadKind::text);
  ASSERT_TEXT(command.draft().attributes.at(0).value, "text/markdown");
  ASSERT_TEXT(shown(message_of(command)).substr(0, 27), "content-type:text/markdown\n");
}

void json_is_the_only_argument(void**) {
  const SendCommand command = sent("application/json;charset=UTF-8", R"( {"x":1.50} )");
  assert_true(command.draft().kind == PayloadKind::args);
  ASSERT_TEXT(command.draft().payload, R"([ {"x":1.50} ])");
  assert_true(encode_stomp_content(message_of(command), false).body == R"({"x":1.50})");
  ASSERT_TEXT(encode_stomp_content(message_of(command), false).headers.at(0).value, "application/json;charset=UTF-8");
  ASSERT_TEXT(sent("application/problem+json", "[1,2]").draft().payload, "[[1,2]]");
}

void a_json_string_is_text_for_others_and_json_for_stomp(void**) {
  const SendCommand command = sent("application/json", R"("h\u00e9 \"x\"")");
  assert_true(command.draft().kind == PayloadKind::text);
  ASSERT_TEXT(command.draft().payload, "h\u00e9 \"x\"");
  ASSERT_TEXT(encode_stomp_content(message_of(command), false).body, "\"h\u00e9 \\\"x\\\"\"");
}

void what_is_not_one_json_value_is_refused(void**) {
  assert_true(refused("application/json", "1,2") == Error::invalid_json);
  assert_true(refused("application/json", "") == Error::invalid_json);
  assert_true(refused("application/json", "{") == Error::invalid_json);
  assert_true(refused("application/json", R"({"_placeholder":true,"num":0})") == Error::invalid_argument);
}

void bytes_are_one_attachment(void**) {
  for (const char* type : {"application/octet-stream", "image/png"}) {
    const SendCommand command = sent(type, std::string("\0\xff", 2));
    assert_true(is_single_binary(command.draft()));
    const StompMessageContent content = encode_stomp_content(message_of(command), false);
    assert_true(content.binary);
    assert_true(content.body == std::string("\0\xff", 2));
    ASSERT_TEXT(content.headers.at(0).value, type);
  }
  // Not UTF-8, whatever the type says.
  const SendCommand latin = sent("text/plain", "\xe9");
  assert_true(is_single_binary(latin.draft()));
  ASSERT_TEXT(encode_stomp_content(message_of(latin), false).headers.at(0).value, "text/plain");
  // The bytes of a type that is not text are bytes, though they could be text.
  const StompMessageContent ascii = encode_stomp_content(message_of(sent("application/octet-stream", "abc")), false);
  assert_true(!ascii.binary);
  ASSERT_TEXT(ascii.body, "abc");
}

void base64_carries_bytes_over_text(void**) {
  const SendCommand command =
      sent("application/octet-stream", "AP8=", {{"content-transfer-encoding", "base64"}, {"x", "y"}});
  assert_true(command.draft().attachments.at(0) == std::string("\0\xff", 2));
  assert_int_equal(command.draft().attributes.size(), 2);
  const StompMessageContent content = encode_stomp_content(message_of(command), true);
  assert_true(!content.binary);
  ASSERT_TEXT(content.body, "AP8=");
  ASSERT_TEXT(content.headers.at(1).name, "content-transfer-encoding");
  assert_true(refused("image/png", "?", {{"content-transfer-encoding", "base64"}}) == Error::invalid_argument);
  assert_true(refused("image/png", "AP8=", {{"content-transfer-encoding", "rot13"}}) == Error::invalid_argument);
}

void events_and_flags_are_headers(void**) {
  const SendCommand command = sent("application/json", R"({"x":1})",
                                   {{"event", "cursor"}, {"ephemeral", "true"}, {"except-self", "true"}, {"k", "v"}});
  ASSERT_TEXT(command.draft().event, "cursor");
  assert_true(command.draft().ephemeral && command.except_self);
  assert_int_equal(command.draft().attributes.size(), 2);
  Message message = message_of(command);
  message.seq = 0;
  message.serial = 12;
  ASSERT_TEXT(
      shown(message),
      "content-type:application/json\nevent:cursor\nsender:Ann\nsender-id:3\ntimestamp:1000\nephemeral:true\nk:v\n\n"
      "{\"x\":1}");
  ASSERT_TEXT(stomp_message_id(message), "m-12");
  assert_true(refused(std::nullopt, "x", {{"event", "disconnect"}}) == Error::invalid_event);
  assert_true(refused(std::nullopt, "x", {{"ephemeral", "yes"}}) == Error::invalid_argument);
  assert_true(refused(std::nullopt, "x", {{std::string(200, 'n'), "v"}}) != Error::ok);
  assert_true(refused(std::nullopt, "x", {{"big", std::string(9'000, 'v')}}) == Error::too_large);
}

void an_event_for_the_application_has_its_name_from_the_destination(void**) {
  const SendCommand command =
      sent(std::nullopt, "hi", {{"event", "other"}}, {StompDestinationKind::application, "add"});
  assert_true(command.to_application);
  ASSERT_TEXT(command.draft().event, "add");
  ASSERT_TEXT(command.draft().room, "");
}

void messages_of_other_protocols_are_json(void**) {
  Message message;
  message.kind = PayloadKind::args;
  message.payload = R"(["a",{"x":1}])";
  message.seq = 1;
  message.epoch = "e";
  message.attributes = {{"seq", "99"}, {"content-type", "text/plain"}, {"k", "v"}};
  ASSERT_TEXT(
      shown(message),
      "content-type:application/json;charset=utf-8\nargs:2\nseq:1\nepoch:e\ntimestamp:0\nk:v\n\n[\"a\",{\"x\":1}]");
  message.payload = "[]";
  assert_true(shown(message).find("args:0\n") != std::string::npos);
  message.payload = R"(["a",{"_placeholder":true,"num":0}])";
  message.attachments = {std::string("\0\xff", 2)};
  ASSERT_TEXT(encode_stomp_content(message, false).body,
              R"({"args":["a",{"_placeholder":true,"num":0}],"attachments":["AP8="]})");
  assert_true(shown(message).find("attachments:1\n") != std::string::npos);
}

void a_codec_writes_the_body_for_each_kind_of_destination(void**) {
  const StompPrefixes prefixes;
  const StompCodec codec(StompVersion::v1_2, prefixes, false);
  Message message = message_of(sent(std::nullopt, "hi", {{"a:b", "c\nd"}}));
  const std::optional<Packet> body = codec.encode_body(message, codec.form());
  assert_true(body && !body->binary);
  ASSERT_TEXT(
      body->bytes.c_str(),
      "destination:/topic/a\nmessage-id:e1-7\ncontent-type:text/plain;charset=utf-8\nseq:7\nepoch:e1\nsender:Ann\n"
      "sender-id:3\ntimestamp:1000\na\\cb:c\\nd\ncontent-length:2\n\nhi");
  assert_int_equal(body->bytes.back(), 0);
  assert_true(codec.encode_body(message, codec.direct_form())->bytes.starts_with("destination:/user/queue/messages\n"));
  message.event = "prices";
  assert_true(codec.encode_body(message, codec.direct_form())->bytes.starts_with("destination:/user/queue/prices\n"));
  const StompCodec old(StompVersion::v1_0, prefixes, true);
  assert_true(old.form() != codec.form());
  assert_true(old.encode_body(message, old.form())->bytes.find("a b:c d\n") != std::string::npos);
  ASSERT_TEXT(codec.encode_head(message, codec.form(), "MESSAGE\n"), "MESSAGE\n");
  assert_true(codec.encode(message).empty() && codec.encode(Reply(PongReply{})).empty() && !codec.has_first_room());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_body_without_a_type_is_text),
      cmocka_unit_test(a_type_of_text_is_kept),
      cmocka_unit_test(json_is_the_only_argument),
      cmocka_unit_test(a_json_string_is_text_for_others_and_json_for_stomp),
      cmocka_unit_test(what_is_not_one_json_value_is_refused),
      cmocka_unit_test(bytes_are_one_attachment),
      cmocka_unit_test(base64_carries_bytes_over_text),
      cmocka_unit_test(events_and_flags_are_headers),
      cmocka_unit_test(a_frame_without_a_body_may_set_a_read_marker),
      cmocka_unit_test(an_event_for_the_application_has_its_name_from_the_destination),
      cmocka_unit_test(messages_of_other_protocols_are_json),
      cmocka_unit_test(a_codec_writes_the_body_for_each_kind_of_destination),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
