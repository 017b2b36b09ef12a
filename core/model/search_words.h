// The text of a search: the words that messages must have.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "model/types.h"

namespace chat {

inline constexpr std::size_t kMaxSearchBytes = 256;
// One search finds at most so many messages.
inline constexpr std::size_t kMaxFound = 1'000;

// The parts of a text between white space and control characters.
std::vector<std::string_view> search_words(std::string_view text);

// At least one word, at most kMaxSearchBytes of UTF-8. Errors: invalid_argument, invalid_utf8.
Status check_search(std::string_view text);

}  // namespace chat
