// JSON functions for the codecs: a strict check (RFC 8259 and UTF-8, bounded depth), the raw bytes of members and
// elements, conversion of strings to and from UTF-8, and the check of an event's arguments. Payloads are never parsed
// into a tree and printed again, because that would lose NUL, large integers and key order. Pure functions; readers
// keep views of their input.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/types.h"
#include "wire/json/json_tokens.h"

namespace chat::wire {
namespace json {

// Checks that `text` is one value, with optional white space around it. Errors: invalid_json, invalid_utf8. Duplicate
// names and unpaired surrogates (\ud800) are valid, as for JSON.parse.
Status check(std::string_view text, std::size_t max_depth = kMaxDepth);

enum class Kind : std::uint8_t { object, array, string, number, boolean, null };

// The kind of a checked value without leading white space.
Kind kind_of(std::string_view value);

struct Member {
  std::string_view name;  // with its quotes; see equals() and unescape()
  std::string_view value;
};

// Reads the members of one object in order, including duplicates. It checks JSON syntax (not UTF-8) as it reads, so the
// members are trustworthy only when it finishes with ok(). Keeps a view only: `object` must outlive it.
class MemberReader {
 public:
  explicit MemberReader(std::string_view object, std::size_t max_depth = kMaxDepth);

  bool next(Member& member);  // false: no more members, or an error
  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }

 private:
  std::string_view object_;
  TokenReader tokens_;
  Status status_;
};

// The same for the elements of an array.
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

// Decodes a checked string (with its quotes) into UTF-8, including NUL. Returns nullopt for an unpaired surrogate,
// which UTF-8 cannot represent.
std::optional<std::string> unescape(std::string_view string);

// The same, with U+FFFD for each unpaired surrogate.
std::string unescape_lossy(std::string_view string);

// The text between the brackets of a checked array, without surrounding white space.
std::string_view inside_of(std::string_view array);

// True when a checked string (with its quotes) decodes to `text`.
bool equals(std::string_view string, std::string_view text);

// Appends valid UTF-8 as a JSON string. Escapes only what JSON requires.
void append_quoted(std::string& out, std::string_view text);
void append_number(std::string& out, std::uint64_t number);
void append_number(std::string& out, std::int64_t number);

// Parses digits only: no sign, fraction or exponent. Returns nullopt for other text and for values above 2^64 - 1.
std::optional<std::uint64_t> parse_unsigned(std::string_view number);

}  // namespace json

// Checks an event's arguments: one JSON array. Each object with "_placeholder":true, at any depth, must be Socket.IO's
// {"_placeholder":true,"num":N} (either order, no other members) with N below attachment_count, and every attachment
// must be referenced. `unplaced` allows attachments without a placeholder. Errors: invalid_json, invalid_utf8, too_many
// (attachments), invalid_argument (placeholders).
enum class Unplaced : std::uint8_t { refused, allowed };
Status check_args(std::string_view args, std::size_t attachment_count, Unplaced unplaced = Unplaced::refused);

}  // namespace chat::wire
