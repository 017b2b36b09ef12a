// Strict UTF-8 that arrives in pieces: reports the first byte that no valid text can have there, in whatever piece it
// comes. For whole texts see utf8.h. Three bytes of state, so that each connection can hold one.
#pragma once

#include <cstdint>
#include <string_view>

namespace chat {

class Utf8Validator {
 public:
  // False when the text so far cannot be the beginning of a valid text. Call reset() before it is used again.
  bool append(std::string_view piece);
  // Whether the text so far ends with a whole character.
  bool complete() const { return missing_ == 0; }
  void reset() { missing_ = 0; }

 private:
  bool append_byte(unsigned char byte);

  std::uint8_t missing_ = 0;  // continuation bytes of the character that has begun
  std::uint8_t low_ = 0;      // the range that the next of them must be in
  std::uint8_t high_ = 0;
};

}  // namespace chat
