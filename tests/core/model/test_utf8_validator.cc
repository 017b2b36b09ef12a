// UTF-8 in pieces: the result does not depend on the cuts, and an error is detected at the byte that causes it.
#include "model/utf8_validator.h"

#include <string>

#include "model/utf8.h"

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using chat::is_utf8;
using chat::Utf8Validator;

namespace {

// The number of bytes of `text` that the validator accepts one by one before it fails.
std::size_t accepted_bytes(std::string_view text) {
  Utf8Validator validator;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!validator.append(text.substr(at, 1))) return at;
  }
  return text.size();
}

void any_cut_gives_the_verdict_of_the_whole(void**) {
  const std::string texts[] = {
      "",
      "plain ASCII that is longer than eight bytes",
      "a\xC2\xA3\xE2\x82\xAC\xF0\x9F\x98\x80 and \xEA\xB0\x80\xEB\x82\x98\xEB\x8B\xA4",
      "\xF4\x8F\xBF\xBF\xEE\x80\x80\xED\x9F\xBF",
      "begins well \xC3",
      "begins well \xE2\x82",
      "begins well \xF0\x9F\x98",
      "eight by eight \xFF and more",
      "a surrogate \xED\xA0\x80 inside",
      "overlong \xC0\xAF",
      "\x80",
  };
  for (const std::string& text : texts) {
    for (std::size_t first = 0; first <= text.size(); ++first) {
      for (std::size_t second = first; second <= text.size(); ++second) {
        Utf8Validator validator;
        const bool valid = validator.append(std::string_view(text).substr(0, first)) &&
                           validator.append(std::string_view(text).substr(first, second - first)) &&
                           validator.append(std::string_view(text).substr(second)) && validator.complete();
        assert_int_equal(valid, is_utf8(text));
      }
    }
  }
}

void a_fault_is_seen_with_its_byte(void**) {
  const struct {
    const char* text;
    std::size_t accepted;
  } cases[] = {
      {"ab\x80", 2},
      {"\xC0\xAF", 0},
      {"\xC1\xBF", 0},
      {"\xE0\x9F\x80", 1},
      {"\xED\xA0\x80", 1},
      {"\xF0\x8F\x80\x80", 1},
      {"\xF4\x90\x80\x80", 1},
      {"\xF5\x80\x80\x80", 0},
      {"\xE2\x82\x41", 2},
      {"\xF0\x9F\x98\x41", 3},
      {"\xC3\xC3", 1},
      {"\xFE", 0},
      {"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xF4\x90\x80\x80", 12},  // Autobahn 6.4
  };
  for (const auto& c : cases) assert_int_equal(accepted_bytes(c.text), c.accepted);
}

void every_pair_of_bytes(void**) {
  for (int lead = 0; lead < 256; ++lead) {
    for (int next = 0; next < 256; ++next) {
      const std::string text = {static_cast<char>(lead), static_cast<char>(next)};
      Utf8Validator whole;
      const bool possible = whole.append(text);
      assert_int_equal(possible, accepted_bytes(text) == 2);
      assert_int_equal(possible && whole.complete(), is_utf8(text));
    }
  }
}

void reset_begins_a_new_text(void**) {
  Utf8Validator validator;
  assert_true(validator.append("\xE2\x82"));
  assert_false(validator.complete());
  validator.reset();
  assert_true(validator.complete());
  assert_true(validator.append("x"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(any_cut_gives_the_verdict_of_the_whole),
      cmocka_unit_test(a_fault_is_seen_with_its_byte),
      cmocka_unit_test(every_pair_of_bytes),
      cmocka_unit_test(reset_begins_a_new_text),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
