// Replies of Redis as values: each kind, any cut of the bytes, and what a hostile Redis can send.
#include "redis/resp_command.h"
#include "redis/resp_reader.h"
#include "redis_fixture.h"

using namespace chat;
using namespace chat::redis;
using namespace chat::test;
using Outcome = RespReader::Outcome;

namespace {

// Everything that comes out of bytes which arrive in pieces; an error is "error CODE".
Words read(std::string_view bytes, std::size_t piece_bytes, RespLimits limits = {}) {
  RespReader reader(limits);
  Words found;
  while (!bytes.empty()) {
    const std::string piece(bytes.substr(0, piece_bytes));
    bytes.remove_prefix(piece.size());
    reader.feed(piece);
    for (;;) {
      Value value;
      const Outcome outcome = reader.next(value);
      if (outcome == Outcome::none) break;
      if (outcome == Outcome::error) {
        found.push_back("error " + std::to_string(static_cast<int>(reader.error().code)));
        assert_true(reader.error().detail.size() > 10);
        reader.feed("+OK\r\n");
        assert_true(reader.next(value) == Outcome::error);  // final
        return found;
      }
      found.push_back(show(value));
    }
  }
  return found;
}

void assert_read(std::string_view bytes, const Words& wanted, RespLimits limits = {}) {
  for (const std::size_t piece_bytes : {bytes.size(), std::size_t{1}, std::size_t{3}}) {
    const Words found = read(bytes, piece_bytes, limits);
    const auto joined = [](const Words& words) {
      std::string text;
      for (const std::string& word : words) text += word + "|";
      return text;
    };
    assert_text(joined(found), joined(wanted));
  }
}

std::string error(Error code) { return "error " + std::to_string(static_cast<int>(code)); }

std::string nested(int levels) {
  std::string text;
  for (int i = 0; i < levels; ++i) text += "*1\r\n";
  return text + ":1\r\n";
}

void each_kind_is_read(void**) {
  assert_read("+OK\r\n", {"+OK"});
  assert_read("-READONLY You can't write\r\n", {"!READONLY You can't write"});
  assert_read(":-12\r\n:9223372036854775807\r\n", {"-12", "9223372036854775807"});
  assert_read("$0\r\n\r\n$5\r\na\r\nbc\r\n", {"", "a\r\nbc"});
  assert_read("$-1\r\n*-1\r\n", {"nil", "nil"});
  assert_read("*0\r\n*3\r\n:1\r\n*2\r\n$1\r\nx\r\n$-1\r\n+y\r\n", {"[]", "[1 [x nil] +y]"});
  assert_read(nested(7), {"[[[[[[[1]]]]]]]"});
}

void values_say_what_they_are(void**) {
  RespReader reader;
  reader.feed("-NOAUTH x\r\n-ERR\r\n+OK\r\n$2\r\nOK\r\n");
  Value value;
  assert_true(reader.next(value) == Outcome::value);
  assert_text(value.error_code(), "NOAUTH");
  assert_true(reader.next(value) == Outcome::value);
  assert_text(value.error_code(), "ERR");
  assert_true(reader.next(value) == Outcome::value);
  assert_true(value.is_ok());
  assert_text(value.error_code(), "");
  assert_true(reader.next(value) == Outcome::value);
  assert_false(value.is_ok());
}

void many_small_and_big_ones(void**) {
  std::string bytes;
  Words wanted;
  for (int i = 0; i < 5'000; ++i) {
    bytes += ":" + std::to_string(i) + "\r\n";
    wanted.push_back(std::to_string(i));
  }
  const std::string big(3'000'000, 'x');
  bytes += "$3000000\r\n" + big + "\r\n+end\r\n";
  wanted.push_back(big);
  wanted.emplace_back("+end");
  assert_true(read(bytes, 65'536) == wanted);
  assert_true(read(bytes, 1'000) == wanted);
}

void what_is_not_resp2_is_an_error(void**) {
  for (const char* const bytes :
       {"HTTP/1.1 400 Bad Request\r\n", "\r\n", ":1x\r\n", ":99999999999999999999\r\n", "*-2\r\n",
        "*99999999999999999999\r\n", "$-2\r\n", "$3\r\nabcdef\r\n", "%1\r\n+a\r\n+b\r\n", "~1\r\n+a\r\n",
        ">1\r\n+a\r\n", "_\r\n", "#t\r\n", ",1.5\r\n", "*1\r\n,1.5\r\n", "*2\r\n:1\r\nx\r\n"}) {
    const Words found = read(bytes, 1'000);
    if (found.empty() || found.back().find("error") == std::string::npos) fail_msg("%s was accepted", bytes);
  }
}

void nesting_is_bounded(void**) {
  assert_read(nested(8), {error(Error::too_large)});
  std::string endless;
  for (int i = 0; i < 100'000; ++i) endless += "*1\r\n";
  const Words found = read(endless, 65'536);
  assert_text(found.back(), error(Error::too_large));
}

void elements_are_bounded_before_memory_is_spent(void**) {
  assert_read("*2147483647\r\n", {error(Error::too_large)});
  assert_read("*3\r\n:1\r\n:2\r\n:3\r\n", {"[1 2 3]"}, {.elements = 3});
  assert_read("*4\r\n", {error(Error::too_large)}, {.elements = 3});
  assert_read("*2\r\n*1\r\n:1\r\n*1\r\n", {error(Error::too_large)}, {.elements = 3});
  // Of one reply, and not of all.
  assert_read("*3\r\n:1\r\n:2\r\n:3\r\n*3\r\n:1\r\n:2\r\n:3\r\n", {"[1 2 3]", "[1 2 3]"}, {.elements = 3});
}

void bytes_are_bounded_before_they_come(void**) {
  assert_read("$91\r\n", {}, {.reply_bytes = 100});
  assert_read("$101\r\n", {error(Error::too_large)}, {.reply_bytes = 100});
  assert_read("*1\r\n$9223372036854775807\r\n", {error(Error::too_large)});
  const std::string ten = "$10\r\n0123456789\r\n";  // 17 bytes
  assert_read(ten + ten, {"0123456789", "0123456789"}, {.reply_bytes = 17});
  assert_read(ten, {error(Error::too_large)}, {.reply_bytes = 16});
  assert_read("*2\r\n" + ten + ten, {error(Error::too_large)}, {.reply_bytes = 30});
  assert_read("*2\r\n" + ten + ten, {"[0123456789 0123456789]"}, {.reply_bytes = 38});
}

void a_line_without_an_end_is_an_error(void**) {
  for (const char type : {'+', '-', ':', '$', '*'}) {
    const Words found = read(type + std::string(200'000, '\r'), 4'096);
    assert_int_equal(found.size(), 1);
    assert_contains(found[0], "error");
  }
}

void commands_are_encoded(void**) {
  const std::string binary("\0\r\n", 3);
  const Args args{"SET", "", binary};
  std::string bytes;
  append_command(bytes, args);
  assert_text(bytes.substr(0, 19), "*3\r\n$3\r\nSET\r\n$0\r\n\r\n");
  assert_int_equal(bytes.size(), encoded_size(args));
  RespReader reader;
  reader.feed(bytes);
  Value value;
  assert_true(reader.next(value) == Outcome::value);
  assert_int_equal(value.items.size(), 3);
  assert_true(value.items[2].text == binary);
  for (const std::size_t size :
       {std::size_t{9}, std::size_t{10}, std::size_t{99}, std::size_t{100}, std::size_t{1'000}}) {
    const std::string arg(size, 'x');
    const Args many(size, arg);
    std::string encoded;
    append_command(encoded, many);
    assert_int_equal(encoded.size(), encoded_size(many));
  }
}

void pushes_are_told_apart(void**) {
  assert_text(confirmation_of("SSubscribe"), "ssubscribe");
  assert_text(confirmation_of("subscribed"), "");
  assert_text(confirmation_of("GET"), "");
  const auto kind = [](const char* bytes) {
    RespReader reader;
    reader.feed(bytes);
    Value value;
    assert_true(reader.next(value) == Outcome::value);
    return std::string(kind_of_push(value));
  };
  assert_text(kind("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n"), "message");
  assert_text(kind("*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"), "subscribe");
  assert_text(kind("*2\r\n$4\r\npong\r\n$0\r\n\r\n"), "");
  assert_text(kind("*2\r\n$7\r\nmessage\r\n$0\r\n\r\n"), "");
  assert_text(kind("*3\r\n:1\r\n:2\r\n:3\r\n"), "");
  assert_text(printable("a\n\x80" + std::string(300, 'b')), "a??" + std::string(197, 'b') + "...");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(each_kind_is_read),
      cmocka_unit_test(values_say_what_they_are),
      cmocka_unit_test(many_small_and_big_ones),
      cmocka_unit_test(what_is_not_resp2_is_an_error),
      cmocka_unit_test(nesting_is_bounded),
      cmocka_unit_test(elements_are_bounded_before_memory_is_spent),
      cmocka_unit_test(bytes_are_bounded_before_they_come),
      cmocka_unit_test(a_line_without_an_end_is_an_error),
      cmocka_unit_test(commands_are_encoded),
      cmocka_unit_test(pushes_are_told_apart),
  };
  return cmocka_run_group_tests_name("replies of Redis", tests, nullptr, nullptr);
}
