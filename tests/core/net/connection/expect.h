// Comparisons of bytes that print what differs. Include it after all others, as cmocka.h, which it includes: that has a macro
// named fail.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string>
#include <string_view>
extern "C" {
#include <cmocka.h>
}

namespace chat::test {

// A line for each line, and nothing that a terminal would not show.
inline std::string printable(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || (byte >= 0x20 && byte < 0x7f && c != '\\')) {
      text += c;
    } else {
      text.append("\\x").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    }
  }
  return text;
}

// File and line are the caller's. (Clang 14 has no std::source_location.)
inline void expect(std::string_view got, std::string_view wanted, const char* file = __builtin_FILE(),
                   int line = __builtin_LINE()) {
  _assert_string_equal(printable(got).c_str(), printable(wanted).c_str(), file, line);
}

}  // namespace chat::test
