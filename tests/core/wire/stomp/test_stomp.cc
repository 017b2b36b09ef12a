// STOMP's bytes: frames in each version, whole and cut anywhere, and what is agreed on in CONNECT. The sentences of the
// specification that are quoted are those of version 1.2 with a MUST in them, as far as they concern bytes.
#include "wire/stomp/stomp_destination.h"
#include "wire/stomp/stomp_frame.h"
#include "wire/stomp/stomp_negotiation.h"
#include "wire/stomp/stomp_parser.h"

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <string_view>

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::wire;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

using Version = std::optional<StompVersion>;
constexpr Version k1_0 = StompVersion::v1_0;
constexpr Version k1_1 = StompVersion::v1_1;
constexpr Version k1_2 = StompVersion::v1_2;

void expect(std::string_view got, std::string_view wanted) {
  if (got != wanted)
    print_error("got    %.*s\nwanted %.*s\n", int(got.size()), got.data(), int(wanted.size()), wanted.data());
  assert_true(got == wanted);
}

// SEND{name=value,...}body, with <NUL>, <LF> and <CR> as they are called.
std::string describe(const StompFrame& frame) {
  std::string text(name_of(frame.command));
  text += '{';
  for (const Pair& header : frame.headers) text += header.name + "=" + header.value + ",";
  if (text.back() == ',') text.pop_back();
  text += '}' + frame.body;
  std::string shown;
  for (const char c : text) shown += c == '\0' ? "<NUL>" : c == '\n' ? "<LF>" : c == '\r' ? "<CR>" : std::string(1, c);
  return shown;
}

// All frames, and the fault. `piece`: how many bytes to give at a time.
std::string read_in_pieces(std::string_view stream, Version version, std::size_t piece, const StompLimits& limits) {
  StompParser parser(limits);
  if (version) parser.set_version(*version);
  std::string all;
  for (std::size_t at = 0; at < stream.size() && !parser.fault(); at += piece) {
    std::string_view bytes = stream.substr(at, piece);
    for (StompFrame frame; parser.read(bytes, frame);) all += describe(frame) + " ";
    assert_true(bytes.empty() || parser.fault());
  }
  if (parser.fault()) all += "fault: " + std::string(text_of(*parser.fault()));
  if (!parser.fault() && parser.in_frame()) all += "...";
  while (all.ends_with(' ')) all.pop_back();
  return all;
}

std::string read(std::string_view stream, Version version = k1_2, const StompLimits& limits = {}) {
  const std::string whole = read_in_pieces(stream, version, stream.size() + 1, limits);
  for (const std::size_t piece : {1, 2, 3, 7}) expect(read_in_pieces(stream, version, piece, limits), whole);
  return whole;
}

std::string header(std::string_view name, std::string_view value, StompVersion version,
                   StompCommand command = StompCommand::message) {
  std::string out;
  append_stomp_header(out, version, command, name, value);
  return out;
}

void reads_frames(void**) {
  expect(read("SEND\ndestination:/queue/a\ncontent-type:text/plain\n\nhello queue a\0"sv),
         "SEND{destination=/queue/a,content-type=text/plain}hello queue a");
  expect(read("BEGIN\ntransaction:tx1\n\n\0"sv), "BEGIN{transaction=tx1}");
  expect(read("DISCONNECT\n\n\0"sv), "DISCONNECT{}");
  expect(read("SEND\na:\n\n\0"sv), "SEND{a=}");
  expect(read("SEND\na:b:c\n\n\0"sv), "SEND{a=b:c}");  // lenient: the value should be escaped
  expect(read("SEND\n\n\n\n\0"sv), "SEND{}<LF><LF>");
  expect(read(""), "");
  expect(read("SEND\na:b\n\nhalf"), "...");
  expect(read("SE"), "...");
  for (int i = 0; i <= static_cast<int>(StompCommand::error); ++i) {
    const auto command = static_cast<StompCommand>(i);
    expect(read(std::string(name_of(command)) + "\n\n\0"s), std::string(name_of(command)) + "{}");
  }
}

void reads_frames_behind_each_other(void**) {
  expect(read("SEND\na:1\n\nx\0SEND\na:2\n\n\0\n\nACK\nid:3\n\n\0"sv), "SEND{a=1}x SEND{a=2} ACK{id=3}");
}

void end_of_lines_between_frames_are_heart_beats(void**) {
  for (const Version version : {k1_0, k1_1, k1_2, Version()}) {
    expect(read("\n", version), "");
    expect(read("\n\n\nBEGIN\n\n\0\n\nABORT\n\n\0\n"sv, version), "BEGIN{} ABORT{}");
  }
  expect(read("\r\n\r\nABORT\n\n\0\r\n"sv, k1_2), "ABORT{}");
}

// "consists of an OPTIONAL carriage return (octet 13) followed by a REQUIRED line feed (octet 10)": new in version 1.2.
void lines_may_end_in_cr_lf_from_1_2_on(void**) {
  expect(read("SEND\r\na:1\r\nb:2\n\r\nx\r\n\0"sv, k1_2), "SEND{a=1,b=2}x<CR><LF>");
  expect(read("CONNECT\r\naccept-version:1.2\r\n\r\n\0"sv, Version()), "CONNECT{accept-version=1.2}");
  expect(read("SEND\r\n\r\n\0"sv, k1_1), "fault: unknown command");
  expect(read("SEND\na:1\r\n\n\0"sv, k1_1), "SEND{a=1<CR>}");
  expect(read("SEND\na:1\r2\n\n\0"sv, k1_2), "fault: malformed header");
}

// "When decoding frame headers, the following transformations MUST be applied."
void unescapes_headers(void**) {
  expect(read("SEND\na\\cb:x\\ny\\\\z\\r\\c\n\n\0"sv, k1_2), "SEND{a:b=x<LF>y\\z<CR>:}");
  expect(read("SEND\na\\cb:x\\ny\\\\z\\c\n\n\0"sv, k1_1), "SEND{a:b=x<LF>y\\z:}");
  expect(read("SEND\na\\cb:x\\ny\\t\\\n\n\0"sv, k1_0), "SEND{a\\cb=x\\ny\\t\\}");
}

// "Undefined escape sequences such as \t (octet 92 and 116) MUST be treated as a fatal protocol error."
void undefined_escapes_are_faults(void**) {
  for (const char* value : {"\\t", "\\", "x\\", "\\N", "\\ ", "\\\\\\"}) {
    const std::string frame = "SEND\na:" + std::string(value) + "\n\n" + '\0';
    expect(read(frame, k1_2), "fault: undefined escape sequence in a header");
    expect(read(frame, k1_1), "fault: undefined escape sequence in a header");
  }
  expect(read("SEND\n\\x:1\n\n\0"sv), "fault: undefined escape sequence in a header");
  expect(read("SEND\na:\\r\n\n\0"sv, k1_1), "fault: undefined escape sequence in a header");  // of 1.2 only
}

// "The CONNECT and CONNECTED frames do not escape."
void connect_has_no_escapes(void**) {
  for (const Version version : {Version(), k1_0, k1_1, k1_2}) {
    expect(read("CONNECT\npasscode:a\\c\\t\n\n\0"sv, version), "CONNECT{passcode=a\\c\\t}");
  }
  expect(header("session", "a\\b:c", StompVersion::v1_2, StompCommand::connected), "session:a\\b:c\n");
}

// "Conversely when encoding frame headers, the reverse transformation MUST be applied."
void escapes_headers(void**) {
  expect(header("a:b", "x\ny\\z\r:", StompVersion::v1_2), "a\\cb:x\\ny\\\\z\\r\\c\n");
  expect(header("a:b", "x\ny\\z:", StompVersion::v1_1), "a\\cb:x\\ny\\\\z\\c\n");
}

// What a version cannot say is not sent: a line's end in a value would begin a header of its own.
void headers_cannot_be_smuggled(void**) {
  expect(header("a:b", "x\ny\r:\\", StompVersion::v1_0), "a b:x y :\\\n");
  expect(header("a", "x\ny", StompVersion::v1_2, StompCommand::connected), "a:x y\n");
  expect(header("a", "x\ry", StompVersion::v1_1), "a:x y\n");
  for (const StompVersion version : {StompVersion::v1_0, StompVersion::v1_1, StompVersion::v1_2})
    expect(header("a\0"sv, "x\0y"sv, version), "a :x y\n");
}

// "In STOMP 1.2, clients and servers MUST never trim or pad headers with spaces."
void spaces_are_kept(void**) {
  expect(read("SEND\n a : b \n\n\0"sv, k1_2), "SEND{ a = b }");
  expect(read("SEND\n a : b \n\n\0"sv, k1_1), "SEND{ a = b }");
  expect(header(" a ", " b ", StompVersion::v1_2), " a : b \n");
  expect(header(" a ", " b ", StompVersion::v1_0), " a : b \n");
  expect(read("SUBSCRIBE\ndestination: /queue/foo\nack: client \n\n\0"sv, k1_0),
         "SUBSCRIBE{destination=/queue/foo,ack=client}");
}

// "All other frames MUST NOT have a body."
void bodies_are_for_three_commands(void**) {
  for (const Version version : {k1_1, k1_2}) {
    expect(read("SUBSCRIBE\nid:0\n\nx\0"sv, version), "fault: this frame must not have a body");
    expect(read("SUBSCRIBE\ncontent-length:1\n\nx\0"sv, version), "fault: this frame must not have a body");
    expect(read("SUBSCRIBE\ncontent-length:0\n\n\0"sv, version), "SUBSCRIBE{content-length=0}");
    for (const std::string command : {"SEND", "MESSAGE", "ERROR"})
      expect(read(command + "\n\nx" + '\0', version), command + "{}x");
  }
  // Version 1.0: "The body of the SUBSCRIBE command is ignored."
  expect(read("SUBSCRIBE\nid:0\n\nx\0ABORT\n\n\0"sv, k1_0), "SUBSCRIBE{id=0} ABORT{}");
  expect(read("CONNECT\n\n\n\0"sv, Version()), "CONNECT{}");
}

// "this number of octets MUST be read, regardless of whether or not there are NULL octets in the body"
void a_length_counts_nuls(void**) {
  expect(read("SEND\ncontent-length:5\n\na\0b\0c\0ABORT\n\n\0"sv), "SEND{content-length=5}a<NUL>b<NUL>c ABORT{}");
  expect(read("SEND\ncontent-length:0\n\n\0"sv), "SEND{content-length=0}");
  expect(read("SEND\ncontent-length:2\n\na\0\0"sv), "SEND{content-length=2}a<NUL>");
  expect(read("SEND\ncontent-length:1\n\nab\0"sv), "fault: no NUL behind the body");
  expect(read("SEND\ncontent-length:3\n\nab\0"sv), "...");
  expect(read("SEND\ncontent-length:1\ncontent-length:9\n\na\0"sv), "SEND{content-length=1,content-length=9}a");
}

void lengths_are_digits(void**) {
  for (const std::string length : {"", " 1", "1 ", "+1", "-1", "0x1", "1.0", "a"})
    expect(read("SEND\ncontent-length:" + length + "\n\na" + '\0'), "fault: malformed content-length");
  expect(read("SEND\ncontent-length: 1\n\na\0"sv, k1_0), "SEND{content-length=1}a");
  expect(read("CONNECT\ncontent-length: 0\n\n\0"sv, Version()), "CONNECT{content-length= 0}");
  expect(read("SEND\ncontent-length:99999999999999999999999\n\na\0"sv), "fault: the body is too large");
}

// "If the frame body contains NULL octets, the frame MUST include a content-length header."
void bodies_have_lengths(void**) {
  for (const StompVersion version : {StompVersion::v1_0, StompVersion::v1_1, StompVersion::v1_2}) {
    const std::string bytes = encode_stomp({StompCommand::message, {{"a", "1"}}, "x\0y"s}, version);
    expect(bytes, "MESSAGE\na:1\ncontent-length:3\n\nx\0y\0"sv);
    expect(read(bytes, version), "MESSAGE{a=1,content-length=3}x<NUL>y");
  }
  expect(encode_stomp({StompCommand::receipt, {{"receipt-id", "77"}}, {}}, StompVersion::v1_2),
         "RECEIPT\nreceipt-id:77\n\n\0"sv);
  // One that a client made up does not count.
  expect(encode_stomp({StompCommand::message, {{"content-length", "9"}}, "x"}, StompVersion::v1_2),
         "MESSAGE\ncontent-length:1\n\nx\0"sv);
}

// "All STOMP clients and servers MUST support UTF-8 encoding and decoding."
void headers_are_utf8(void**) {
  expect(read("SEND\n방:한글 😀\n\n\xff\0"sv), "SEND{방=한글 😀}\xff");
  expect(header("방", "한글 😀", StompVersion::v1_2), "방:한글 😀\n");
  expect(read("SEND\na:\xff\n\n\0"sv), "fault: a header is not UTF-8");
  expect(read("SEND\n\xed\xa0\x80:a\n\n\0"sv), "fault: a header is not UTF-8");
}

// "only the first header entry SHOULD be used as the value of header entry"
void the_first_of_repeated_headers_counts(void**) {
  StompParser parser;
  StompFrame frame;
  std::string_view bytes = "MESSAGE\nfoo:World\nfoo:Hello\n\n\0"sv;
  assert_true(parser.read(bytes, frame));
  expect(*frame.header("foo"), "World");
  assert_int_equal(frame.headers.size(), 2);
  assert_null(frame.header("Foo"));
}

void malformed_frames_are_faults(void**) {
  for (const std::string_view frame : {"send\n\n\0"sv, "GET / HTTP/1.1\r\n"sv, "SEND \n\n\0"sv, "SEND\0"sv,
                                       " SEND\n\n\0"sv, "\0"sv, "SENDX\n"sv, "\xff\xfe\n"sv}) {
    expect(read(frame), "fault: unknown command");
  }
  for (const std::string_view frame : {"SEND\nx\n\n\0"sv, "SEND\n:x\n\n\0"sv, "SEND\na:b\0"sv, "SEND\na\0:b\n\n\0"sv})
    expect(read(frame), "fault: malformed header");
  expect(read("SEND\n :x\n\n\0"sv, k1_0), "fault: malformed header");
}

// The specification's own example of DISCONNECT has no blank line.
void the_blank_line_may_be_missing(void**) {
  expect(read("DISCONNECT\nreceipt:77\n\0ABORT\n\0"sv), "DISCONNECT{receipt=77} ABORT{}");
}

void limits_are_kept(void**) {
  const auto limited = [](std::string_view frame, auto set) {
    StompLimits limits;
    set(limits);
    return read(frame, k1_2, limits);
  };
  const auto headers = [](StompLimits& limits) { limits.max_headers = 2; };
  expect(limited("SEND\na:1\nb:2\n\n\0"sv, headers), "SEND{a=1,b=2}");
  expect(limited("SEND\na:1\nb:2\nc:3\n\n\0"sv, headers), "fault: too many headers");
  const auto line = [](StompLimits& limits) { limits.max_line_bytes = 6; };
  expect(limited("SEND\na:3456\n\n\0"sv, line), "SEND{a=3456}");
  expect(limited("SEND\na:34567\n\n\0"sv, line), "fault: a line is too long");
  expect(limited("SUBSCRI", line), "fault: a line is too long");
  expect(limited("SEND\na:34567\0"sv, line), "fault: a line is too long");  // also when a later fault is in sight
  expect(limited("SEND\na:3456\0"sv, line), "fault: malformed header");
  const auto all = [](StompLimits& limits) { limits.max_headers_bytes = 6; };
  expect(limited("SEND\na:1\nb:2\n\n\0SEND\na:1\nb:2\n\n\0"sv, all), "SEND{a=1,b=2} SEND{a=1,b=2}");
  expect(limited("SEND\na:1\nb:23\n\n\0"sv, all), "fault: the headers are too large");
  const auto body = [](StompLimits& limits) { limits.max_body_bytes = 3; };
  expect(limited("SEND\n\nabc\0"sv, body), "SEND{}abc");
  expect(limited("SEND\n\nabcd\0"sv, body), "fault: the body is too large");
  expect(limited("SEND\ncontent-length:3\n\nabc\0"sv, body), "SEND{content-length=3}abc");
  expect(limited("SEND\ncontent-length:4\n\n"sv, body), "fault: the body is too large");  // before it is there
}

void a_fault_knows_the_receipt(void**) {
  StompParser parser;
  parser.set_version(StompVersion::v1_2);
  StompFrame frame;
  std::string_view bytes = "SEND\nreceipt:r1\nx\n\n\0SEND\n\n\0"sv;
  assert_false(parser.read(bytes, frame));
  expect(parser.receipt_at_fault().value(), "r1");
  bytes = "SEND\n\n\0"sv;
  assert_false(parser.read(bytes, frame));
  assert_true(parser.fault() == StompFault::malformed_header);
}

// Whatever a server writes a client reads, in each version, cut anywhere.
void what_is_written_is_read(void**) {
  std::mt19937 random(1);
  const auto below = [&](unsigned bound) { return std::uniform_int_distribution<unsigned>(0, bound - 1)(random); };
  constexpr std::string_view kOctets = "a:\\\n \xc3";
  const auto text = [&](bool cr) {
    std::string made;
    for (unsigned i = 0, count = below(6); i < count; ++i) {
      const char octet = kOctets[below(kOctets.size())];
      made += octet == '\xc3' ? cr ? "\r" : "é" : std::string(1, octet);
    }
    return made;
  };
  for (int round = 0; round < 3'000; ++round) {
    const StompVersion version = round % 2 == 0 ? StompVersion::v1_2 : StompVersion::v1_1;
    StompFrame frame;
    frame.command = StompCommand::message;
    for (unsigned i = 0, count = below(4); i < count; ++i)
      frame.headers.push_back({"n" + text(version == StompVersion::v1_2), text(version == StompVersion::v1_2)});
    for (unsigned i = 0, count = below(10); i < count; ++i) frame.body += static_cast<char>(below(3));
    const std::string bytes = encode_stomp(frame, version);
    StompParser parser;
    parser.set_version(version);
    StompFrame read;
    for (std::string_view rest = bytes; !rest.empty();) {
      std::string_view piece = rest.substr(0, 1 + below(5));
      rest.remove_prefix(piece.size());
      assert_true(parser.read(piece, read) == rest.empty());
    }
    std::erase_if(read.headers, [](const Pair& header) { return header.name == "content-length"; });
    assert_true(read.headers == frame.headers && read.body == frame.body);
  }
}

// "The MESSAGE frame MUST include a destination header", "a message-id header" and "a subscription header"; with an `ack` header
// when the subscription needs acknowledgements.
void a_message_has_a_part_of_its_own_and_a_shared_one(void**) {
  const std::string id = "sub:0";
  const Pairs headers{
      {"destination", "/topic/방"}, {"message-id", "e-1"}, {"content-type", "text/plain"}, {"my\n", ":x"}};
  const std::string tail = stomp_message_tail(StompVersion::v1_2, headers, "hello\0"sv);
  expect(stomp_message_head(StompVersion::v1_2, &id) + tail,
         "MESSAGE\nsubscription:sub\\c0\ndestination:/topic/방\nmessage-id:e-1\ncontent-type:text/plain\nmy\\n:\\cx\n"
         "content-length:6\n\nhello\0\0"sv);
  expect(stomp_message_head(StompVersion::v1_2, &id, "7") + tail,
         "MESSAGE\nsubscription:sub\\c0\nack:7\ndestination:/topic/방\nmessage-id:e-1\ncontent-type:text/"
         "plain\nmy\\n:\\cx\n"
         "content-length:6\n\nhello\0\0"sv);
  expect(stomp_message_head(StompVersion::v1_0, nullptr), "MESSAGE\n");
  expect(stomp_message_tail(StompVersion::v1_0, {}, {}), "\n\0"sv);
}

// "The protocol that will be used for the rest of the session will be the highest protocol version that both the client and
// server have in common."
void negotiates_versions(void**) {
  const auto negotiate = [](const std::string& accepted) { return negotiate_stomp_version(&accepted); };
  assert_true(negotiate_stomp_version(nullptr) == k1_0);
  assert_true(negotiate("1.0") == k1_0);
  assert_true(negotiate("1.0,1.1,2.0") == k1_1);
  assert_true(negotiate("1.2") == k1_2);
  assert_true(negotiate("1.2,1.1,1.0") == k1_2);
  assert_true(negotiate("1.0, 1.1 ,1.2") == k1_2);
  for (const char* none : {"", "2.0", "1", "1.20", "v1.2", ","}) assert_false(negotiate(none).has_value());
  expect(stomp_subprotocol(StompVersion::v1_1), "v11.stomp");
  assert_true(find_stomp_subprotocol("v10.stomp") == k1_0);
  assert_true(find_stomp_subprotocol("v12.stomp") == k1_2);
  assert_false(find_stomp_subprotocol("v13.stomp").has_value());
}

// "When used, the heart-beat header MUST contain two positive integers separated by a comma." "A missing heart-beat header MUST be
// treated the same way as a heart-beat:0,0 header."
void reads_heart_beats(void**) {
  const auto read_header = [](const std::string& text) -> std::string {
    const auto parsed = parse_stomp_heart_beat(&text);
    return parsed ? encode_stomp_heart_beat(*parsed) : "malformed";
  };
  expect(encode_stomp_heart_beat(parse_stomp_heart_beat(nullptr).value()), "0,0");
  expect(read_header("0,0"), "0,0");
  expect(read_header("10000,4000"), "10000,4000");
  expect(read_header("10000, 4000"), "10000,4000");
  expect(read_header("99999999999999999999,1"), "2147483647,1");
  for (const char* text : {"", ",", "1", "1,", ",1", "-1,0", "1,2,3", "a,b", "1.5,2", "0x1,2", "1;2"})
    expect(read_header(text), "malformed");
}

void negotiates_heart_beats(void**) {
  const auto negotiate = [](StompHeartBeat client, StompHeartBeat server) {
    const StompHeartBeats agreed = negotiate_stomp_heart_beats(client, server);
    return std::to_string(agreed.to_client_ms) + " " + std::to_string(agreed.from_client_ms);
  };
  expect(negotiate({0, 0}, {10, 20}), "0 0");
  expect(negotiate({5, 7}, {0, 0}), "0 0");
  expect(negotiate({5, 7}, {10, 20}), "10 20");
  expect(negotiate({50, 70}, {10, 20}), "70 50");
  expect(negotiate({0, 70}, {10, 20}), "70 0");
  expect(negotiate({50, 0}, {10, 20}), "0 50");
}

void destinations_have_kinds(void**) {
  const StompPrefixes prefixes;
  const auto parse = [&](std::string_view text) -> std::string {
    const auto destination = parse_stomp_destination(prefixes, text);
    if (!destination) return "none";
    expect(encode_stomp_destination(prefixes, *destination), text);
    return std::to_string(static_cast<int>(destination->kind)) + " " + destination->name;
  };
  expect(parse("/topic/lobby"), "0 lobby");
  expect(parse("/topic/방 하나"), "0 방 하나");
  expect(parse("/topic/a/b"), "0 a/b");  // no room's name, which is for others to say
  expect(parse("/app/chat message"), "1 chat message");
  expect(parse("/user/queue/errors"), "2 errors");
  for (const char* text :
       {"", "/", "/topic", "/topic/", "/app/", "/user/queue/", "/user/bob/queue/x", "/queue/a", "topic/a"})
    expect(parse(text), "none");
  assert_true(parse_stomp_destination(prefixes, "/user/queue/errors")->is_error_queue());
  assert_false(parse_stomp_destination(prefixes, "/topic/errors")->is_error_queue());
  const StompPrefixes others{"/exchange/rooms/", "/exchange/events/", "/me/"};
  assert_true(parse_stomp_destination(others, "/me/x")->kind == StompDestinationKind::user_queue);
  assert_false(parse_stomp_destination(others, "/topic/x").has_value());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(reads_frames),
      cmocka_unit_test(reads_frames_behind_each_other),
      cmocka_unit_test(end_of_lines_between_frames_are_heart_beats),
      cmocka_unit_test(lines_may_end_in_cr_lf_from_1_2_on),
      cmocka_unit_test(unescapes_headers),
      cmocka_unit_test(undefined_escapes_are_faults),
      cmocka_unit_test(connect_has_no_escapes),
      cmocka_unit_test(escapes_headers),
      cmocka_unit_test(headers_cannot_be_smuggled),
      cmocka_unit_test(spaces_are_kept),
      cmocka_unit_test(bodies_are_for_three_commands),
      cmocka_unit_test(a_length_counts_nuls),
      cmocka_unit_test(lengths_are_digits),
      cmocka_unit_test(bodies_have_lengths),
      cmocka_unit_test(headers_are_utf8),
      cmocka_unit_test(the_first_of_repeated_headers_counts),
      cmocka_unit_test(malformed_frames_are_faults),
      cmocka_unit_test(the_blank_line_may_be_missing),
      cmocka_unit_test(limits_are_kept),
      cmocka_unit_test(a_fault_knows_the_receipt),
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(a_message_has_a_part_of_its_own_and_a_shared_one),
      cmocka_unit_test(negotiates_versions),
      cmocka_unit_test(reads_heart_beats),
      cmocka_unit_test(negotiates_heart_beats),
      cmocka_unit_test(destinations_have_kinds),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
