// What a SockJS client sends: the body of an xhr_send or jsonp_send request, or a WebSocket message. It is a JSON array of
// strings; a WebSocket message may also be one string. A body is checked whole before the first message is read, so that one
// with a fault delivers nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/json/json.h"

namespace chat::wire {

enum class SockJsBodyError : std::uint8_t { payload_expected, broken_json };

// "Payload expected." or "Broken JSON encoding.": the body of the 500 response.
std::string_view text_of(SockJsBodyError error);

// What a body may be.
enum class SockJsBodyForm : std::uint8_t { array, array_or_string };

class SockJsMessageReader {
 public:
  SockJsMessageReader(std::string body, SockJsBodyForm form);
  SockJsMessageReader(const SockJsMessageReader&) = delete;
  SockJsMessageReader& operator=(const SockJsMessageReader&) = delete;

  // nullopt: the body is well-formed. An empty body is not.
  std::optional<SockJsBodyError> error() const { return error_; }

  // False: there are no more messages, or the body has an error. An unpaired surrogate (\ud800) is read as U+FFFD, which is
  // what a browser's WebSocket sends for it.
  bool next(std::string& message);
  bool at_end() const { return messages_left_ == 0; }
  std::size_t body_bytes() const { return body_.size(); }

 private:
  std::optional<SockJsBodyError> check(SockJsBodyForm form);

  const std::string body_;
  std::string_view single_;  // the message, when there is one; otherwise empty
  std::size_t messages_left_ = 0;
  std::optional<SockJsBodyError> error_;
  json::ElementReader elements_;
};

// The JSON text in the body of a jsonp_send request: the field `d` of a form, or the body itself when its content type is not
// that of a form. Empty: there is none.
std::string sockjs_form_payload(std::string_view content_type, std::string_view body);

}  // namespace chat::wire
