// Any bytes as JSON: all readers must agree on what it is, and a string that is read and written again must stay the same.
// UTF-8 is checked against a reading that goes by code points.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fuzz.h"
#include "model/message.h"
#include "model/utf8.h"
#include "wire/json/json.h"
#include "wire/payload.h"

using namespace chat;
using namespace chat::fuzz;
using namespace chat::wire;

namespace {

bool is_utf8_plainly(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const auto lead = static_cast<unsigned char>(bytes[at]);
    const std::size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    if (length == 0 || bytes.size() - at < length) return false;
    std::uint32_t code = length == 1 ? lead : lead & (0x7F >> length);
    for (std::size_t i = 1; i < length; ++i) {
      const auto tail = static_cast<unsigned char>(bytes[at + i]);
      if (tail >> 6 != 2) return false;
      code = code << 6 | (tail & 0x3F);
    }
    constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kSmallest[length] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
    at += length;
  }
  return true;
}

void check_tokens(std::string_view text, bool valid) {
  json::TokenReader tokens(text);
  std::size_t last_end = 0;
  for (;;) {
    const json::Token token = tokens.next();
    if (token == json::Token::fault) {
      require(!valid && !tokens.fault().ok() && tokens.next() == json::Token::fault);
      return;
    }
    require(tokens.begin() >= last_end && tokens.end() >= tokens.begin() && tokens.end() <= text.size());
    last_end = tokens.end();
    require(tokens.depth() <= json::kMaxDepth);
    if (token == json::Token::end) return;
  }
}

// With its quotes, checked.
void check_string(std::string_view string) {
  const std::optional<std::string> text = json::unescape(string);
  if (!text) return;  // an unpaired surrogate
  require(is_utf8(*text) && json::equals(string, *text));
  std::string quoted;
  json::append_quoted(quoted, *text);
  require(json::check(quoted).ok() && json::kind_of(quoted) == json::Kind::string);
  require(json::unescape(quoted) == text && json::equals(quoted, *text));
}

void check_value(std::string_view value);

// Whether all members could be read.
bool read_members(std::string_view object, bool valid) {
  json::MemberReader members(object);
  for (json::Member member; members.next(member);) {
    if (!valid) continue;
    check_string(member.name);
    check_value(member.value);
  }
  return members.ok();
}

bool read_elements(std::string_view array, bool valid) {
  json::ElementReader elements(array);
  for (std::string_view element; elements.next(element);) {
    if (valid) check_value(element);
  }
  return elements.ok();
}

// Without white space around it, known to be good.
void check_value(std::string_view value) {
  require(!value.empty() && json::check(value).ok());
  const json::Kind kind = json::kind_of(value);
  if (kind == json::Kind::string) check_string(value);
  if (kind == json::Kind::number) (void)json::parse_unsigned(value);
}

void check_arguments(std::string_view text, bool valid) {
  for (const std::size_t count : {0, 1, 2}) {
    MessageDraft draft;
    draft.attachments.resize(count);
    const bool fits = check_args(text, count).ok();
    require(valid || !fits);
    require(set_args(draft, text).ok() == fits);
    if (!fits) continue;
    if (draft.kind == PayloadKind::text) {
      require(count == 0 && is_utf8(draft.payload));
    } else {
      require(check_args(draft.payload, count).ok());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const bool utf8 = is_utf8(text);
  require(utf8 == is_utf8_plainly(text));
  const bool valid = json::check(text).ok();
  require(utf8 || !valid);
  const bool printable = std::all_of(text.begin(), text.end(),
                                     [](unsigned char c) { return c >= 0x20 || c == '\t' || c == '\r' || c == '\n'; });
  require(printable || !valid);
  require(!json::check(text, 3).ok() || valid);
  if (utf8) check_tokens(text, valid);

  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const char bracket = first == std::string_view::npos ? ' ' : text[first];
  const bool object = read_members(text, valid && bracket == '{');
  const bool array = read_elements(text, valid && bracket == '[');
  if (utf8) require(object == (valid && bracket == '{') && array == (valid && bracket == '['));
  check_arguments(text, valid);

  if (utf8) {
    std::string quoted;
    json::append_quoted(quoted, text);
    require(json::check(quoted).ok() && json::equals(quoted, text));
    for (std::size_t limit = 0; limit < 8; ++limit) {
      const std::string_view prefix = utf8_prefix(text, limit);
      require(prefix.size() <= limit && is_utf8(prefix) && (prefix.size() + 4 > limit || prefix == text));
    }
  }
  return 0;
}
