// See sockjs_body.h.
#include "wire/sockjs/sockjs_body.h"

#include <utility>

#include "model/utf8.h"
#include "wire/http/syntax.h"

namespace chat::wire {
namespace {

std::string_view without_space(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

enum class Surrogate : std::uint8_t { none, high, low };

// What the escape at string[at] stands for, as \uXXXX; `string` is a checked JSON string.
Surrogate surrogate_at(std::string_view string, std::size_t at) {
  if (string.substr(at, 2) != "\\u" || (string[at + 2] | 0x20) != 'd') return Surrogate::none;
  const char digit = string[at + 3];
  if (digit < '8') return Surrogate::none;
  return digit == '8' || digit == '9' || (digit | 0x20) == 'a' || (digit | 0x20) == 'b' ? Surrogate::high
                                                                                        : Surrogate::low;
}

// Writes U+FFFD over each unpaired surrogate of a checked JSON string.
std::string replace_unpaired(std::string_view string) {
  constexpr std::size_t kEscapeBytes = 6;
  std::string replaced(string);
  for (std::size_t at = replaced.find('\\'); at != std::string::npos; at = replaced.find('\\', at)) {
    const Surrogate surrogate = surrogate_at(replaced, at);
    if (surrogate == Surrogate::high && surrogate_at(replaced, at + kEscapeBytes) == Surrogate::low) {
      at += 2 * kEscapeBytes;
    } else if (surrogate != Surrogate::none) {
      replaced.replace(at, kEscapeBytes, "\\ufffd");
      at += kEscapeBytes;
    } else {
      at += 2;
    }
  }
  return replaced;
}

std::string read_string(std::string_view string) {
  if (std::optional<std::string> text = json::unescape(string)) return *std::move(text);
  return json::unescape(replace_unpaired(string)).value_or("");
}

}  // namespace

std::string_view text_of(SockJsBodyError error) {
  return error == SockJsBodyError::payload_expected ? "Payload expected." : "Broken JSON encoding.";
}

SockJsMessageReader::SockJsMessageReader(std::string body, SockJsBodyForm form)
    : body_(std::move(body)), error_(check(form)), elements_(body_) {
  if (error_) messages_left_ = 0;
}

std::optional<SockJsBodyError> SockJsMessageReader::check(SockJsBodyForm form) {
  if (body_.empty()) return SockJsBodyError::payload_expected;
  const std::string_view value = without_space(body_);
  if (json::kind_of(value) != json::Kind::array) {
    if (!json::check(body_).ok()) return SockJsBodyError::broken_json;
    if (json::kind_of(value) != json::Kind::string || form != SockJsBodyForm::array_or_string) {
      return SockJsBodyError::payload_expected;
    }
    single_ = value;
    messages_left_ = 1;
    return std::nullopt;
  }
  if (!is_utf8(body_)) return SockJsBodyError::broken_json;
  json::ElementReader elements(body_);
  for (std::string_view element; elements.next(element); ++messages_left_) {
    if (json::kind_of(element) != json::Kind::string) return SockJsBodyError::broken_json;
    single_ = element;
  }
  if (messages_left_ != 1) single_ = {};
  if (!elements.ok()) return SockJsBodyError::broken_json;
  return std::nullopt;
}

bool SockJsMessageReader::next(std::string& message) {
  if (messages_left_ == 0) return false;
  --messages_left_;
  std::string_view string = single_;
  if (string.empty() && !elements_.next(string)) return false;
  message = read_string(string);
  return true;
}

std::string sockjs_form_payload(std::string_view content_type, std::string_view body) {
  const std::string_view media_type = trim_blanks(content_type.substr(0, content_type.find(';')));
  if (!equals_ignoring_case(media_type, "application/x-www-form-urlencoded")) return std::string(body);
  while (!body.empty()) {
    const std::size_t end = body.find('&');
    const std::string_view field = body.substr(0, end);
    const std::size_t equals = field.find('=');
    if (equals != std::string_view::npos && form_decoded(field.substr(0, equals)) == "d")
      return form_decoded(field.substr(equals + 1));
    body = end == std::string_view::npos ? std::string_view() : body.substr(end + 1);
  }
  return {};
}

}  // namespace chat::wire
