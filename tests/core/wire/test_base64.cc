// Base64: RFC 4648's own vectors, every length, and everything that a lax decoder would let
// through.
#include "wire/base64.h"

#include <string>

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat::wire;

namespace {

std::string encode(std::string_view bytes) {
  std::string text;
  append_base64(text, bytes);
  return text;
}

void vectors_of_the_rfc(void**) {
  const char* const vectors[][2] = {{"", ""},
                                    {"f", "Zg=="},
                                    {"fo", "Zm8="},
                                    {"foo", "Zm9v"},
                                    {"foob", "Zm9vYg=="},
                                    {"fooba", "Zm9vYmE="},
                                    {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    assert_string_equal(encode(bytes).c_str(), text);
    assert_true(base64_decode(text) == std::string(bytes));
  }
}

void round_trip_at_every_length(void**) {
  std::string bytes;
  for (int i = 0; i < 600; ++i) {
    const std::string text = encode(bytes);
    assert_int_equal(text.size(), base64_size(bytes.size()));
    assert_true(base64_decode(text) == bytes);
    bytes += static_cast<char>(i * 37 + i / 256);
  }
}

void appends(void**) {
  std::string text = "x:";
  append_base64(text, "foo");
  assert_string_equal(text.c_str(), "x:Zm9v");
}

void refuses(void**) {
  for (const char* text : {"Z",        "Zg",   "Zg=",      "Zg===",      "=",     "==",      "===",   "====", "Z===",
                           "Zg==Zg==", "Zg=g", "=Zg=",     "Zm8=\n",     " Zm8",  "Zm9v\n",  "Zm 8=", "Zh==", "Zm9=",
                           "__8=",     "--8=", "Zm9v====", "\xC3\xA9==", "Zm9v=", "Zm\xFF=", "A=A="})
    assert_false(base64_decode(text).has_value());
  assert_false(base64_decode(std::string_view("Zm9\0", 4)).has_value());
}

void only_what_encodes_back_is_accepted(void**) {
  std::string text = "Zm8=";
  int accepted = 0;
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      text[2] = static_cast<char>(a);
      text[3] = static_cast<char>(b);
      const auto bytes = base64_decode(text);
      if (!bytes) continue;
      ++accepted;
      assert_true(encode(*bytes) == text);
    }
  }
  // Two characters; or one whose last two bits are zero and a pad; or two pads, for which m's last
  // four bits are not zero.
  assert_int_equal(accepted, 64 * 64 + 16);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(vectors_of_the_rfc),
      cmocka_unit_test(round_trip_at_every_length),
      cmocka_unit_test(appends),
      cmocka_unit_test(refuses),
      cmocka_unit_test(only_what_encodes_back_is_accepted),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
