// See json_tokens.h. Implements the grammar of RFC 8259 sections 2 to 7.
#include "wire/json/json_tokens.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace chat::wire::json {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

constexpr std::uint64_t kEach = 0x0101010101010101U;

// Nonzero when one of the eight bytes is below `limit`, which is at most 0x80.
std::uint64_t any_below(std::uint64_t word, std::uint64_t limit) {
  return (word - kEach * limit) & ~word & (kEach * 0x80);
}

// Nonzero when one of the eight bytes has this value.
std::uint64_t any_equal(std::uint64_t word, unsigned char value) { return any_below(word ^ (kEach * value), 1); }

}  // namespace

// Most texts have no such byte, so eight are looked at together.
std::size_t find_special(std::string_view text, std::size_t from) {
  std::uint64_t word = 0;
  for (; text.size() - from >= sizeof word; from += sizeof word) {
    std::memcpy(&word, text.data() + from, sizeof word);
    if ((any_below(word, 0x20) | any_equal(word, '"') | any_equal(word, '\\')) != 0) break;
  }
  const auto special = [](unsigned char byte) { return byte < 0x20 || byte == '"' || byte == '\\'; };
  while (from < text.size() && !special(static_cast<unsigned char>(text[from]))) ++from;
  return from;
}

TokenReader::TokenReader(std::string_view text, std::size_t max_depth)
    : text_(text), max_depth_(std::min(max_depth, kDepthCeiling)) {}

Token TokenReader::next() {
  if (failed_) return Token::fault;
  skip_space();
  begin_ = at_;
  if (at_ == text_.size()) return expect_ == Expect::nothing ? Token::end : fail();

  const char c = text_[at_];
  switch (expect_) {
    case Expect::nothing:
      return fail();
    case Expect::value:
      return read_value();
    case Expect::value_or_end:
      return c == ']' ? close() : read_value();
    case Expect::name_or_end:
      return c == '}' ? close() : read_name();
    case Expect::colon:
      if (c != ':') return fail();
      step();
      return read_value();
    case Expect::comma_or_end:
      if (c == '}' || c == ']') return close();
      if (c != ',') return fail();
      step();
      return is_object_[depth_ - 1] ? read_name() : read_value();
  }
  return fail();
}

Status TokenReader::fault() const {
  if (too_deep_) return {Error::invalid_json, "JSON is nested deeper than " + std::to_string(max_depth_)};
  if (at_ == text_.size()) return {Error::invalid_json, "invalid JSON: it ends too early"};
  return {Error::invalid_json, "invalid JSON at byte " + std::to_string(at_)};
}

void TokenReader::skip_space() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
    ++at_;
  }
}

// Advances past a comma or colon and sets what may follow.
void TokenReader::step() {
  ++at_;
  skip_space();
  begin_ = at_;
}

bool TokenReader::skip_digits() {
  const std::size_t first = at_;
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  return at_ > first;
}

Token TokenReader::fail() {
  failed_ = true;
  return Token::fault;
}

Token TokenReader::open(bool object) {
  if (depth_ == max_depth_) {
    too_deep_ = true;
    return fail();
  }
  ++at_;
  is_object_[depth_++] = object;
  expect_ = object ? Expect::name_or_end : Expect::value_or_end;
  return object ? Token::begin_object : Token::begin_array;
}

Token TokenReader::close() {
  const bool object = is_object_[depth_ - 1];
  if (text_[at_] != (object ? '}' : ']')) return fail();
  ++at_;
  --depth_;
  after_value();
  return object ? Token::end_object : Token::end_array;
}

Token TokenReader::read_name() {
  if (at_ == text_.size() || text_[at_] != '"' || !skip_string()) return fail();
  expect_ = Expect::colon;
  return Token::name;
}

Token TokenReader::read_value() {
  if (at_ == text_.size()) return fail();
  switch (text_[at_]) {
    case '{':
      return open(true);
    case '[':
      return open(false);
    case '"':
      if (!skip_string()) return fail();
      after_value();
      return Token::string;
    case 't':
      return read_literal("true", Token::true_literal);
    case 'f':
      return read_literal("false", Token::false_literal);
    case 'n':
      return read_literal("null", Token::null_literal);
    default:
      return read_number();
  }
}

Token TokenReader::read_number() {
  if (text_[at_] == '-') ++at_;
  if (at_ < text_.size() && text_[at_] == '0') {
    ++at_;
  } else if (!skip_digits()) {
    return fail();
  }
  if (at_ < text_.size() && text_[at_] == '.') {
    ++at_;
    if (!skip_digits()) return fail();
  }
  if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    ++at_;
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
    if (!skip_digits()) return fail();
  }
  after_value();
  return Token::number;
}

Token TokenReader::read_literal(std::string_view literal, Token token) {
  if (text_.substr(at_, literal.size()) != literal) return fail();
  at_ += literal.size();
  after_value();
  return token;
}

// Advances from the opening quote past the closing one.
bool TokenReader::skip_string() {
  ++at_;
  while ((at_ = find_special(text_, at_)) < text_.size()) {
    const char c = text_[at_];
    if (static_cast<unsigned char>(c) < 0x20) return false;
    ++at_;
    if (c == '"') return true;
    if (at_ == text_.size()) return false;
    const char escape = text_[at_];
    if (escape == 'u') {
      ++at_;
      for (int i = 0; i < 4; ++i, ++at_) {
        if (at_ == text_.size() || !is_hex_digit(text_[at_])) return false;
      }
    } else if (std::string_view("\"\\/bfnrt").find(escape) != std::string_view::npos) {
      ++at_;
    } else {
      return false;
    }
  }
  return false;
}

}  // namespace chat::wire::json
