// UTF-8: which texts are well-formed (Unicode, table 3-7), and where a text may be cut.
#include "model/utf8.h"

#include <string>

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using chat::is_utf8;
using chat::utf8_prefix;

namespace {

std::string encode(unsigned code) {
  std::string bytes;
  if (code < 0x80) {
    bytes += static_cast<char>(code);
  } else if (code < 0x800) {
    bytes += static_cast<char>(0xC0 | code >> 6);
    bytes += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    bytes += static_cast<char>(0xE0 | code >> 12);
    bytes += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    bytes += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    bytes += static_cast<char>(0xF0 | code >> 18);
    bytes += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    bytes += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    bytes += static_cast<char>(0x80 | (code & 0x3F));
  }
  return bytes;
}

void accepts_every_character(void**) {
  for (unsigned code = 0; code < 0x110000; ++code) {
    const bool surrogate = code >= 0xD800 && code < 0xE000;
    assert_int_equal(is_utf8(encode(code)), !surrogate);
  }
  assert_true(is_utf8(""));
  assert_true(is_utf8(std::string_view("a\0b", 3)));
}

void refuses_what_is_ill_formed(void**) {
  for (const char* bytes : {"\x80",
                            "\xBF",
                            "\xC0\x80",
                            "\xC1\xBF",
                            "\xC2",
                            "\xC2\x41",
                            "\xC2\xC2",
                            "\xE0\x80\x80",
                            "\xE0\x9F\xBF",
                            "\xE2\x82",
                            "\xE2\x82\x41",
                            "\xED\xA0\x80",
                            "\xED\xBF\xBF",
                            "\xF0\x80\x80\x80",
                            "\xF0\x8F\xBF\xBF",
                            "\xF0\x9F\x98",
                            "\xF4\x90\x80\x80",
                            "\xF5\x80\x80\x80",
                            "\xF8\x88\x80\x80\x80",
                            "\xFE",
                            "\xFF"}) {
    assert_false(is_utf8(bytes));
    // At every position relative to the eight bytes that are checked together.
    for (std::size_t before = 0; before < 17; ++before) {
      assert_false(is_utf8(std::string(before, 'a') + bytes + std::string(9, 'a')));
      assert_false(is_utf8(std::string(before, 'a') + bytes));
    }
  }
}

void accepts_characters_at_every_place(void**) {
  for (const char* character : {"\xC2\x80", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"}) {
    for (std::size_t before = 0; before < 70; ++before) {
      assert_true(is_utf8(std::string(before, 'a') + character));
      assert_true(is_utf8(std::string(before, 'a') + character + std::string(40, 'a')));
      assert_false(is_utf8(std::string(before, 'a') + character[0]));
      assert_false(is_utf8(std::string(before, 'a') + character[0] + std::string(40, 'a')));
    }
  }
}

void a_prefix_cuts_no_character(void**) {
  const std::string text = "a\xC2\xA3\xE2\x82\xAC\xF0\x9F\x98\x80";  // 1 + 2 + 3 + 4 bytes
  const std::size_t sizes[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (std::size_t max = 0; max < 12; ++max) {
    const std::string_view prefix = utf8_prefix(text, max);
    assert_int_equal(prefix.size(), sizes[max]);
    assert_true(is_utf8(prefix));
    assert_true(text.starts_with(prefix));
  }
  assert_int_equal(utf8_prefix("", 5).size(), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(accepts_every_character),
      cmocka_unit_test(refuses_what_is_ill_formed),
      cmocka_unit_test(accepts_characters_at_every_place),
      cmocka_unit_test(a_prefix_cuts_no_character),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
