// Validates UTF-8 that arrives in pieces, as strictly as utf8.h. It fails at the first byte that cannot continue a
// valid text. The state takes three bytes, so every connection can have one.
#pragma once

#include <cstdint>
#include <string_view>

namespace chat {

class Utf8Validator {
 public:
  // Returns false when the text so far cannot be the start of valid UTF-8. Call reset() before the next use in that
  // case.
  bool append(std::string_view piece);
  // True when the text so far ends with a complete character.
  bool complete() const { return missing_ == 0; }
  void reset() { missing_ = 0; }

 private:
  bool append_byte(unsigned char byte);

  std::uint8_t missing_ = 0;  // continuation bytes that the current character still needs
  std::uint8_t low_ = 0;      // the range of the next continuation byte
  std::uint8_t high_ = 0;
};

}  // namespace chat
