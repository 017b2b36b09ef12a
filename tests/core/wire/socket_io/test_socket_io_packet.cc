// Socket.IO packets: the examples of the specification, packets that the reference parser rejects, and attachments that
// follow their packet.
#include "wire/socket_io/socket_io_packet.h"

#include <memory>
#include <string>

#include "wire/socket_io/socket_io_assembler.h"

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

std::string describe(const SocketIoPacket& packet) {
  constexpr const char* kTypes[] = {"connect", "disconnect", "event", "ack", "connect_error"};
  std::string line = kTypes[static_cast<int>(packet.type)];
  if (packet.attachment_count != 0) line += "+" + std::to_string(packet.attachment_count);
  line += ' ';
  line += packet.nsp;
  if (!packet.ack_id.empty()) line += " #" + std::string(packet.ack_id);
  if (!packet.payload.empty()) line += " " + std::string(packet.payload);
  if (!packet.fault.ok()) line += " fault";
  return line;
}

// Read from memory of exactly its size, so a sanitizer detects reads past the end.
std::string read(const std::string& text) {
  const std::unique_ptr<char[]> bytes(new char[text.size()]);
  text.copy(bytes.get(), text.size());
  Result<SocketIoPacket> packet = decode_socket_io({bytes.get(), text.size()});
  if (packet.ok()) return describe(*packet);
  assert_false(packet.status().detail.empty());
  return "refused";
}

void expect(const std::string& got, const std::string& wanted) { assert_string_equal(got.c_str(), wanted.c_str()); }

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

void reads_what_the_specification_shows(void**) {
  expect(read("0"), "connect /");
  expect(read(R"(0{"token":"123"})"), R"(connect / {"token":"123"})");
  expect(read("0/admin,"), "connect /admin");
  expect(read("0/admin"), "connect /admin");
  expect(read(R"(0/admin,{"sid":"x"})"), R"(connect /admin {"sid":"x"})");
  expect(read(R"(4{"message":"Not authorized"})"), R"(connect_error / {"message":"Not authorized"})");
  expect(read(R"(2["foo"])"), R"(event / ["foo"])");
  expect(read(R"(2/admin,["bar"])"), R"(event /admin ["bar"])");
  expect(read(R"(51-["baz",{"_placeholder":true,"num":0}])"), R"(event+1 / ["baz",{"_placeholder":true,"num":0}])");
  expect(read(R"(52-/admin,["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])"),
         R"(event+2 /admin ["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])");
  expect(read(R"(212["foo"])"), R"(event / #12 ["foo"])");
  expect(read("312[]"), "ack / #12 []");
  expect(read(R"(2/admin,13["foo"])"), R"(event /admin #13 ["foo"])");
  expect(read(R"(3/admin,13["bar"])"), R"(ack /admin #13 ["bar"])");
  expect(read(R"(61-15["bar",{"_placeholder":true,"num":0}])"), R"(ack+1 / #15 ["bar",{"_placeholder":true,"num":0}])");
  expect(read("1"), "disconnect /");
  expect(read("1/admin,"), "disconnect /admin");
}

void reads_what_the_reference_reads(void**) {
  expect(read("2[12,true]"), "event / [12,true]");  // a number may name an event
  expect(read(R"(2[""])"), R"(event / [""])");
  expect(read("20[\"a\"]"), "event / #0 [\"a\"]");
  expect(read("2007[\"a\"]"), "event / #7 [\"a\"]");
  expect(read("2[\"a\" , 1 ] \n"), "event / [\"a\" , 1 ]");
  expect(read("2/,[\"a\"]"), "event / [\"a\"]");
  expect(read("2/a/b?c=d,[\"a\"]"), "event /a/b?c=d [\"a\"]");
  expect(read("05{}"), "connect / #5 {}");
  expect(read("4"), "connect_error /");
  expect(read(R"(4"no")"), R"(connect_error / "no")");
  expect(read("312"), "ack / #12");
  expect(read("3[]"), "ack / []");
  expect(read(R"(2["a",12345678901234567890,1.0,"\u0000\ud800"])"),
         R"(event / ["a",12345678901234567890,1.0,"\u0000\ud800"])");
  for (const char* id : {"9007199254740992", "9007199254740993", "18446744073709551615", "18446744073709551616"})
    expect(read("2" + std::string(id) + "[\"a\"]"), "event / #" + std::string(id) + " [\"a\"]");
  expect(read("2000[\"a\"]"), "event / #0 [\"a\"]");
  const std::string longest(kMaxAckIdDigits, '9');
  expect(read("200" + longest + "[\"a\"]"), "event / #" + longest + " [\"a\"]");
  expect(read("3/a," + longest + "[]"), "ack /a #" + longest + " []");
  // Such an id could not be answered, so there is none.
  expect(read("21" + longest + "[\"a\"]"), "event / [\"a\"]");
}

void refuses_what_the_reference_refuses(void**) {
  for (const char* text : {"",
                           "7",
                           "9",
                           "abc",
                           " 2[\"a\"]",
                           "-1",  // type
                           "0[]",
                           "0null",
                           "0\"x\"",
                           "0{",
                           "0{}x",
                           "0/a,[]",  // connect
                           "1{}",
                           "1[]",
                           "1null",  // disconnect
                           "4[]",
                           "4null",
                           "4true",  // connect_error
                           "2{}",
                           "2[]",
                           "2[true]",
                           "2[null]",
                           "2[{}]",
                           "2[[\"a\"]]",
                           "2\"a\"",  // event
                           "2[\"a\"",
                           "2[\"a\",]",
                           "2[\"a\"]]",
                           "2['a']",
                           "2[\"\x01\"]",
                           "2[\"a\",01]",
                           "2abc[\"a\"]",
                           "212x[\"a\"]",
                           "2/admin[\"a\"]",
                           "3{}",
                           "3\"a\"",
                           "3[",
                           "31.5[]",  // ack
                           "5[\"a\"]",
                           "5-[\"a\"]",
                           "50-[\"a\"]",
                           "51[\"a\"]",
                           "5x-[\"a\"]",  // attachments
                           "511-[\"a\"]",
                           "5-1-[\"a\"]",
                           "51",
                           "51-",
                           R"(51-["a",{"_placeholder":true,"num":1}])",
                           R"(51-["a",{"_placeholder":true}])",
                           R"(51-["a",{"_placeholder":true,"num":-1}])",
                           R"(51-["a",{"_placeholder":true,"num":"0"}])"})
    if (read(text) != "refused") fail_msg("accepted: %s", text);
}

void refuses_what_no_client_sends(void**) {
  for (const char* text : {"2", "212", "2 [\"a\"]", "2\t[\"a\"]", "2/\xFF,[\"a\"]", "2[\"a\",\"\xFF\"]", "0 "})
    expect(read(text), "refused");
  expect(read("0/" + std::string(512, 'x')), "refused");
  expect(read("0/" + std::string(511, 'x')), "connect /" + std::string(511, 'x'));
  std::string ten = "510-[\"a\"";
  for (int i = 0; i < 10; ++i) ten += ",{\"_placeholder\":true,\"num\":" + std::to_string(i) + "}";
  expect(read(ten + "]").substr(0, 8), "event+10");
}

void refuses_reserved_names(void**) {
  for (const char* name :
       {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener", "\\u0063onnect"})
    expect(read("2[\"" + std::string(name) + "\"]"), "refused");
  expect(read(R"(2["connected"])"), R"(event / ["connected"])");
  expect(read(R"(3["connect"])"), R"(ack / ["connect"])");
}

void marks_what_is_not_relayed(void**) {
  expect(read(R"(2["a",{"_placeholder":true,"num":0}])"), R"(event / ["a",{"_placeholder":true,"num":0}] fault)");
  expect(read(R"(3[{"_placeholder":true}])"), R"(ack / [{"_placeholder":true}] fault)");
  expect(read("3" + nested(64)), "ack / " + nested(64));
  expect(read("3" + nested(65)), "ack / " + nested(65) + " fault");
  expect(read("2[\"a\"," + nested(100) + "]"), "event / [\"a\"," + nested(100) + "] fault");
  expect(read("3" + nested(129)), "refused");
  expect(read(R"(2["a",{"_placeholder":true,"num":0}]])"), "refused");
  expect(read(R"(2["a",{"_placeholder":true,"num":0})"), "refused");
  expect(read("2[\"a\"," + nested(70)), "refused");
}

std::string split(const std::string& text) {
  Result<SocketIoPacket> packet = decode_socket_io(text);
  assert_true(packet.ok());
  const SocketIoEvent event = split_event(*packet);
  return (event.name ? *event.name : "(none)") + " " + event.args;
}

// The reference server rejects a placeholder without an attachment, but accepts an attachment without a placeholder.
void marks_attachments_without_a_place(void**) {
  const std::string zero = R"({"_placeholder":true,"num":0})";
  const std::string one = R"({"_placeholder":true,"num":1})";
  expect(read("51-[\"a\"]"), "event+1 / [\"a\"] fault");
  expect(read("52-/admin,7[\"a\"," + zero + "]"), "event+2 /admin #7 [\"a\"," + zero + "] fault");
  expect(read("52-[\"a\"," + one + "," + one + "]"), "event+2 / [\"a\"," + one + "," + one + "] fault");
  expect(read("61-12[]"), "ack+1 / #12 [] fault");
  expect(read("61-12"), "ack+1 / #12 fault");
  expect(read("61-"), "ack+1 / fault");
  expect(read("62-12[" + one + "]"), "ack+2 / #12 [" + one + "] fault");
  // All other rules still apply.
  for (const std::string& text :
       {"51-[\"a\"," + one + "]", "52-[\"a\"," + zero + R"(,{"_placeholder":true,"num":2}])",
        "52-[\"a\"," + zero + R"(,{"_placeholder":true}])", std::string("51-[\"a\""), std::string("51-[\"a\",]"),
        std::string("51-[\"connect\"]"), std::string("51-[true]"), std::string("51-[]"), std::string("51-[\"\xFF\"]"),
        "51-[\"a\"," + nested(64) + "]", std::string("511-[\"a\"]")}) {
    expect(read(text), "refused");
  }
}

void splits_events(void**) {
  expect(split(R"(2["a"])"), "a []");
  expect(split(R"(2[ "a" ])"), "a []");
  expect(split(R"(2["a",1])"), "a [1]");
  expect(split(R"(2["a" , 1 , {"b":[2]} ])"), R"(a [ 1 , {"b":[2]} ])");
  expect(split(R"(2["chat message","hi"])"), R"(chat message ["hi"])");
  expect(split(R"(2["\u00e9\"",null])"), "\xC3\xA9\" [null]");
  expect(split("2[12,34]"), "12 [34]");
  expect(split(R"(2["\ud800",1])"), "(none) [1]");
}

void reads_what_recovery_needs(void**) {
  const auto read_one = [](const std::string& text) -> std::string {
    Result<SocketIoPacket> packet = decode_socket_io(text);
    assert_true(packet.ok());
    const std::optional<SocketIoRecovery> recovery = read_recovery(packet->payload);
    return recovery ? recovery->pid + " " + recovery->offset.value_or("without") : "none";
  };
  expect(read_one(R"(0{"pid":"p","offset":"o","token":1})"), "p o");
  expect(read_one(R"(0{"pid":"p","pid":"q","offset":"o"})"), "q o");
  for (const char* text : {R"(0{"pid":"p"})", R"(0{"pid":"p","offset":null})"}) expect(read_one(text), "p without");
  for (const char* text : {"0", "0{}", R"(0{"offset":"o"})", R"(0{"pid":1,"offset":"o"})", R"(0{"pid":null})",
                           R"(0{"pid":"p","offset":1})", R"(0{"pid":"p","offset":["o"]})"})
    expect(read_one(text), "none");
}

void writes(void**) {
  expect(encode_connect("/", "wZX3", ""), R"(0{"sid":"wZX3"})");
  expect(encode_connect("/admin", "oSO0", "pid"), R"(0/admin,{"sid":"oSO0","pid":"pid"})");
  expect(encode_connect_error("/random", "Invalid namespace"), R"(4/random,{"message":"Invalid namespace"})");
  expect(encode_connect_error("/", "no", R"({"code":1})"), R"(4{"message":"no","data":{"code":1}})");
  expect(encode_connect_error("/", "cut \xE2\x82"), R"(4{"message":"cut ??"})");
  expect(encode_disconnect("/"), "1");
  expect(encode_disconnect("/admin"), "1/admin,");
  std::string head;
  append_socket_io(head, SocketIoType::ack, "/admin", 2, "13");
  expect(head, "62-/admin,13");
}

using Added = SocketIoAssembler::Added;

void assembles(void**) {
  SocketIoAssembler assembler(1000);
  std::string text = R"(52-/dev,7["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}])";
  assert_true(assembler.add(false, text) == Added::more);
  text.assign(text.size(), '!');  // the input is no longer needed
  assert_true(assembler.add(true, "first") == Added::more);
  assert_true(assembler.add(true, "") == Added::packet);
  expect(describe(assembler.packet()),
         R"(event+2 /dev #7 ["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}])");
  assert_int_equal(assembler.attachments().size(), 2);
  expect(assembler.attachments()[0], "first");
  expect(assembler.attachments()[1], "");

  assert_true(assembler.add(false, "0") == Added::packet);
  expect(describe(assembler.packet()), "connect /");
  assert_true(assembler.attachments().empty());

  text = R"(51-/,["a",{"_placeholder":true,"num":0}])";
  assert_true(assembler.add(false, text) == Added::more);
  text.clear();
  text.shrink_to_fit();
  assert_true(assembler.add(true, "x") == Added::packet);
  expect(describe(assembler.packet()), R"(event+1 / ["a",{"_placeholder":true,"num":0}])");
}

void attachments_keep_their_turn(void**) {
  SocketIoAssembler alone(1000);
  assert_true(alone.add(true, "bytes") == Added::fault);
  assert_false(alone.fault().detail.empty());

  SocketIoAssembler interrupted(1000);
  const std::string head = R"(51-["a",{"_placeholder":true,"num":0}])";
  assert_true(interrupted.add(false, head) == Added::more);
  assert_true(interrupted.add(false, "2[\"b\"]") == Added::fault);
  assert_true(interrupted.add(true, "late") == Added::fault);

  SocketIoAssembler malformed(1000);
  assert_true(malformed.add(false, "abc") == Added::fault);

  SocketIoAssembler extra(1000);
  extra.add(false, head);
  assert_true(extra.add(true, "x") == Added::packet);
  assert_true(extra.add(true, "y") == Added::fault);
}

// They arrive nevertheless and belong to this packet.
void attachments_without_a_place_are_awaited(void**) {
  SocketIoAssembler assembler(1000);
  assert_true(assembler.add(false, "52-7[\"a\"]") == Added::more);
  assert_true(assembler.add(true, "x") == Added::more);
  assert_true(assembler.add(true, "y") == Added::packet);
  expect(describe(assembler.packet()), "event+2 / #7 [\"a\"] fault");
  assert_int_equal(assembler.attachments().size(), 2);
  assert_true(assembler.add(false, "2[\"b\"]") == Added::packet);
  expect(describe(assembler.packet()), "event / [\"b\"]");
  assert_true(assembler.attachments().empty());
}

void packets_are_bounded_with_their_attachments(void**) {
  const std::string head = R"(51-["a",{"_placeholder":true,"num":0}])";
  SocketIoAssembler assembler(head.size() + 3);
  assembler.add(false, head);
  assert_true(assembler.add(true, "abc") == Added::packet);
  assembler.add(false, head);
  assert_true(assembler.add(true, "abcd") == Added::fault);
  assert_int_equal(assembler.fault().code, Error::too_large);
  SocketIoAssembler small(3);
  assert_true(small.add(false, "2[1]") == Added::fault);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(reads_what_the_specification_shows),
      cmocka_unit_test(reads_what_the_reference_reads),
      cmocka_unit_test(refuses_what_the_reference_refuses),
      cmocka_unit_test(refuses_what_no_client_sends),
      cmocka_unit_test(refuses_reserved_names),
      cmocka_unit_test(marks_what_is_not_relayed),
      cmocka_unit_test(marks_attachments_without_a_place),
      cmocka_unit_test(splits_events),
      cmocka_unit_test(reads_what_recovery_needs),
      cmocka_unit_test(writes),
      cmocka_unit_test(assembles),
      cmocka_unit_test(attachments_keep_their_turn),
      cmocka_unit_test(attachments_without_a_place_are_awaited),
      cmocka_unit_test(packets_are_bounded_with_their_attachments),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
