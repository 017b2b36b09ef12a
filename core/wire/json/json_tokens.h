// Cuts JSON text into tokens, as strictly as RFC 8259 says, without copying, recursing or
// allocating: what all other JSON code here stands on. It does not check UTF-8 (json::check does)
// and knows nothing of what the tokens mean.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>

#include "model/types.h"

namespace chat::wire::json {

// Containers within containers. What a payload may have; an envelope around it has its own levels
// on top.
inline constexpr std::size_t kMaxDepth = 64;

enum class Token : std::uint8_t {
  begin_object,
  end_object,
  begin_array,
  end_array,
  name,  // of a member; its value is the next token
  string,
  number,
  true_literal,
  false_literal,
  null_literal,
  end,   // nothing but white space is left
  fault  // and so for ever after
};

class TokenReader {
 public:
  // max_depth: at most kDepthCeiling.
  explicit TokenReader(std::string_view text, std::size_t max_depth = kMaxDepth);

  Token next();

  // The bytes of the last token; a string or a name with its quotes.
  std::string_view token() const { return text_.substr(begin_, at_ - begin_); }
  std::size_t begin() const { return begin_; }
  std::size_t end() const { return at_; }
  std::size_t depth() const { return depth_; }

  // After Token::fault: what and where.
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
  std::bitset<kDepthCeiling> is_object_;  // of the open containers, outermost first
  Expect expect_ = Expect::value;
  bool failed_ = false;
  bool too_deep_ = false;
};

}  // namespace chat::wire::json
