// See search_words.h.
#include "model/search_words.h"

#include "model/utf8.h"

namespace chat {
namespace {

constexpr std::string_view kWideSpace = "\u3000";  // between words of Chinese and Japanese

// The bytes of a separator at the beginning; 0: none.
std::size_t separator_bytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first <= ' ' || first == 0x7F) return 1;
  return text.starts_with(kWideSpace) ? kWideSpace.size() : 0;
}

}  // namespace

std::vector<std::string_view> search_words(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t begin = 0;
  std::size_t at = 0;
  const auto end_word = [&] {
    if (at > begin) words.push_back(text.substr(begin, at - begin));
  };
  while (at < text.size()) {
    const std::size_t bytes = separator_bytes(text.substr(at));
    if (bytes != 0) {
      end_word();
      begin = at + bytes;
    }
    at += bytes != 0 ? bytes : 1;
  }
  end_word();
  return words;
}

Status check_search(std::string_view text) {
  if (text.size() > kMaxSearchBytes)
    return {Error::invalid_argument, "the text to search for is longer than 256 bytes"};
  if (!is_utf8(text)) return {Error::invalid_utf8, "the text to search for is not UTF-8"};
  if (search_words(text).empty()) return {Error::invalid_argument, "the text to search for has no word"};
  return {};
}

}  // namespace chat
