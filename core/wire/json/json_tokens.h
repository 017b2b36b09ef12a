// A strict JSON tokenizer (RFC 8259) that does not copy, recurse or allocate. All other JSON code here uses it. It does
// not check UTF-8 (json::check() does) and does not interpret the tokens.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>

#include "model/types.h"

namespace chat::wire::json {

// The maximum nesting depth of a payload. An envelope around it may add levels of its own.
inline constexpr std::size_t kMaxDepth = 64;

enum class Token : std::uint8_t {
  begin_object,
  end_object,
  begin_array,
  end_array,
  name,  // of a member; its value follows
  string,
  number,
  true_literal,
  false_literal,
  null_literal,
  end,   // only white space is left
  fault  // returned by every later call, too
};

// The place of the first byte at or after `from` that a JSON string cannot contain as it is: a control character, a quote,
// a backslash. text.size() when there is none. from: at most text.size().
std::size_t find_special(std::string_view text, std::size_t from);

class TokenReader {
 public:
  // `text` must outlive the reader. max_depth: at most kDepthCeiling.
  explicit TokenReader(std::string_view text, std::size_t max_depth = kMaxDepth);

  Token next();

  // The bytes of the last token. Strings and names include their quotes.
  std::string_view token() const { return text_.substr(begin_, at_ - begin_); }
  std::size_t begin() const { return begin_; }
  std::size_t end() const { return at_; }
  std::size_t depth() const { return depth_; }

  // Describes the error and its position. Call it after Token::fault.
  Status fault() const;

  static constexpr std::size_t kDepthCeiling = 128;

 private:
  enum class Expect : std::uint8_t { value, value_or_end, name_or_end, colon, comma_or_end, nothing };

  void skip_space();
  void step();
  bool skip_digits();
  Token fail();
  Token open(bool object);
  Token close();
  Token read_name();
  Token read_value();
  Token read_number();
  Token read_literal(std::string_view literal, Token token);
  bool skip_string();
  void after_value() { expect_ = depth_ == 0 ? Expect::nothing : Expect::comma_or_end; }

  std::string_view text_;
  std::size_t max_depth_;
  std::size_t begin_ = 0;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::bitset<kDepthCeiling> is_object_;  // for each open container, outermost first
  Expect expect_ = Expect::value;
  bool failed_ = false;
  bool too_deep_ = false;
};

}  // namespace chat::wire::json
