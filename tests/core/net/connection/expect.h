// Comparisons of bytes that print the difference. Include this last: it includes cmocka.h, which has a macro named
// fail.
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

// Keeps lines apart, and escapes everything that a terminal would not show.
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
