// The codec of a namespace socket: events to drafts and back, byte for byte, acknowledgements, and recovery offsets.
#include "wire/socket_io/socket_io_codec.h"

#include <cstring>
#include <string>
#include <vector>

#include "wire/socket_io/socket_io_offset.h"

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

SocketIoNamespaces& namespaces() {
  static SocketIoNamespaces all("lobby");
  return all;
}

SocketIoCodec codec(const char* nsp = "/", const char* pid = "") {
  Result<SocketIoNamespacePtr> found = namespaces().find(nsp);
  assert_true(found.ok());
  return {*found, "SID", pid};
}

void expect(const std::string& got, const std::string& wanted) { assert_string_equal(got.c_str(), wanted.c_str()); }

SendCommand decode(const std::string& text, std::vector<std::string> attachments = {}, const char* nsp = "/") {
  Result<SocketIoPacket> packet = decode_socket_io(text);
  assert_true(packet.ok());
  return std::get<SendCommand>(std::get<Command>(codec(nsp).decode(*packet, std::move(attachments))));
}

Message relayed(const SendCommand& command, std::uint64_t seq = 0) {
  Message message;
  static_cast<MessageDraft&>(message) = command.draft();
  message.seq = seq;
  message.epoch = "abc123";
  return message;
}

std::string text_of(const Packets& packets) {
  std::string line;
  for (const Packet& packet : packets) {
    if (!line.empty()) line += " + ";
    line += packet.binary ? "<" + packet.bytes + ">" : packet.bytes;
  }
  return line;
}

void a_lone_string_of_chat_message_is_text(void**) {
  const SendCommand command = decode(R"(2["chat message","h\u00e9llo"])");
  assert_true(command.draft().kind == PayloadKind::text);
  expect(command.draft().payload, "h\xC3\xA9llo");
  expect(command.draft().event, "chat message");
  expect(command.draft().room, "lobby");
  expect(command.ref, "");
  assert_false(command.except_self);
  expect(text_of(codec().encode(relayed(command))), "2[\"chat message\",\"h\xC3\xA9llo\"]");
}

void other_events_are_relayed_byte_for_byte(void**) {
  for (const char* text : {R"(2["chat message"])", R"(2["chat message","a","b"])", R"(2["chat message",1.0])",
                           R"(2["e",12345678901234567890,-0,1E5,"\u0000\ud800\/",{"b":1,"a":2,"a":3}])",
                           R"(2["e",[ 1 ,  2 ],"x"])", R"(2["news","text"])", R"(2["",null])"}) {
    const SendCommand command = decode(text);
    assert_true(command.draft().kind == PayloadKind::args);
    expect(text_of(codec().encode(relayed(command))), text);
  }
  // White space around the arguments is not part of them.
  expect(text_of(codec().encode(relayed(decode("2[ \"e\" , 1 , 2 ]\n")))), "2[\"e\",1 , 2]");
  expect(text_of(codec().encode(relayed(decode("2[12,1]")))), "2[\"12\",1]");
}

SocketIoCodec codec_without_seen() {
  SocketIoNamespace nsp = **namespaces().find("/");
  nsp.changes.seen.clear();
  return {std::make_shared<const SocketIoNamespace>(std::move(nsp)), "SID", {}};
}

void read_markers_are_an_event_with_the_number_of_a_message(void**) {
  const auto seen = [](const SocketIoCodec& client, std::string_view text) {
    const Result<SocketIoPacket> packet = decode_socket_io(text);
    const Decoded decoded = client.decode(*packet, {});
    const auto* command = std::get_if<SeenCommand>(&std::get<Command>(decoded));
    return command == nullptr ? std::string("none")
                              : command->room + " " + std::to_string(command->seq) + " " + command->ref;
  };
  expect(seen(codec(), R"(21["chat seen",17])"), "lobby 17 1");
  expect(seen(codec(), R"(2["chat seen",17,"more"])"), "lobby 17 ");
  for (const char* text : {R"(2["chat seen"])", R"(2["chat seen","17"])", R"(2["chat seen",-1])",
                           R"(2["chat seen",1.5])", R"(2["chat seen",[17]])", R"(2["seen",17])"}) {
    expect(seen(codec(), text), "none");  // events of the application
  }
  expect(seen(codec_without_seen(), R"(2["chat seen",17])"), "none");
  Message message;
  message.event_kind = RoomEventKind::seen;
  message.room = "lobby";
  message.target_seq = 17;
  expect(text_of(codec().encode(message)), R"(2["chat seen",17])");
  expect(text_of(codec_without_seen().encode(message)), "");
  message.room = "other";
  expect(text_of(codec().encode(message)), "");
  Welcome welcome;
  welcome.room = "lobby";
  const std::string connected = text_of(codec().encode(Reply(welcome)));
  welcome.seen = 17;
  expect(text_of(codec().encode(Reply(welcome))), connected + R"( + 2["chat seen",17])");
  expect(text_of(codec_without_seen().encode(Reply(welcome))), connected);
}

void changes_are_events_with_the_number_of_a_message(void**) {
  SendCommand command = decode(R"(21["chat edit",5,"new"])");
  assert_true(command.draft().event_kind == RoomEventKind::edit);
  assert_int_equal(command.draft().target_seq, 5);
  expect(command.draft().payload, "new");
  expect(command.ref, "1");
  expect(text_of(codec().encode(relayed(command))), R"(2["chat edit",5,"new"])");
  command = decode(R"(2["chat edit",5,{"a":[1]}, 2])");
  expect(text_of(codec().encode(relayed(command))), R"(2["chat edit",5,{"a":[1]}, 2])");
  command = decode(R"(2["chat delete",5])");
  assert_true(command.draft().event_kind == RoomEventKind::redaction);
  expect(text_of(codec().encode(relayed(command))), R"(2["chat delete",5])");
  command = decode(R"(2["chat react",5,"+1"])");
  assert_true(command.draft().event_kind == RoomEventKind::reaction && command.draft().extra->added);
  command.draft().extra.make().count = 2;
  expect(text_of(codec().encode(relayed(command))), R"(2["chat react",5,"+1",true,2])");
  assert_false(decode(R"(2["chat react",5,"+1",false])").draft().extra->added);
  // An application's own event of this name.
  for (const char* text : {R"(2["chat edit","5","new"])", R"(2["chat edit",5])", R"(2["chat delete"])",
                           R"(2["chat delete",-5])", R"(2["chat react",5,6])"}) {
    command = decode(text);
    assert_true(command.draft().event_kind == RoomEventKind::message);
    expect(text_of(codec().encode(relayed(command))), text);
  }
  // Others would show an empty line.
  command = decode(R"(2["chat message","x"])");
  command.draft().extra.make().redacted = true;
  assert_true(codec().encode(relayed(command)).empty());
}

void a_namespace_is_its_room(void**) {
  const SendCommand command = decode(R"(2/dev,13["e",1])", {}, "/dev");
  expect(command.draft().room, "dev");
  expect(command.ref, "13");
  expect(text_of(codec("/dev").encode(relayed(command))), R"(2/dev,["e",1])");
  // A message of another room, in the client's own namespace.
  expect(text_of(codec().encode(relayed(command))), R"(2["e",1])");
}

void attachments_follow(void**) {
  const std::string text = R"(52-/dev,7["e",{"_placeholder":true,"num":1},{"x":{"num":0,"_placeholder":true}}])";
  const SendCommand command = decode(text, {"one", "two"}, "/dev");
  expect(command.ref, "7");
  assert_int_equal(command.draft().attachments.size(), 2);
  expect(text_of(codec("/dev").encode(relayed(command))),
         R"(52-/dev,["e",{"_placeholder":true,"num":1},{"x":{"num":0,"_placeholder":true}}])"
         " + <one> + <two>");
  const SendCommand lone = decode(R"(51-["chat message",{ "num":0,"_placeholder":true }])", {"b"});
  assert_true(is_single_binary(lone.draft()));
  expect(text_of(codec().encode(relayed(lone))), R"(51-["chat message",{"_placeholder":true,"num":0}] + <b>)");
}

DecodeError refused(const std::string& text) {
  const Result<SocketIoPacket> packet = decode_socket_io(text);
  assert_true(packet.ok());
  return std::get<DecodeError>(codec().decode(*packet, {}));
}

void refuses_without_closing_what_it_does_not_relay(void**) {
  DecodeError error = refused(R"(25["e",{"_placeholder":true,"num":0}])");
  assert_int_equal(error.close_code, 0);
  assert_int_equal(error.reply.code, Error::invalid_argument);
  assert_true(error.reply.of_send);
  expect(error.reply.ref, "5");
  error = refused("2[\"e\"," + std::string(70, '[') + std::string(70, ']') + "]");
  assert_int_equal(error.close_code, 0);
  assert_int_equal(error.reply.code, Error::invalid_json);
  error = refused(R"(2["\ud800"])");
  assert_int_equal(error.close_code, 0);
  assert_int_equal(error.reply.code, Error::invalid_event);
}

void replies(void**) {
  const SocketIoCodec dev = codec("/dev", "PID");
  const auto say = [&](const Reply& reply) { return text_of(dev.encode(reply)); };
  expect(say(Welcome{1, "Ann", "dev", "e", 3, false, true}), R"(0/dev,{"sid":"SID","pid":"PID"})");
  expect(text_of(codec().encode(Reply(Welcome{}))), R"(0{"sid":"SID"})");
  expect(say(AckReply{"12", 5, "abc"}), R"(3/dev,12[{"seq":5,"epoch":"abc"}])");
  expect(say(AckReply{"0", 0, "abc"}), "3/dev,0[{}]");
  expect(say(AckReply{"", 5, "abc"}), "");
  expect(say(AnswerReply{"7", R"(["a", 1])", {}}), R"(3/dev,7["a", 1])");
  expect(say(AnswerReply{"7", R"([{"_placeholder":true,"num":0}])", {"x"}}),
         R"(61-/dev,7[{"_placeholder":true,"num":0}] + <x>)");
  expect(say(ErrorReply{"9", Error::forbidden, "not \"you\"", true}),
         R"(3/dev,9[{"error":"forbidden","reason":"not \"you\""}])");
  expect(say(ErrorReply{"9", Error::rate_limited, "\xE2\x82", true}),
         R"(3/dev,9[{"error":"rate_limited","reason":"??"}])");
  expect(say(ErrorReply{"", Error::forbidden, "no", true}), "");
  for (const Reply& reply : {Reply(JoinedReply{"", "x", "e", 1, false, true}), Reply(PongReply{"1"}),
                             Reply(LeftReply{"", "dev", "gone"}), Reply(GapReply{"dev", "e", 1, 2, 2})})
    expect(say(reply), "");
  expect(text_of(dev.disconnect()), "1/dev,");
}

Message message_of(const char* args, std::uint64_t seq, const char* room = "lobby") {
  Message message;
  message.room = room;
  message.event = "e";
  message.kind = PayloadKind::args;
  message.payload = args;
  message.seq = seq;
  message.epoch = "abc123";
  return message;
}

void offsets_follow_when_recovery_is_on(void**) {
  const SocketIoCodec on = codec("/", "PID");
  const auto say = [&](const Message& message) { return text_of(on.encode(message)); };
  expect(say(message_of("[1]", 7)), R"(2["e",1,"abc123:7"])");
  expect(say(message_of("[]", 7)), R"(2["e","abc123:7"])");
  expect(say(message_of("[1]", 7, "other")), R"(2["e",1,"abc123:7:other"])");
  // Unnumbered: the client must not mistake its last string, or the event's name, for an offset.
  expect(say(message_of("[1]", 0)), R"(2["e",1])");
  expect(say(message_of(R"([1,"x"])", 0)), R"(2["e",1,"x",null])");
  expect(say(message_of("[ ]", 0)), R"(2["e",null])");
  // When an acknowledgement is requested, the client adds a function after the last argument.
  expect(text_of(on.encode_with_ack(message_of(R"(["x"])", 0), 4)), R"(24["e","x"])");
  expect(text_of(codec("/dev").encode_with_ack(message_of("[]", 0), 4)), R"(2/dev,4["e"])");

  Message binary = message_of(R"([{"_placeholder":true,"num":0}])", 8);
  binary.attachments = {"x"};
  expect(say(binary), R"(51-["e",{"_placeholder":true,"num":0},"abc123:8"] + <x>)");
  Message text = message_of("hi", 9);
  text.kind = PayloadKind::text;
  expect(say(text), R"(2["e","hi","abc123:9"])");
}

void offsets_are_read_back(void**) {
  std::optional<SocketIoOffset> offset = parse_offset("abc123:7");
  assert_true(offset.has_value());
  expect(offset->position.epoch, "abc123");
  assert_int_equal(offset->position.seq, 7);
  expect(offset->room, "");
  offset = parse_offset("abc123:18446744073709551615:a: b");
  assert_true(offset.has_value());
  assert_true(offset->position.seq == ~std::uint64_t{0});
  expect(offset->room, "a: b");
  for (const char* text : {"", ":", ":7", "abc", "abc:", "abc:0", "abc:-1", "abc:7x", "abc:7:", "abc: 7", "abc:7:a/b",
                           "abc:99999999999999999999", "hello there"})
    assert_false(parse_offset(text).has_value());
}

void forms_are_of_the_namespace_and_of_recovery(void**) {
  const SocketIoCodec one = codec("/dev");
  assert_true(one.form() >> 56 == static_cast<WireForm>(Protocol::socket_io));
  assert_true(one.form() == codec("/dev").form());
  assert_false(one.form() == codec("/").form());
  assert_false(one.form() == codec("/lobby").form());
  assert_false(one.form() == codec("/dev", "PID").form());
}

void namespaces_are_rooms(void**) {
  SocketIoNamespaces all("lobby");
  expect((*all.find("/"))->room, "lobby");
  expect((*all.find("/lobby"))->room, "lobby");
  expect((*all.find("/dev"))->room, "dev");
  expect((*all.find("/\xEB\xB0\xA9"))->room, "\xEB\xB0\xA9");
  for (const char* name : {"", "dev", "//", "/a/b", "/dev?x=1", "/dev#1", "/ ", "/a\x01"})
    assert_int_equal(all.find(name).status().code, Error::invalid_room);
  const SocketIoNamespacePtr held = *all.find("/dev");
  assert_true(held == *all.find("/dev"));
}

void namespaces_that_nobody_holds_are_forgotten(void**) {
  SocketIoNamespaces all("lobby");
  const SocketIoNamespacePtr held = *all.find("/held");
  for (int i = 0; i < 10'000; ++i) assert_true(all.find("/" + std::to_string(i)).ok());
  assert_true(all.size() < 200);
  assert_true(held == *all.find("/held"));
}

// The event that is relayed, and the id of its message.
std::string with_ids(const char* text, bool takes_ids = true) {
  Result<SocketIoPacket> packet = decode_socket_io(text);
  assert_true(packet.ok());
  const SocketIoCodec reader(*namespaces().find("/"), "SID", "", takes_ids);
  const Decoded decoded = reader.decode(*packet, {});
  if (const auto* error = std::get_if<DecodeError>(&decoded)) return "error: " + error->reply.reason;
  const SendCommand command = std::get<SendCommand>(std::get<Command>(decoded));
  return text_of(reader.encode(relayed(command))) + " " + command.draft().id;
}

void a_message_may_end_with_its_id(void**) {
  expect(with_ids(R"(21["chat message","hi",{"messageId":"7d1c"}])"), R"(2["chat message","hi"] 7d1c)");
  expect(with_ids(R"(21["move", 1 , { "messageId" : "a" } ])"), R"(2["move",1] a)");
  expect(with_ids(R"(21["move",{"messageId":"a"}])"), R"(2["move"] a)");
  // Everything else is an argument like others.
  for (const char* event :
       {R"(["move",{"messageId":1}])", R"(["move","messageId"])", R"(["move",{"messageId":"a","x":1}])",
        R"(["move",{"messageId":"a"},2])", R"(["move",{}])", R"(["move"])"}) {
    expect(with_ids(("21" + std::string(event)).c_str()), "2" + std::string(event) + " ");
  }
  expect(with_ids(R"(2["move",{"messageId":"a"}])"), R"(2["move",{"messageId":"a"}] )");  // without an acknowledgement
  expect(with_ids(R"(21["move",{"messageId":"a"}])", false), R"(2["move",{"messageId":"a"}] )");
  assert_non_null(std::strstr(with_ids(R"(21["move",{"messageId":"a b"}])").c_str(), "visible ASCII"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_lone_string_of_chat_message_is_text),
      cmocka_unit_test(other_events_are_relayed_byte_for_byte),
      cmocka_unit_test(changes_are_events_with_the_number_of_a_message),
      cmocka_unit_test(read_markers_are_an_event_with_the_number_of_a_message),
      cmocka_unit_test(a_namespace_is_its_room),
      cmocka_unit_test(attachments_follow),
      cmocka_unit_test(refuses_without_closing_what_it_does_not_relay),
      cmocka_unit_test(replies),
      cmocka_unit_test(offsets_follow_when_recovery_is_on),
      cmocka_unit_test(offsets_are_read_back),
      cmocka_unit_test(forms_are_of_the_namespace_and_of_recovery),
      cmocka_unit_test(a_message_may_end_with_its_id),
      cmocka_unit_test(namespaces_are_rooms),
      cmocka_unit_test(namespaces_that_nobody_holds_are_forgotten),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
