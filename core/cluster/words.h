// The texts of numbers, and the words of a notice: how servers of a cluster write them for each other and for Redis.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "redis/redis_value.h"

namespace chat::cluster {

inline std::string text_of(std::int64_t number) { return std::to_string(number); }
inline std::string text_of(std::uint64_t number) { return std::to_string(number); }

// nullopt: it is not the text of a number, or of one that is too large.
template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

template <class Number>
std::optional<Number> number_in(const redis::Value& value) {
  if (value.is_integer() && value.integer >= 0) return static_cast<Number>(value.integer);
  return value.is_text() ? number_in<Number>(value.text) : std::nullopt;
}

// Takes the first word off a text.
inline std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), end + 1));
  return word;
}

// Takes a text off, after its size. False: it is not well-formed.
inline bool take_sized(std::string_view& text, std::string& part) {
  const auto size = number_in<std::size_t>(take_word(text));
  if (!size || *size > text.size()) return false;
  part = text.substr(0, *size);
  text.remove_prefix(*size);
  return true;
}

inline void add_sized(const std::string& part, std::string& text) {
  text += text_of(std::uint64_t{part.size()});
  text += ' ';
  text += part;
}

}  // namespace chat::cluster
