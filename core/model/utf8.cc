// See utf8.h.
#include "model/utf8.h"

#include <cstdint>
#include <cstring>

namespace chat {
namespace {

bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// Returns the length of the character at bytes[at], which is not ASCII; 0 when it is ill-formed (Unicode, table 3-7).
std::size_t character_length(const unsigned char* bytes, std::size_t size, std::size_t at) {
  const unsigned char lead = bytes[at];
  const std::size_t left = size - at;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return left >= 2 && is_continuation(bytes[at + 1]) ? 2 : 0;
  if (lead < 0xF0) {
    if (left < 3) return 0;
    const unsigned char low = lead == 0xE0 ? 0xA0 : 0x80;   // below: overlong
    const unsigned char high = lead == 0xED ? 0x9F : 0xBF;  // above: a surrogate
    return bytes[at + 1] >= low && bytes[at + 1] <= high && is_continuation(bytes[at + 2]) ? 3 : 0;
  }
  if (lead < 0xF5) {
    if (left < 4) return 0;
    const unsigned char low = lead == 0xF0 ? 0x90 : 0x80;   // below: overlong
    const unsigned char high = lead == 0xF4 ? 0x8F : 0xBF;  // above: beyond U+10FFFF
    return bytes[at + 1] >= low && bytes[at + 1] <= high && is_continuation(bytes[at + 2]) &&
                   is_continuation(bytes[at + 3])
               ? 4
               : 0;
  }
  return 0;
}

}  // namespace

std::size_t ascii_prefix(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080U;
  std::size_t at = 0;
  std::uint64_t words[4];
  for (; text.size() - at >= sizeof words; at += sizeof words) {
    std::memcpy(words, text.data() + at, sizeof words);
    if (((words[0] | words[1] | words[2] | words[3]) & kHighBits) != 0) break;
  }
  for (; text.size() - at >= sizeof *words; at += sizeof *words) {
    std::memcpy(words, text.data() + at, sizeof *words);
    if ((*words & kHighBits) != 0) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

bool is_utf8(std::string_view text) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length =
        bytes[at] < 0x80 ? ascii_prefix(text.substr(at)) : character_length(bytes, text.size(), at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

std::string_view utf8_prefix(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  std::size_t size = max_bytes;
  while (size > 0 && is_continuation(static_cast<unsigned char>(text[size]))) --size;
  return text.substr(0, size);
}

}  // namespace chat
