// Strict UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace chat {

// True when the bytes are well-formed UTF-8.
bool is_utf8(std::string_view bytes);

// The number of bytes before the first one that is not ASCII.
std::size_t ascii_prefix(std::string_view bytes);

// Returns the longest prefix of at most max_bytes that does not split a character. `text` must be valid UTF-8.
std::string_view utf8_prefix(std::string_view text, std::size_t max_bytes);

}  // namespace chat
