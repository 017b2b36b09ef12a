// The JSON functions of all codecs: accepted and rejected input, and raw bytes.
#include "wire/json/json.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "model/message.h"
#include "model/utf8.h"
#include "wire/payload.h"

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

std::string repeat(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

// Read from memory of exactly its size, so a sanitizer detects reads past the end.
Status check_exact(const std::string& text, std::size_t max_depth = json::kMaxDepth) {
  const std::unique_ptr<char[]> bytes(new char[text.size()]);
  text.copy(bytes.get(), text.size());
  return json::check({bytes.get(), text.size()}, max_depth);
}

void expect_accepted(const std::string& text) {
  const Status status = check_exact(text);
  if (!status.ok()) fail_msg("refused: %s: %s", text.c_str(), status.detail.c_str());
}

void expect_refused(const std::string& text, Error code = Error::invalid_json) {
  const Status status = check_exact(text);
  if (status.ok()) fail_msg("accepted: %s", text.c_str());
  assert_int_equal(status.code, code);
  assert_false(status.detail.empty());
}

const char* const kAccepted[] = {
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "1234567890",
    "0.5",
    "-0.0",
    "1.0",
    "0e1",
    "0E+1",
    "0e-1",
    "1e1",
    "1E400",
    "-1e-400",
    "1.5e+10",
    "123e65",
    "20e1",
    "[]",
    "{}",
    " [ ] ",
    "\t{\n}\r",
    "[1]",
    "[1,2]",
    "[ 1 , 2 ]",
    "[[],[[]],{}]",
    "[null,true,false,0,\"\",[],{}]",
    "{\"a\":1}",
    "{\"a\":1,\"a\":2}",
    "{\"\":0}",
    "{ \"a\" : { \"b\" : [ ] } , \"c\" : null }",
    "\"\"",
    "\" \"",
    "\"a\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0000\"",
    "\"\\u0041\"",
    "\"\\uABCD\"",
    "\"\\uabcd\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\uDC00\\uD800\"",
    "\"\\ud800\\u0041\"",
    "\"\x7F\"",
    "\"\xC2\x80\"",
    "\"\xE2\x80\xA8\"",
    "\"\xF0\x9F\x98\x80\"",
    "\"\xF4\x8F\xBF\xBF\"",
    "\"\xEF\xBF\xBF\"",
    "\"/*\"",
    "\"'\"",
    "\"\\\\\"",
    "[\"\\\\\",\"\\\"\"]",
    "123456789012345678901234567890123456789012345678901234567890",
    "{\"\\u0000\":{\"\\ud800\":1}}",
};

const char* const kRefused[] = {
    "",
    " ",
    "nul",
    "nulll",
    "NULL",
    "True",
    "tru",
    "undefined",
    "NaN",
    "-NaN",
    "Infinity",
    "-Infinity",
    "inf",
    "+1",
    "-",
    "--1",
    "- 1",
    "01",
    "-01",
    "00",
    "1.",
    ".5",
    "-.5",
    "1.e1",
    "1e",
    "1e+",
    "1E-",
    "1e1.5",
    "1.2.3",
    "0x10",
    "1_000",
    "1a",
    "1 2",
    "1,",
    ",1",
    ",",
    ":",
    "[",
    "]",
    "{",
    "}",
    "[}",
    "{]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[,]",
    "[1,,2]",
    "[1 2]",
    "[1:2]",
    "[\"a\":1]",
    "[:1]",
    "[1]]",
    "[1]x",
    "[1],",
    "[][]",
    "[[]",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{,}",
    "{,\"a\":1}",
    "{\"a\":1,,\"b\":2}",
    "{\"a\" 1}",
    "{\"a\"::1}",
    "{\"a\":1:2}",
    "{\"a\":1 \"b\":2}",
    "{:1}",
    "{1:1}",
    "{a:1}",
    "{'a':1}",
    "{null:1}",
    "{[]:1}",
    "{\"a\":1}}",
    "{\"a\":1}{",
    "{\"a\",\"b\"}",
    "{\"a\":[}",
    "{\"a\":{]}",
    "[{\"a\":1]",
    "\"",
    "\"a",
    "\"\\\"",
    "\"\\",
    "\"a\\",
    "'a'",
    "\"\\a\"",
    "\"\\x41\"",
    "\"\\0\"",
    "\"\\'\"",
    "\"\\U0041\"",
    "\"\\u\"",
    "\"\\u1\"",
    "\"\\u12\"",
    "\"\\u123\"",
    "\"\\u123",
    "\"\\u123g\"",
    "\"\\u 123\"",
    "\"\\u-123\"",
    "\"\\u00e\"",
    "\"\\ud800\\u\"",
    "\"\t\"",
    "\"\n\"",
    "\"\r\"",
    "\"\x01\"",
    "\"\x1F\"",
    "\"a\"b",
    "\"a\"\"b\"",
    "/**/1",
    "1/**/",
    "1//",
    "#1",
    "(1)",
    "[1;2]",
    "<1>",
    "\v1",
    "\f1",
    "\xEF\xBB\xBF"
    "1",
    "\xC2\xA0"
    "1",
    "1\xE2\x80\xA8",
    "[\xE2\x80\x83]",
    "@",
    "*",
    "a",
    "\\u005b1]",
    "${}",
    "`a`",
};

void accepts(void**) {
  for (const char* text : kAccepted) expect_accepted(text);
  expect_accepted(std::string(100000, ' ') + "1" + std::string(100000, '\n'));
  expect_accepted(std::string(100000, '9') + "." + std::string(100000, '9') + "e" + std::string(100000, '9'));
  expect_accepted('"' + std::string(1000000, 'x') + '"');
  expect_accepted("[" + repeat("[],", 100000) + "[]]");
}

void refuses(void**) {
  for (const char* text : kRefused) expect_refused(text);
  expect_refused(std::string("\0", 1));
  expect_refused(std::string("1\0", 2));
  expect_refused(std::string("\"a\0b\"", 5));
  expect_refused(std::string("[1,\0]", 5));
}

void refuses_what_is_not_utf8(void**) {
  for (const char* text : {"\"\xFF\"", "\"\x80\"", "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"",
                           "\"\xC3\"", "\"\xE2\x82\"", "\xFF", "[1]\xFF"})
    expect_refused(text, Error::invalid_utf8);
}

void inside_of_everything(void**) {
  for (const char* text : kAccepted) {
    expect_accepted(std::string("[") + text + "]");
    expect_accepted(std::string("{\"x\":") + text + "}");
    expect_accepted(std::string("[{\"x\":[0,") + text + " ]} ]");
  }
  for (const char* text : kRefused) {
    expect_refused(std::string("[0,") + text + "]");
    expect_refused(std::string("{\"x\":") + text + "}");
    expect_refused(std::string("[{\"x\":[0,") + text + "]}]");
  }
}

void depth_is_bounded(void**) {
  for (const std::size_t max : {std::size_t{1}, std::size_t{64}, std::size_t{65}, json::TokenReader::kDepthCeiling}) {
    assert_true(check_exact(repeat("[", max) + repeat("]", max), max).ok());
    assert_true(check_exact(repeat("{\"a\":", max) + "1" + repeat("}", max), max).ok());
    assert_true(check_exact(repeat("[", max) + "1" + repeat("]", max), max).ok());
    assert_false(check_exact(repeat("[", max + 1) + repeat("]", max + 1), max).ok());
    assert_false(check_exact(repeat("{\"a\":", max + 1) + "1" + repeat("}", max + 1), max).ok());
  }
  assert_true(check_exact("1", 0).ok());
  assert_false(check_exact("[]", 0).ok());
  // A depth above the ceiling is limited to the ceiling.
  assert_false(check_exact(repeat("[", 1000) + repeat("]", 1000), 1000).ok());
  expect_refused(repeat("[", 1000000));
  expect_refused(repeat("{\"\":", 1000000));
  expect_refused(repeat("[{\"\":", 100000));
}

// Every proper prefix of an object is rejected.
void truncated_at_every_byte(void**) {
  for (const char* text : kAccepted) {
    const std::string object = std::string("{\"x\":[") + text + "]}";
    for (std::size_t size = 0; size < object.size(); ++size) {
      const std::string prefix = object.substr(0, size);
      expect_refused(prefix, is_utf8(prefix) ? Error::invalid_json : Error::invalid_utf8);
    }
  }
}

void every_byte_changed_to_every_other(void**) {
  const std::string original = R"({"a":[1,-2.5e+3,true,null],"b\u00e9":"x\"y","c":{"d":{}}} )";
  for (std::size_t i = 0; i < original.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text = original;
      text[i] = static_cast<char>(byte);
      const bool good = check_exact(text).ok();
      json::MemberReader members(text);
      json::Member member;
      std::size_t bytes = 0;
      while (members.next(member)) {
        bytes += member.name.size() + member.value.size();
        if (good) {
          assert_true(json::check(member.name).ok());
          assert_true(json::check(member.value).ok());
          json::unescape(member.name);
        }
      }
      assert_true(bytes < text.size());
      if (good) assert_true(members.ok());
    }
  }
}

void faults_say_where(void**) {
  assert_string_equal(json::check("[1,]").detail.c_str(), "invalid JSON at byte 3");
  assert_string_equal(json::check("[1").detail.c_str(), "invalid JSON: it ends too early");
  assert_string_equal(json::check("[[]]", 1).detail.c_str(), "JSON is nested deeper than 1");
}

std::vector<std::pair<std::string, std::string>> members_of(std::string_view object) {
  std::vector<std::pair<std::string, std::string>> all;
  json::MemberReader reader(object);
  json::Member member;
  while (reader.next(member)) all.emplace_back(member.name, member.value);
  assert_true(reader.ok());
  return all;
}

std::vector<std::string> elements_of(std::string_view array) {
  std::vector<std::string> all;
  json::ElementReader reader(array);
  std::string_view element;
  while (reader.next(element)) all.emplace_back(element);
  assert_true(reader.ok());
  return all;
}

void members_are_raw(void**) {
  assert_true(members_of("{}").empty());
  assert_true(members_of(" { } ").empty());
  const auto members = members_of(
      " { \"a\" : 1.50 , \"\\u0061\":[ 1, {\"x\":2} ] ,\"b\":{ \"a\":{} } , "
      "\"c\":\"\\u0000\",\"\":null } ");
  assert_int_equal(members.size(), 5);
  assert_true(members[0] == std::make_pair(std::string("\"a\""), std::string("1.50")));
  assert_true(members[1] == std::make_pair(std::string("\"\\u0061\""), std::string("[ 1, {\"x\":2} ]")));
  assert_true(members[2] == std::make_pair(std::string("\"b\""), std::string("{ \"a\":{} }")));
  assert_true(members[3] == std::make_pair(std::string("\"c\""), std::string("\"\\u0000\"")));
  assert_true(members[4] == std::make_pair(std::string("\"\""), std::string("null")));
}

void elements_are_raw(void**) {
  assert_true(elements_of("[]").empty());
  assert_true(elements_of(" [\n] ").empty());
  const auto elements = elements_of(" [ 1.0 ,\"a]\", [ 1,[2] ] , {\"x\":[]},true ] ");
  assert_true((elements == std::vector<std::string>{"1.0", "\"a]\"", "[ 1,[2] ]", "{\"x\":[]}", "true"}));
}

void readers_end_at_a_fault(void**) {
  for (const char* text :
       {"", "1", "[]", "{", "{\"a\":1", "{\"a\":1,", "{\"a\":1}x", "{\"a\":[1}", "{}{}", "{\"a\":tru}", "{\"a\":[[}"}) {
    json::MemberReader reader(text);
    json::Member member;
    while (reader.next(member)) {
    }
    assert_int_equal(reader.status().code, Error::invalid_json);
    assert_false(reader.next(member));
  }
  for (const char* text : {"", "1", "{}", "[", "[1", "[1,", "[1]x", "[{]", "[][]", "[tru]", "[[[}]"}) {
    json::ElementReader reader(text);
    std::string_view element;
    while (reader.next(element)) {
    }
    assert_int_equal(reader.status().code, Error::invalid_json);
    assert_false(reader.next(element));
  }
}

void kinds(void**) {
  assert_true(json::kind_of("{}") == json::Kind::object);
  assert_true(json::kind_of("[]") == json::Kind::array);
  assert_true(json::kind_of("\"\"") == json::Kind::string);
  assert_true(json::kind_of("-1") == json::Kind::number);
  assert_true(json::kind_of("0") == json::Kind::number);
  assert_true(json::kind_of("true") == json::Kind::boolean);
  assert_true(json::kind_of("false") == json::Kind::boolean);
  assert_true(json::kind_of("null") == json::Kind::null);
}

void unescapes(void**) {
  assert_true(json::unescape("\"\"") == "");
  assert_true(json::unescape("\"plain\"") == "plain");
  assert_true(json::unescape(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
  assert_true(json::unescape(R"("a\u0000b")") == std::string("a\0b", 3));
  assert_true(json::unescape(R"("\u0041\u00E9\u20aC\uD83D\uDE00")") == "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  assert_true(json::unescape(R"("\uDBFF\uDFFF\u007f\u0080\u07ff\u0800\uffff")") ==
              "\xF4\x8F\xBF\xBF\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF");
  assert_true(json::unescape(R"("\\u0041")") == "\\u0041");
  for (const char* text : {R"("\ud800")", R"("\udfff")", R"("\ud800\ud800")", R"("\ud800x")", R"("\ud800\n")",
                           R"("\ud800\u0041")", R"("\udc00\ud800")", R"("x\ud83d\ude00\ud83d")", R"("\ud83d\\ude00")"})
    assert_false(json::unescape(text).has_value());
}

void compares(void**) {
  assert_true(json::equals("\"abc\"", "abc"));
  assert_true(json::equals("\"\\u0061b\\u0063\"", "abc"));
  assert_true(json::equals("\"\"", ""));
  assert_false(json::equals("\"abc\"", "abcd"));
  assert_false(json::equals("\"abc\\u0000\"", "abc"));
  assert_false(json::equals("\"\\ud800\"", "abc"));
}

std::string quoted(std::string_view text) {
  std::string out;
  json::append_quoted(out, text);
  return out;
}

void quotes(void**) {
  assert_string_equal(quoted("").c_str(), "\"\"");
  assert_string_equal(quoted("a\"b\\c/d").c_str(), R"("a\"b\\c/d")");
  assert_string_equal(quoted(std::string("\0\1\b\t\n\v\f\r\x1F\x7F", 10)).c_str(),
                      "\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\x7F\"");
  assert_string_equal(quoted("\xC3\xA9\xE2\x80\xA8\xF0\x9F\x98\x80").c_str(),
                      "\"\xC3\xA9\xE2\x80\xA8\xF0\x9F\x98\x80\"");
}

void quoting_and_unescaping_are_inverse(void**) {
  std::string all;
  for (int byte = 0; byte < 128; ++byte) {
    all += static_cast<char>(byte);
    assert_true(json::check(quoted(all)).ok());
    assert_true(json::unescape(quoted(all)) == all);
  }
}

// Every byte before, in and after the bytes that are looked at together.
void special_bytes_are_found_at_every_place(void**) {
  for (int byte = 0; byte < 256; ++byte) {
    const bool special = byte < 0x20 || byte == '"' || byte == '\\';
    for (std::size_t before = 0; before < 20; ++before) {
      for (const std::size_t after : {0, 1, 20}) {
        const std::string text = std::string(before, 'a') + static_cast<char>(byte) + std::string(after, '\x7F');
        assert_int_equal(json::find_special(text, 0), special ? before : text.size());
        assert_int_equal(json::find_special(text, before), special ? before : text.size());
        assert_int_equal(json::find_special(text, before + 1), text.size());
      }
    }
  }
}

void numbers(void**) {
  assert_true(json::parse_unsigned("0") == 0U);
  assert_true(json::parse_unsigned("18446744073709551615") == UINT64_MAX);
  for (const char* text : {"", "-1", "-0", "+1", "1.0", "1e3", "18446744073709551616", "99999999999999999999999",
                           "\"1\"", "null", " 1", "1 "})
    assert_false(json::parse_unsigned(text).has_value());
  std::string out;
  json::append_number(out, UINT64_MAX);
  out += ' ';
  json::append_number(out, INT64_MIN);
  out += ' ';
  json::append_number(out, std::uint64_t{0});
  assert_string_equal(out.c_str(), "18446744073709551615 -9223372036854775808 0");
}

void argument_lists(void**) {
  for (const char* args : {"[]", " [1] ", R"(["a",{"b":[null]}])", R"([{"_placeholder":false,"num":0}])",
                           R"([{"num":0}])", R"(["_placeholder",true])", R"([{"_placeholder":"true"}])",
                           R"([{"_placeholder":[true]}])", R"([{"a":{"_placeholder":{}},"b":true}])"}) {
    assert_true(check_args(args, 0).ok());
    assert_int_equal(check_args(args, 1).code, Error::invalid_argument);
  }
  for (const char* args : {"", "{}", "1", "\"a\"", "null", "[", "[1,]", "[1]x", "[1][2]"})
    assert_int_equal(check_args(args, 0).code, Error::invalid_json);
  assert_int_equal(check_args("[\"\xFF\"]", 0).code, Error::invalid_utf8);
  assert_true(check_args(repeat("[", 64) + repeat("]", 64), 0).ok());
  assert_int_equal(check_args(repeat("[", 65) + repeat("]", 65), 0).code, Error::invalid_json);
  assert_int_equal(check_args("[]", 11).code, Error::too_many);
}

void placeholders(void**) {
  const std::string zero = R"({"_placeholder":true,"num":0})";
  const std::string one = R"({ "num" : 1 , "_placeholder" : true })";
  assert_true(check_args("[" + zero + "]", 1).ok());
  assert_true(check_args("[" + zero + "," + zero + "]", 1).ok());
  assert_true(check_args("[" + one + ",[[{\"x\":" + zero + "}]]]", 2).ok());
  assert_true(check_args(repeat("[", 63) + zero + repeat("]", 63), 1).ok());
  assert_true(check_args(R"([{"\u005fplaceholder":true,"n\u0075m":0}])", 1).ok());
  assert_true(check_args(R"([{"a":1,"b":)" + zero + R"(,"num":7,"c":true}])", 1).ok());

  assert_int_equal(check_args("[" + zero + "]", 0).code, Error::invalid_argument);
  assert_int_equal(check_args("[" + zero + "]", 2).code, Error::invalid_argument);
  assert_int_equal(check_args("[" + one + "]", 1).code, Error::invalid_argument);
  for (const char* object :
       {R"({"_placeholder":true})", R"({"_placeholder":true,"num":1})", R"({"_placeholder":true,"num":-1})",
        R"({"_placeholder":true,"num":0.0})", R"({"_placeholder":true,"num":0e0})",
        R"({"_placeholder":true,"num":"0"})", R"({"_placeholder":true,"num":[0]})",
        R"({"_placeholder":true,"num":0,"x":1})", R"({"_placeholder":true,"num":0,"num":0})",
        R"({"_placeholder":true,"_placeholder":true,"num":0})", R"({"_placeholder":true,"nun":0})",
        R"({"_placeholder":true,"_placeholder":false})", R"({"_placeholder":true,"num":18446744073709551616})"})
    assert_int_equal(check_args("[" + zero + "," + object + "]", 1).code, Error::invalid_argument);
}

void attachments_without_a_place_may_be_allowed(void**) {
  const auto check = [](const std::string& args, std::size_t attachment_count) {
    return check_args(args, attachment_count, Unplaced::allowed).code;
  };
  const std::string zero = R"({"_placeholder":true,"num":0})";
  for (const std::size_t count : {0U, 1U, 10U}) assert_int_equal(check("[1]", count), Error::ok);
  assert_int_equal(check("[" + zero + "]", 1), Error::ok);
  assert_int_equal(check("[" + zero + "]", 3), Error::ok);
  // A placeholder without an attachment is always rejected.
  assert_int_equal(check("[" + zero + "]", 0), Error::invalid_argument);
  assert_int_equal(check(R"([{"_placeholder":true,"num":2}])", 2), Error::invalid_argument);
  assert_int_equal(check(R"([{"_placeholder":true,"num":0,"x":1}])", 2), Error::invalid_argument);
  assert_int_equal(check("[1]", 11), Error::too_many);
  assert_int_equal(check("[1", 1), Error::invalid_json);
  assert_int_equal(check("{}", 1), Error::invalid_json);
  assert_int_equal(check("[\"\xFF\"]", 1), Error::invalid_utf8);
}

MessageDraft draft_of(std::string_view args, std::vector<std::string> attachments = {},
                      std::string event = std::string(kDefaultEvent)) {
  MessageDraft draft;
  draft.event = std::move(event);
  draft.attachments = std::move(attachments);
  assert_true(set_args(draft, args).ok());
  return draft;
}

void a_lone_string_is_text_and_a_lone_attachment_bytes(void**) {
  MessageDraft draft = draft_of(R"([ "a\u0000b" ])");
  assert_true(draft.kind == PayloadKind::text);
  assert_true(draft.payload == std::string("a\0b", 3));

  for (const char* args : {"[]", "[1]", R"(["a","b"])", R"([["a"]])", R"(["\ud800"])", "[ null ]"}) {
    draft = draft_of(args);
    assert_true(draft.kind == PayloadKind::args);
    assert_true(draft.payload == args);
  }
  draft = draft_of(R"(["a"])", {}, "typing");
  assert_true(draft.kind == PayloadKind::args);
  assert_true(draft.payload == R"(["a"])");

  draft = draft_of(R"([ {"num":0, "\u005fplaceholder":true} ])", {"bytes"}, "file");
  assert_true(is_single_binary(draft));
  draft = draft_of(R"([{"a":{"_placeholder":true,"num":0}}])", {"bytes"});
  assert_true(draft.payload == R"([{"a":{"_placeholder":true,"num":0}}])");
  draft = draft_of(R"([{"_placeholder":true,"num":0} ,1])", {"bytes"});
  assert_true(draft.payload == R"([{"_placeholder":true,"num":0} ,1])");

  assert_int_equal(set_args(draft, "[}").code, Error::invalid_json);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(accepts),
      cmocka_unit_test(refuses),
      cmocka_unit_test(refuses_what_is_not_utf8),
      cmocka_unit_test(inside_of_everything),
      cmocka_unit_test(depth_is_bounded),
      cmocka_unit_test(truncated_at_every_byte),
      cmocka_unit_test(every_byte_changed_to_every_other),
      cmocka_unit_test(faults_say_where),
      cmocka_unit_test(members_are_raw),
      cmocka_unit_test(elements_are_raw),
      cmocka_unit_test(readers_end_at_a_fault),
      cmocka_unit_test(kinds),
      cmocka_unit_test(unescapes),
      cmocka_unit_test(compares),
      cmocka_unit_test(quotes),
      cmocka_unit_test(quoting_and_unescaping_are_inverse),
      cmocka_unit_test(special_bytes_are_found_at_every_place),
      cmocka_unit_test(numbers),
      cmocka_unit_test(argument_lists),
      cmocka_unit_test(placeholders),
      cmocka_unit_test(attachments_without_a_place_may_be_allowed),
      cmocka_unit_test(a_lone_string_is_text_and_a_lone_attachment_bytes),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
