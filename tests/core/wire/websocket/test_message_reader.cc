// Frames of a client, valid or not, as messages and failures. Each case is read as a whole, byte by byte, and in other
// pieces, with the same result.
#include "wire/websocket/message_reader.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "core/wire/websocket/client_frames.h"

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat::testing;
using chat::wire::MessageReader;
using Kind = MessageReader::Event::Kind;

namespace {

std::size_t live_allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  ++live_allocations;
  return memory;
}

void operator delete(void* memory) noexcept {
  if (memory != nullptr) --live_allocations;
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace {

constexpr std::size_t kLimit = 1'000;

// The expected and the actual events of a case, one line each.
using Lines = std::vector<std::string>;

std::string line(const MessageReader::Event& event) {
  switch (event.kind) {
    case Kind::more:
      return "more";
    case Kind::message:
      return (event.binary ? "binary:" : "text:") + std::string(event.bytes);
    case Kind::ping:
      return "ping:" + std::string(event.bytes);
    case Kind::pong:
      return "pong:" + std::string(event.bytes);
    case Kind::close:
      return "close " + std::to_string(event.code) + " answer " + std::to_string(event.answer) + ":" +
             std::string(event.bytes);
    case Kind::failure:
      assert_true(std::strlen(event.reason) > 0);
      return "failure " + std::to_string(event.code);
  }
  return "";
}

void feed(MessageReader& reader, std::string_view bytes, Lines& lines) {
  // Memory of exactly its size, so a sanitizer detects reads past the end.
  std::vector<char> piece(bytes.begin(), bytes.end());
  std::span<char> input(piece);
  for (;;) {
    const MessageReader::Event event = reader.next(input);
    if (event.kind == Kind::more) break;
    lines.push_back(line(event));
  }
  assert_int_equal(input.size(), 0);
}

Lines read(std::string_view bytes, std::size_t piece_bytes, bool deflate, bool no_context) {
  MessageReader reader(kLimit);
  if (deflate) reader.allow_deflate(no_context);
  Lines lines;
  for (std::size_t at = 0; at < bytes.size(); at += piece_bytes) feed(reader, bytes.substr(at, piece_bytes), lines);
  return lines;
}

void check(std::string_view bytes, const Lines& expected, bool deflate = false, bool no_context = false) {
  for (const std::size_t piece_bytes : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, std::size_t{13},
                                        std::size_t{64}, std::max<std::size_t>(1, bytes.size())}) {
    const Lines lines = read(bytes, piece_bytes, deflate, no_context);
    assert_int_equal(lines.size(), expected.size());
    for (std::size_t i = 0; i < lines.size(); ++i) assert_string_equal(lines[i].c_str(), expected[i].c_str());
  }
}

std::string close_body(int code, std::string_view reason = "") {
  return std::string{static_cast<char>(code >> 8), static_cast<char>(code)} + std::string(reason);
}

constexpr const char* kOthers = "text:after";
const std::string kAfter = client_frame(kFin | kText, "after");

void messages(void**) {
  const std::string nulls(3, '\0');
  check("", {});
  check(client_frame(kFin | kText, "Hello", 0x37FA213D), {"text:Hello"});  // RFC 6455 section 5.7
  check(client_frame(kFin | kText, ""), {"text:"});
  check(client_frame(kFin | kBinary, ""), {"binary:"});
  check(client_frame(kFin | kBinary, "\xFF\xFE") + kAfter, {"binary:\xFF\xFE", kOthers});
  check(client_frame(kFin | kBinary, nulls), {"binary:" + nulls});
  check(client_frame(kFin | kText, "unmasked by zero", 0), {"text:unmasked by zero"});
  for (const std::size_t size : {1U, 7U, 8U, 9U, 15U, 16U, 17U, 124U, 125U, 126U, 127U, 128U, 999U, 1'000U}) {
    const std::string text(size, 'x');
    check(client_frame(kFin | kText, text) + kAfter, {"text:" + text, kOthers});
  }
}

void lengths_longer_than_needed(void**) {
  // ws and uWebSockets accept these.
  check(client_frame(kFin | kText, "five5", 1, 2) + kAfter, {"text:five5", kOthers});
  check(client_frame(kFin | kText, "five5", 1, 8) + kAfter, {"text:five5", kOthers});
  check(client_frame(kFin | kText, std::string(200, 'x'), 1, 8) + kAfter, {"text:" + std::string(200, 'x'), kOthers});
}

void fragments(void**) {
  check(client_frame(kText, "Hel") + client_frame(kFin, "lo"), {"text:Hello"});
  check(client_frame(kBinary, "\xC3") + client_frame(0, "") + client_frame(0, "\xA9") + client_frame(kFin, ""),
        {"binary:\xC3\xA9"});
  check(client_frame(kText, "") + client_frame(0, "") + client_frame(kFin, "x") + kAfter, {"text:x", kOthers});
  check(client_frame(kText, "") + client_frame(kFin, "") + kAfter, {"text:", kOthers});
  // A character split across fragments.
  check(client_frame(kText, "\xE2") + client_frame(0, "\x82") + client_frame(kFin, "\xAC"), {"text:\xE2\x82\xAC"});
  // Control frames between fragments.
  check(client_frame(kText, "Hel") + client_frame(kFin | kPing, "p") + client_frame(0, "l") +
            client_frame(kFin | kPong, "q") + client_frame(kFin | kPing, "") + client_frame(kFin, "o") + kAfter,
        {"ping:p", "pong:q", "ping:", "text:Hello", kOthers});
  check(client_frame(kText, "Hel") + client_frame(kFin | kClose, close_body(1000)), {"close 1000 answer 1000:"});
}

void control_frames(void**) {
  const std::string longest(125, 'p');
  check(client_frame(kFin | kPing, "") + client_frame(kFin | kPing, longest) + client_frame(kFin | kPong, longest),
        {"ping:", "ping:" + longest, "pong:" + longest});
  check(client_frame(kFin | kPing, "\xFF\x00\xFE"), {"ping:\xFF"});  // not text (the literal ends at its zero)
}

void closes(void**) {
  check(client_frame(kFin | kClose, "") + kAfter, {"close 1005 answer 0:"});
  check(client_frame(kFin | kClose, "x"), {"failure 1002"});
  for (const int code :
       {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}) {
    const std::string number = std::to_string(code);
    check(client_frame(kFin | kClose, close_body(code)) + kAfter, {"close " + number + " answer " + number + ":"});
    check(client_frame(kFin | kClose, close_body(code, "bye")), {"close " + number + " answer " + number + ":bye"});
  }
  for (const int code : {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65'535})
    check(client_frame(kFin | kClose, close_body(code, "bye")), {"close " + std::to_string(code) + " answer 1002:bye"});
  const std::string longest(123, 'r');
  check(client_frame(kFin | kClose, close_body(1000, longest)), {"close 1000 answer 1000:" + longest});
  check(client_frame(kFin | kClose, close_body(1000, "\xC3\xA9")), {"close 1000 answer 1000:\xC3\xA9"});
  check(client_frame(kFin | kClose, close_body(1000, "\xC3")), {"close 1000 answer 1007:"});
  check(client_frame(kFin | kClose, close_body(999, "\xFF")), {"close 999 answer 1002:"});
}

void nothing_comes_behind_the_end(void**) {
  check(client_frame(kFin | kClose, "") + client_frame(kFin | kClose, "") + client_frame(0x8F, ""),
        {"close 1005 answer 0:"});
  check(client_frame(0x8F, "") + kAfter + client_frame(0x8F, ""), {"failure 1002"});
}

void protocol_errors(void**) {
  std::vector<std::string> cases;
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    cases.push_back(client_frame(kFin | opcode, ""));
    cases.push_back(client_frame(opcode, "x"));
  }
  for (const int opcode : {kText, kBinary, kClose, kPing, kPong}) {
    for (const int reserved : {0x10, 0x20, 0x30, 0x40, 0x70})
      cases.push_back(client_frame(kFin | reserved | opcode, ""));
  }
  for (const int opcode : {kClose, kPing, kPong}) {
    cases.push_back(client_frame(opcode, ""));                            // fragmented
    cases.push_back(client_frame(kFin | opcode, std::string(126, 'p')));  // too long
    cases.push_back(client_frame(kFin | opcode, "p", 1, 2));
    cases.push_back(client_frame(kFin | opcode, "p", 1, 8));
  }
  for (const int reserved : {0x10, 0x20, 0x40})
    cases.push_back(client_frame(kText, "") + client_frame(kFin | reserved, ""));
  cases.push_back(client_frame(0, "x"));  // no message to continue
  cases.push_back(client_frame(kFin, "x"));
  cases.push_back(client_frame(kText, "x") + client_frame(kFin | kText, "x"));
  cases.push_back(client_frame(kText, "x") + client_frame(kBinary, "x"));
  cases.push_back("\x81\x05Hello");  // not masked
  cases.push_back(std::string("\x81\x00", 2));
  cases.push_back("\x89\x01p");
  cases.push_back(std::string("\x81\xFF\x80\x00\x00\x00\x00\x00\x00\x05mask", 14));  // the highest bit of the length
  cases.push_back(std::string("\x81\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFmask", 14));
  for (const std::string& bytes : cases) {
    check(bytes + kAfter, {"failure 1002"});
    check(kAfter + bytes, {kOthers, "failure 1002"});
    check(bytes, {"failure 1002"}, bytes[0] != '\xC1' && bytes[0] != '\xC2');
  }
  // After the end of a fragmented message, a continuation is an error.
  check(client_frame(kText, "x") + client_frame(kFin, "y") + client_frame(kFin, "z"), {"text:xy", "failure 1002"});
}

void two_bytes_are_enough_to_fail(void**) {
  for (const char* bytes : {"\x81\x05", "\x83\x80", "\x09\x80", "\x89\xFE", "\xA1\x80"})
    check(std::string_view(bytes, 2), {"failure 1002"});
}

void too_long(void**) {
  const std::string limit(kLimit, 'x');
  check(client_frame(kFin | kText, limit + "x"), {"failure 1009"});
  // The announced length is checked before the payload arrives.
  check(client_frame(kFin | kBinary, limit + "x").substr(0, 8), {"failure 1009"});
  check(std::string("\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFmask", 14), {"failure 1009"});
  check(client_frame(kText, limit) + client_frame(0, "") + client_frame(kFin | kPing, "p") + client_frame(0, "") +
            client_frame(kFin, "x").substr(0, 6),
        {"ping:p", "failure 1009"});
  check(client_frame(kText, limit.substr(1)) + client_frame(kFin, "x") + kAfter, {"text:" + limit, kOthers});
  // The limit applies to each message separately.
  check(client_frame(kText, limit.substr(1)) + client_frame(kFin, "x") + client_frame(kFin | kText, limit),
        {"text:" + limit, "text:" + limit});
}

void text_that_is_not_utf8(void**) {
  for (const char* text : {"\xFF", "\xC3", "Hello\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "12345678\xE2\x82"}) {
    check(client_frame(kFin | kText, text) + kAfter, {"failure 1007"});
    check(client_frame(kText, text) + client_frame(kFin, "") + kAfter, {"failure 1007"});
    check(client_frame(kFin | kBinary, text), {"binary:" + std::string(text)});
  }
  check(client_frame(kText, "\xE2\x82") + client_frame(kFin, "x"), {"failure 1007"});
}

void text_fails_as_soon_as_it_is_wrong(void**) {
  // Autobahn 6.4: fails before the rest of the frame and the message arrives.
  const std::string text =
      "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xF4\x90\x80\x80"
      "edited";
  const std::string frame = client_frame(kFin | kText, text);
  check(frame.substr(0, 6 + 12), {});
  check(frame.substr(0, 6 + 13), {"failure 1007"});
  check(client_frame(kText, text.substr(0, 12)), {});
  check(client_frame(kText, text.substr(0, 12)) + client_frame(0, text.substr(12, 1)), {"failure 1007"});
  ClientDeflater deflater;
  check(client_frame(kRsv1 | kText, deflater.message(text)), {"failure 1007"}, true);
}

void compressed_messages(void**) {
  std::string text;
  while (text.size() < 900) text += "caf\xC3\xA9 " + std::to_string(text.size()) + " ";
  for (const bool no_context : {false, true}) {
    std::string bytes;
    Lines expected;
    ClientDeflater with_context;
    for (int i = 0; i < 3; ++i) {
      ClientDeflater fresh;
      const std::string payload = (no_context ? fresh : with_context).message(text);
      assert_true(payload.size() < text.size());
      bytes += client_frame(kFin | kRsv1 | kText, payload);
      bytes += client_frame(kFin | kText, "not compressed") + client_frame(kFin | kPing, "p");
      expected.insert(expected.end(), {"text:" + text, "text:not compressed", "ping:p"});
    }
    check(bytes, expected, true, no_context);
  }
  // RFC 7692 section 7.2.3.1, 7.2.3.3, 7.2.3.4 and 7.2.3.5; an empty one, section 7.2.3.6.
  check(client_frame(kFin | kRsv1 | kText, std::string("\xF2\x48\xCD\xC9\xC9\x07\x00", 7)), {"text:Hello"}, true);
  check(client_frame(kRsv1 | kText, "\xF2\x48\xCD") + client_frame(kFin, std::string("\xC9\xC9\x07\x00", 4)),
        {"text:Hello"}, true);
  check(client_frame(kFin | kRsv1 | kText, std::string("\x00\x05\x00\xFA\xFFHello\x00", 11)), {"text:Hello"}, true);
  check(client_frame(kFin | kRsv1 | kText, std::string("\xF3\x48\xCD\xC9\xC9\x07\x00\x00", 8)) +
            client_frame(kFin | kRsv1 | kText, std::string("\xF2\x48\xCD\xC9\xC9\x07\x00", 7)),
        {"text:Hello", "text:Hello"}, true);
  check(client_frame(kFin | kRsv1 | kText, std::string("\xF2\x48\x05\x00\x00\x00\xFF\xFF\xCA\xC9\xC9\x07\x00", 13)),
        {"text:Hello"}, true);
  check(client_frame(kFin | kRsv1 | kText, std::string("\x00", 1)) + kAfter, {"text:", kOthers}, true);
  check(client_frame(kFin | kRsv1 | kBinary, ""), {"binary:"}, true);
}

void compressed_fragments(void**) {
  ClientDeflater deflater;
  const std::string text(800, 'x');
  for (int i = 0; i < 2; ++i) {
    const std::string payload = ClientDeflater().message(text);
    std::string bytes = client_frame(kRsv1 | kText, "") + client_frame(0, payload.substr(0, 3)) +
                        client_frame(kFin | kPing, "p") + client_frame(0, payload.substr(3)) + client_frame(kFin, "");
    check(bytes + kAfter, {"ping:p", "text:" + text, kOthers}, true);
  }
  check(client_frame(kRsv1 | kText, "") + client_frame(kFin | kRsv1, ""), {"failure 1002"}, true);
  check(client_frame(kFin | kRsv1 | kPing, ""), {"failure 1002"}, true);
  check(client_frame(kFin | kRsv1 | kClose, ""), {"failure 1002"}, true);
}

void compressed_faults(void**) {
  // The limit applies to the output, independent of the input.
  const std::string bomb = ClientDeflater().message(std::string(1'000'000, 'x'));
  check(client_frame(kFin | kRsv1 | kBinary, bomb.substr(0, 500)), {"failure 1009"}, true);
  const std::string limit(kLimit, 'x');
  check(client_frame(kFin | kRsv1 | kText, ClientDeflater().message(limit)) + kAfter, {"text:" + limit, kOthers}, true);
  check(client_frame(kFin | kRsv1 | kText, ClientDeflater().message(limit + "x")), {"failure 1009"}, true);
  check(client_frame(kFin | kRsv1 | kBinary, "\xFF\xFF\xFF\xFF"), {"failure 1007"}, true);
  check(client_frame(kFin | kRsv1 | kText, ClientDeflater().message("ab\xFF")), {"failure 1007"}, true);
  check(client_frame(kFin | kRsv1 | kText, ClientDeflater().message("ab\xE2\x82")), {"failure 1007"}, true);
  // A message that refers to an earlier one, from a client that agreed not to do so.
  ClientDeflater deflater;
  const std::string first = deflater.message("a text that comes again and again");
  const std::string second = deflater.message("a text that comes again and again");
  check(client_frame(kFin | kRsv1 | kText, first) + client_frame(kFin | kRsv1 | kText, second),
        {"text:a text that comes again and again", "failure 1007"}, true, true);
}

void every_window_is_taken(void**) {
  std::string text;
  while (text.size() < 900) text += std::to_string(text.size() * text.size());
  for (int bits = 9; bits <= 15; ++bits) {
    ClientDeflater deflater(bits);
    std::string bytes;
    Lines expected;
    for (int i = 0; i < 100; ++i) {
      bytes += client_frame(kFin | kRsv1 | kText, deflater.message(text));
      expected.push_back("text:" + text);
    }
    check(bytes, expected, true);
  }
}

void a_whole_message_is_not_copied(void**) {
  const std::string bytes = client_frame(kFin | kText, "one") + client_frame(kFin | kPing, "two") +
                            client_frame(kText, "") + client_frame(kFin, "three") +
                            client_frame(kFin | kClose, close_body(1000, "four"));
  std::vector<char> received(bytes.begin(), bytes.end());
  std::span<char> input(received);
  MessageReader reader(kLimit);
  for (const std::string_view expected : {"one", "two", "three", "four"}) {
    const MessageReader::Event event = reader.next(input);
    assert_true(event.bytes == expected);
    assert_true(event.bytes.data() > received.data() && event.bytes.data() < received.data() + received.size());
  }
}

void buffers_go_with_their_message(void**) {
  const std::string text(20'000, 'x');
  for (const bool deflate : {false, true}) {
    MessageReader reader(100'000);
    if (deflate) reader.allow_deflate(true);
    const std::string first = deflate ? client_frame(kRsv1 | kText, ClientDeflater().message(text))
                                      : client_frame(kText, std::string_view(text).substr(0, 15'000));
    const std::string second =
        deflate ? client_frame(kFin, std::string("\0", 1)) : client_frame(kFin, std::string_view(text).substr(15'000));
    Lines lines;
    const std::size_t before = live_allocations;
    feed(reader, first, lines);
    assert_true(live_allocations > before);
    feed(reader, client_frame(kFin | kPing, "p").substr(0, 7), lines);
    feed(reader, second, lines);
    assert_int_equal(lines.size(), 2);
    lines = Lines();
    assert_int_equal(live_allocations, before);
  }
}

void the_end_gives_everything_back(void**) {
  for (const char* end : {"\x88\x80mask", "\x83\x80mask"}) {
    MessageReader reader(100'000);
    reader.allow_deflate(false);
    Lines lines;
    const std::size_t before = live_allocations;
    feed(reader, client_frame(kFin | kRsv1 | kText, ClientDeflater().message(std::string(20'000, 'x'))), lines);
    feed(reader, client_frame(kText, std::string(15'000, 'x')), lines);
    feed(reader, std::string_view(end, 6), lines);
    assert_int_equal(lines.size(), 2);
    lines = Lines();
    assert_int_equal(live_allocations, before);
  }
}

void empty_input_changes_nothing(void**) {
  const std::string bytes = client_frame(kText, "Hel") + client_frame(kFin | kPing, "p") + client_frame(kFin, "lo");
  MessageReader reader(kLimit);
  Lines lines;
  for (const char byte : bytes) {
    std::span<char> nothing;
    assert_true(reader.next(nothing).kind == Kind::more);
    feed(reader, {&byte, 1}, lines);
  }
  assert_int_equal(lines.size(), 2);
  assert_string_equal(lines[0].c_str(), "ping:p");
  assert_string_equal(lines[1].c_str(), "text:Hello");
}

void it_is_small(void**) { assert_true(sizeof(MessageReader) <= 96); }

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(messages),
      cmocka_unit_test(lengths_longer_than_needed),
      cmocka_unit_test(fragments),
      cmocka_unit_test(control_frames),
      cmocka_unit_test(closes),
      cmocka_unit_test(nothing_comes_behind_the_end),
      cmocka_unit_test(protocol_errors),
      cmocka_unit_test(two_bytes_are_enough_to_fail),
      cmocka_unit_test(too_long),
      cmocka_unit_test(text_that_is_not_utf8),
      cmocka_unit_test(text_fails_as_soon_as_it_is_wrong),
      cmocka_unit_test(compressed_messages),
      cmocka_unit_test(compressed_fragments),
      cmocka_unit_test(compressed_faults),
      cmocka_unit_test(every_window_is_taken),
      cmocka_unit_test(a_whole_message_is_not_copied),
      cmocka_unit_test(buffers_go_with_their_message),
      cmocka_unit_test(the_end_gives_everything_back),
      cmocka_unit_test(empty_input_changes_nothing),
      cmocka_unit_test(it_is_small),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
