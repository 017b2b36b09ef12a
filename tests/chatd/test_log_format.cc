// A line of chatd's log: its three forms, its bounded length, and what becomes of bytes that clients chose.
#include "log_format.h"

#include <cjson/cJSON.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "log_writer.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chatd;

namespace {

constexpr timeval kTime{1'800'000'000, 123'999};

std::string as_text(std::string_view text) { return format_line({}, kTime, CHAT_LOG_INFO, text); }
std::string for_journal(std::string_view text) {
  return format_line({LogFormat::text, true}, kTime, CHAT_LOG_INFO, text);
}

void assert_text(const std::string& actual, const std::string& expected) {
  assert_string_equal(actual.c_str(), expected.c_str());
  assert_int_equal(actual.size(), expected.size());
}

void text_has_time_and_level(void**) {
  assert_text(as_text("hello"), "2027-01-15T08:00:00.123Z info chatd: hello\n");
  assert_text(format_line({}, kTime, CHAT_LOG_ERROR, ""), "2027-01-15T08:00:00.123Z error chatd: \n");
}

void the_journal_has_priorities(void**) {
  const LogStyle style{LogFormat::text, true};
  assert_text(format_line(style, kTime, CHAT_LOG_ERROR, "a"), "<3>a\n");
  assert_text(format_line(style, kTime, CHAT_LOG_WARNING, "a"), "<4>a\n");
  assert_text(format_line(style, kTime, CHAT_LOG_INFO, "a"), "<6>a\n");
  assert_text(format_line(style, kTime, CHAT_LOG_DEBUG, "a"), "<7>a\n");
}

void json_is_one_object(void**) {
  const LogStyle style{LogFormat::json, false};
  assert_text(format_line(style, kTime, CHAT_LOG_WARNING, "a \"b\" \\ \n", {{"url", "http://x/"}}),
              "{\"time\":\"2027-01-15T08:00:00.123Z\",\"level\":\"warning\",\"message\":\"a \\\"b\\\" \\\\ ?\","
              "\"url\":\"http://x/\"}\n");
  assert_text(format_line({LogFormat::json, true}, kTime, CHAT_LOG_INFO, "x").substr(0, 4), "<6>{");
}

void control_characters_and_broken_utf8_are_replaced(void**) {
  using namespace std::string_literals;
  const std::pair<std::string, std::string> cases[] = {
      {"a\r\nb\x1b[31m\x7f\0c"s, "a??b?[31m??c"},
      {"caf\xc3\xa9 \xea\xb0\x80 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xea\xb0\x80 \xf0\x9f\x98\x80"},
      {"\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", "??????\xc2\xa0"},  // U+0080 to U+009F control terminals
      {"\xff\xfe\xc0\xaf\xc1\x81", "??????"},
      {"\xe0\x80\x80 \xed\xa0\x80 \xf0\x80\x80\x80 \xf4\x90\x80\x80 \xf5\x80\x80\x80", "??? ??? ???? ???? ????"},
      {"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
       "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
      {"\xc3", "?"},
      {"\xea\xb0", "??"},
      {"\xf0\x9f\x98", "???"},
      {"\xea\xb0z", "??z"},
  };
  for (const auto& [given, expected] : cases) assert_text(for_journal(given), "<6>" + expected + "\n");
}

void a_line_is_bounded(void**) {
  for (const char* unit : {"x", "\"", "\\", "\x01", "\xea\xb0\x80", "\xf0\x9f\x98\x80"}) {
    std::string text;
    for (int i = 0; i < 5'000; ++i) text += unit;
    for (const LogStyle style : {LogStyle{}, LogStyle{LogFormat::text, true}, LogStyle{LogFormat::json, true}}) {
      const std::string line = format_line(style, kTime, CHAT_LOG_WARNING, text);
      assert_true(line.size() > 1'000 && line.size() <= kMaxLineBytes);
      assert_int_equal(line.find('\n'), line.size() - 1);
      assert_true(line.find("...") != std::string::npos);
      if (style.format != LogFormat::json) continue;
      const std::unique_ptr<cJSON, decltype(&cJSON_Delete)> parsed(cJSON_Parse(line.c_str() + 3), cJSON_Delete);
      assert_non_null(parsed.get());
    }
  }
}

void the_journal_is_recognized_by_its_descriptor(void**) {
  unsetenv("JOURNAL_STREAM");
  assert_false(is_journal(2));
  for (const char* wrong : {"", "1", ":", "0:0", "x:y"}) {
    setenv("JOURNAL_STREAM", wrong, 1);
    assert_false(is_journal(2));
  }
  assert_false(is_journal(-1));
  unsetenv("JOURNAL_STREAM");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(text_has_time_and_level), cmocka_unit_test(the_journal_has_priorities),
      cmocka_unit_test(json_is_one_object),      cmocka_unit_test(control_characters_and_broken_utf8_are_replaced),
      cmocka_unit_test(a_line_is_bounded),       cmocka_unit_test(the_journal_is_recognized_by_its_descriptor),
  };
  return cmocka_run_group_tests_name("chatd/log_format", tests, nullptr, nullptr);
}
