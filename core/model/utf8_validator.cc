// See utf8_validator.h.
#include "model/utf8_validator.h"

#include <algorithm>
#include <cstddef>

#include "model/utf8.h"

namespace chat {

bool Utf8Validator::append(std::string_view piece) {
  while (missing_ != 0 && !piece.empty()) {
    if (!append_byte(static_cast<unsigned char>(piece.front()))) return false;
    piece.remove_prefix(1);
  }
  // The last three bytes may start a character that ends in the next piece. The bytes before them are checked together,
  // which is faster.
  std::size_t tail = 0;
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, piece.size()); ++back) {
    const auto byte = static_cast<unsigned char>(piece[piece.size() - back]);
    if (byte >= 0xC0) {
      tail = back;
      break;
    }
    if (byte < 0x80) break;
  }
  if (!is_utf8(piece.substr(0, piece.size() - tail))) return false;
  for (const char byte : piece.substr(piece.size() - tail)) {
    if (!append_byte(static_cast<unsigned char>(byte))) return false;
  }
  return true;
}

// Unicode, table 3-7.
bool Utf8Validator::append_byte(unsigned char byte) {
  if (missing_ != 0) {
    if (byte < low_ || byte > high_) return false;
    --missing_;
    low_ = 0x80;
    high_ = 0xBF;
    return true;
  }
  if (byte < 0x80) return true;
  if (byte < 0xC2 || byte > 0xF4) return false;
  low_ = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;   // below: overlong
  high_ = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;  // above: a surrogate, beyond U+10FFFF
  missing_ = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
  return true;
}

}  // namespace chat
