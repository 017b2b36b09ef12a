// See sockjs_frame.h.
#include "wire/sockjs/sockjs_frame.h"

#include "model/utf8.h"
#include "wire/json/json.h"

namespace chat::wire {
namespace {

void append_code_unit(std::string& out, unsigned unit) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u";
  for (unsigned shift = 16; shift != 0; shift -= 4) out += kHex[(unit >> (shift - 4)) & 0xF];
}

unsigned char byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
}

// The code point of the `length` bytes at `at`.
unsigned code_point(std::string_view text, std::size_t at, unsigned length) {
  unsigned code = byte_at(text, at) & (0x7FU >> length);
  for (unsigned i = 1; i < length; ++i) code = code << 6 | (byte_at(text, at + i) & 0x3FU);
  return code;
}

bool is_troublesome(unsigned code) {
  return (code >= 0x200C && code <= 0x200F) || (code >= 0x2028 && code <= 0x202F) ||
         (code >= 0x2060 && code <= 0x206F) || code >= 0xFFF0;
}

// Steps to the next character that JSON alone would leave as it is and SockJS escapes. Only three lead bytes begin one.
// Returns the number of its bytes, or 0 at the end.
unsigned find_troublesome(std::string_view text, std::size_t& at) {
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80) {
      at += ascii_prefix(text.substr(at));
      continue;
    }
    const unsigned length = byte >= 0xF0 ? 4 : 3;
    const bool leads = byte == 0xE2 || byte == 0xEF || byte >= 0xF0;
    if (leads && is_troublesome(code_point(text, at, length))) return length;
    ++at;
  }
  return 0;
}

}  // namespace

void append_sockjs_quoted(std::string& out, std::string_view text) {
  std::size_t at = out.size();
  json::append_quoted(out, text);
  unsigned length = find_troublesome(out, at);
  if (length == 0) return;

  const std::string quoted = out.substr(at);
  out.resize(at);
  std::size_t plain = 0;
  for (at = 0; length != 0; length = find_troublesome(quoted, at)) {
    out.append(quoted, plain, at - plain);
    const unsigned code = code_point(quoted, at, length);
    if (code >= 0x10000) {
      append_code_unit(out, 0xD800 + ((code - 0x10000) >> 10));
      append_code_unit(out, 0xDC00 + (code & 0x3FF));
    } else {
      append_code_unit(out, code);
    }
    at += length;
    plain = at;
  }
  out.append(quoted, plain);
}

void append_sockjs_element(std::string& elements, std::string_view text) {
  if (!elements.empty()) elements += ',';
  append_sockjs_quoted(elements, text);
}

std::string sockjs_array_frame(std::string_view elements) {
  std::string frame = "a[";
  frame += elements;
  frame += ']';
  return frame;
}

std::string sockjs_message_frame(std::string_view text) {
  std::string frame = "a[";
  append_sockjs_quoted(frame, text);
  frame += ']';
  return frame;
}

std::string sockjs_close_frame(std::uint16_t code, std::string_view reason) {
  std::string frame = "c[" + std::to_string(code) + ',';
  append_sockjs_quoted(frame, reason);
  frame += ']';
  return frame;
}

}  // namespace chat::wire
