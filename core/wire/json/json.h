// What the codecs need of JSON: a strict check (RFC 8259 and UTF-8, bounded depth), the raw bytes
// of an object's members and an array's elements, strings to and from UTF-8, and the rule for an
// event's list of arguments. Payloads are never parsed into a tree and printed again: that would
// lose NUL, large integers and the order of keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/types.h"
#include "wire/json/json_tokens.h"

namespace chat::wire {
namespace json {

// One value with nothing but white space around it. invalid_json or invalid_utf8. Duplicate names
// and unpaired surrogates (\ud800) pass, as they do in JSON.parse.
Status check(std::string_view text, std::size_t max_depth = kMaxDepth);

enum class Kind : std::uint8_t { object, array, string, number, boolean, null };

// Of a value that has been checked, without white space before it.
Kind kind_of(std::string_view value);

struct Member {
  std::string_view name;  // with its quotes; see equals() and unescape()
  std::string_view value;
};

// The members of one object in their order, duplicates too. Checks the JSON while it goes (but not
// UTF-8), so what it has given counts only when it ends with ok(). Keeps no copy of `object`.
class MemberReader {
 public:
  explicit MemberReader(std::string_view object, std::size_t max_depth = kMaxDepth);

  bool next(Member& member);  // false: no more, or a fault
  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }

 private:
  std::string_view object_;
  TokenReader tokens_;
  Status status_;
};

// The same for the elements of one array.
class ElementReader {
 public:
  explicit ElementReader(std::string_view array, std::size_t max_depth = kMaxDepth);

  bool next(std::string_view& element);
  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }

 private:
  std::string_view array_;
  TokenReader tokens_;
  Status status_;
};

// The UTF-8 that a checked string (with its quotes) stands for, NUL included. nullopt: an unpaired
// surrogate, which UTF-8 cannot hold.
std::optional<std::string> unescape(std::string_view string);

// Whether a checked string (with its quotes) stands for `text`.
bool equals(std::string_view string, std::string_view text);

// Appends valid UTF-8 as a JSON string. Escapes what must be and nothing else.
void append_quoted(std::string& out, std::string_view text);
void append_number(std::string& out, std::uint64_t number);
void append_number(std::string& out, std::int64_t number);

// Digits alone: no sign, fraction or exponent. nullopt also above 2^64 - 1.
std::optional<std::uint64_t> parse_unsigned(std::string_view number);

}  // namespace json

// An event's arguments: one JSON array. Every object in it, however deep, with "_placeholder":true
// must be Socket.IO's {"_placeholder":true,"num":N} (in either order, nothing else in it) with N
// below attachment_count, and every attachment must be referred to. invalid_json, invalid_utf8,
// too_many (attachments), invalid_argument (placeholders).
enum class Unplaced : std::uint8_t { refused, allowed };
Status check_args(std::string_view args, std::size_t attachment_count, Unplaced unplaced = Unplaced::refused);

}  // namespace chat::wire
