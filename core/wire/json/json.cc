// See json.h.
#include "wire/json/json.h"

#include <array>
#include <bitset>
#include <charconv>

#include "model/message.h"
#include "model/utf8.h"

namespace chat::wire {
namespace json {
namespace {

// Skips the rest of the value whose first token was just read.
bool skip_value(TokenReader& tokens, Token first) {
  if (first != Token::begin_object && first != Token::begin_array) return first != Token::fault;
  const std::size_t outside = tokens.depth() - 1;
  while (tokens.depth() > outside) {
    if (tokens.next() == Token::fault) return false;
  }
  return true;
}

unsigned hex_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  return static_cast<unsigned>((c | 0x20) - 'a') + 10;
}

// Returns the code unit of \uXXXX whose digits start at `at`. `body` has been checked.
unsigned code_unit(std::string_view body, std::size_t at) {
  unsigned unit = 0;
  for (std::size_t i = at; i < at + 4; ++i) unit = unit << 4 | hex_value(body[i]);
  return unit;
}

void append_utf8(std::string& out, unsigned code) {
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    tail(6), tail(0);
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    tail(12), tail(6), tail(0);
  }
}

// Decodes the escape whose backslash is at body[at] and advances `at`. Returns false for an unpaired surrogate.
bool append_escape(std::string& out, std::string_view body, std::size_t& at) {
  const char escape = body[at + 1];
  if (escape != 'u') {
    constexpr std::string_view kEscapes = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    out += kMeanings[kEscapes.find(escape)];
    at += 2;
    return true;
  }
  unsigned code = code_unit(body, at + 2);
  at += 6;
  if (code >= 0xDC00 && code < 0xE000) return false;
  if (code >= 0xD800 && code < 0xDC00) {
    if (body.substr(at, 2) != "\\u") return false;
    const unsigned low = code_unit(body, at + 2);
    if (low < 0xDC00 || low >= 0xE000) return false;
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    at += 6;
  }
  append_utf8(out, code);
  return true;
}

std::string_view without_quotes(std::string_view string) { return string.substr(1, string.size() - 2); }

// Decodes a checked string. False: it has an unpaired surrogate, where decoding stopped unless there is a replacement.
bool append_unescaped(std::string& text, std::string_view string, std::string_view replacement) {
  const std::string_view body = without_quotes(string);
  text.reserve(body.size());
  std::size_t plain = 0;
  bool paired = true;
  for (std::size_t at = body.find('\\'); at != std::string_view::npos; at = body.find('\\', at)) {
    text.append(body, plain, at - plain);
    if (!append_escape(text, body, at)) {
      paired = false;
      if (replacement.empty()) return false;
      text += replacement;
    }
    plain = at;
  }
  text.append(body, plain);
  return paired;
}

}  // namespace

Status check(std::string_view text, std::size_t max_depth) {
  if (!is_utf8(text)) return {Error::invalid_utf8, "the JSON is not UTF-8"};
  TokenReader tokens(text, max_depth);
  for (;;) {
    const Token token = tokens.next();
    if (token == Token::end) return {};
    if (token == Token::fault) return tokens.fault();
  }
}

Kind kind_of(std::string_view value) {
  switch (value.empty() ? 'n' : value.front()) {
    case '{':
      return Kind::object;
    case '[':
      return Kind::array;
    case '"':
      return Kind::string;
    case 't':
    case 'f':
      return Kind::boolean;
    case 'n':
      return Kind::null;
    default:
      return Kind::number;
  }
}

MemberReader::MemberReader(std::string_view object, std::size_t max_depth)
    : object_(object), tokens_(object, max_depth) {
  const Token token = tokens_.next();
  if (token == Token::begin_object) return;
  status_ = token == Token::fault ? tokens_.fault() : Status{Error::invalid_json, "not a JSON object"};
}

bool MemberReader::next(Member& member) {
  if (!status_.ok()) return false;
  Token token = tokens_.next();
  if (token == Token::name) {
    member.name = tokens_.token();
    token = tokens_.next();
    const std::size_t begin = tokens_.begin();
    if (skip_value(tokens_, token)) {
      member.value = object_.substr(begin, tokens_.end() - begin);
      return true;
    }
  } else if (token == Token::end_object) {
    token = tokens_.next();
  }
  if (token != Token::end) status_ = tokens_.fault();
  return false;
}

ElementReader::ElementReader(std::string_view array, std::size_t max_depth) : array_(array), tokens_(array, max_depth) {
  const Token token = tokens_.next();
  if (token == Token::begin_array) return;
  status_ = token == Token::fault ? tokens_.fault() : Status{Error::invalid_json, "not a JSON array"};
}

bool ElementReader::next(std::string_view& element) {
  if (!status_.ok()) return false;
  Token token = tokens_.next();
  if (token == Token::end_array) {
    token = tokens_.next();
  } else if (token != Token::end && token != Token::fault) {
    const std::size_t begin = tokens_.begin();
    if (skip_value(tokens_, token)) {
      element = array_.substr(begin, tokens_.end() - begin);
      return true;
    }
  }
  if (token != Token::end) status_ = tokens_.fault();
  return false;
}

std::optional<std::string> unescape(std::string_view string) {
  std::string text;
  if (!append_unescaped(text, string, {})) return std::nullopt;
  return text;
}

std::string unescape_lossy(std::string_view string) {
  std::string text;
  append_unescaped(text, string, "\xEF\xBF\xBD");
  return text;
}

std::string_view inside_of(std::string_view array) {
  constexpr std::string_view kSpace = " \t\r\n";
  array = array.substr(array.find('[') + 1);
  array = array.substr(0, array.rfind(']'));
  const std::size_t first = array.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return array.substr(first, array.find_last_not_of(kSpace) - first + 1);
}

bool equals(std::string_view string, std::string_view text) {
  const std::string_view body = without_quotes(string);
  if (body.find('\\') == std::string_view::npos) return body == text;
  const std::optional<std::string> unescaped = unescape(string);
  return unescaped && *unescaped == text;
}

void append_quoted(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;
  for (std::size_t i = find_special(text, 0); i < text.size(); i = find_special(text, i + 1)) {
    const auto byte = static_cast<unsigned char>(text[i]);
    out.append(text, plain, i - plain);
    plain = i + 1;
    out += '\\';
    switch (byte) {
      case '"':
      case '\\':
        out += static_cast<char>(byte);
        break;
      case '\b':
        out += 'b';
        break;
      case '\f':
        out += 'f';
        break;
      case '\n':
        out += 'n';
        break;
      case '\r':
        out += 'r';
        break;
      case '\t':
        out += 't';
        break;
      default:
        out += "u00";
        out += kHex[byte >> 4];
        out += kHex[byte & 0xF];
    }
  }
  out.append(text, plain);
  out += '"';
}

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 24> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

void append_number(std::string& out, std::int64_t number) {
  std::array<char, 24> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

std::optional<std::uint64_t> parse_unsigned(std::string_view number) {
  std::uint64_t value = 0;
  const char* end = number.data() + number.size();
  const auto [stop, error] = std::from_chars(number.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace json

namespace {

// Validates placeholders in the tokens of an argument list.
class PlaceholderCheck {
 public:
  explicit PlaceholderCheck(std::size_t attachment_count) : attachment_count_(attachment_count) {}

  // Returns false when an object is marked as a placeholder but is not a valid one.
  bool see(json::Token token, const json::TokenReader& tokens) {
    const Name name = name_;
    name_ = Name::other;
    switch (token) {
      case json::Token::begin_object:
        objects_[tokens.depth()] = {};
        return true;
      case json::Token::name:
        ++objects_[tokens.depth()].member_count;
        if (json::equals(tokens.token(), "_placeholder")) {
          name_ = Name::placeholder;
        } else if (json::equals(tokens.token(), "num")) {
          name_ = Name::num;
        }
        return true;
      case json::Token::true_literal:
        if (name == Name::placeholder) objects_[tokens.depth()].marked = true;
        return true;
      case json::Token::number:
        if (name == Name::num) objects_[tokens.depth()].num = tokens.token();
        return true;
      case json::Token::end_object:
        return end_object(objects_[tokens.depth() + 1]);
      default:
        return true;
    }
  }

  bool saw_all() const { return seen_.count() == attachment_count_; }

 private:
  enum class Name : std::uint8_t { other, placeholder, num };

  struct Object {
    std::size_t member_count = 0;
    bool marked = false;
    std::string_view num;
  };

  bool end_object(const Object& object) {
    if (!object.marked) return true;
    const std::optional<std::uint64_t> num = json::parse_unsigned(object.num);
    if (object.member_count != 2 || !num || *num >= attachment_count_) return false;
    seen_[*num] = true;
    return true;
  }

  std::size_t attachment_count_;
  std::bitset<kMaxAttachments> seen_;
  Name name_ = Name::other;                          // of the member whose value follows
  std::array<Object, json::kMaxDepth + 1> objects_;  // by depth; the outermost container has depth 1
};

}  // namespace

Status check_args(std::string_view args, std::size_t attachment_count, Unplaced unplaced) {
  if (attachment_count > kMaxAttachments) return {Error::too_many, "more than 10 attachments"};
  if (!is_utf8(args)) return {Error::invalid_utf8, "the arguments are not UTF-8"};
  json::TokenReader tokens(args);
  PlaceholderCheck placeholders(attachment_count);
  json::Token token = tokens.next();
  if (token != json::Token::begin_array && token != json::Token::fault)
    return {Error::invalid_json, "the arguments are not a JSON array"};
  for (; token != json::Token::end; token = tokens.next()) {
    if (token == json::Token::fault) return tokens.fault();
    if (!placeholders.see(token, tokens)) return {Error::invalid_argument, "a placeholder refers to no attachment"};
  }
  if (unplaced == Unplaced::refused && !placeholders.saw_all())
    return {Error::invalid_argument, "an attachment has no placeholder"};
  return {};
}

}  // namespace chat::wire
