// See rest_body.h.
#include "wire/rest/rest_body.h"

#include <string>
#include <utility>
#include <variant>

#include "model/utf8.h"
#include "wire/chat_v1/chat_v1_reader.h"
#include "wire/codec.h"
#include "wire/http/syntax.h"

namespace chat::wire {
namespace {

// The value of the parameter `charset`; empty when there is none.
std::string_view charset_of(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::size_t end = parameters.find(';');
    const std::string_view parameter = trim_blanks(parameters.substr(0, end));
    parameters = end == std::string_view::npos ? std::string_view() : parameters.substr(end + 1);
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos || !equals_ignoring_case(parameter.substr(0, equals), "charset")) continue;
    std::string_view value = parameter.substr(equals + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    return value;
  }
  return {};
}

Status not_utf8() { return {Error::invalid_utf8, "the body is not UTF-8"}; }

Result<SendCommand> read_json(std::string_view body, std::string_view room) {
  ChatV1Reader reader(false, body);
  if (reader.malformed()) {
    ErrorReply error = reader.error();
    return {error.code, std::move(error.reason)};
  }
  Decoded decoded = reader.read_message();
  if (auto* const error = std::get_if<DecodeError>(&decoded)) {
    return {error->reply.code, std::move(error->reply.reason)};
  }
  SendCommand command = std::move(std::get<SendCommand>(std::get<Command>(decoded)));
  if (!command.draft().room.empty() && command.draft().room != room) {
    return {Error::invalid_argument, "room names another room than the path"};
  }
  command.draft().room.clear();
  return command;
}

Result<SendCommand> read_form(std::string_view body) {
  SendCommand command;
  bool has_text = false;
  bool has_event = false;
  while (!body.empty()) {
    const std::size_t end = body.find('&');
    const std::string_view field = body.substr(0, end);
    body = end == std::string_view::npos ? std::string_view() : body.substr(end + 1);
    const std::size_t equals = field.find('=');
    const std::string name = form_decoded(field.substr(0, equals));
    if (name != "text" && name != "event") continue;
    bool& seen = name == "text" ? has_text : has_event;
    if (std::exchange(seen, true)) return {Error::invalid_argument, name + " occurs twice"};
    std::string value = equals == std::string_view::npos ? std::string() : form_decoded(field.substr(equals + 1));
    if (!is_utf8(value)) return not_utf8();
    (name == "text" ? command.draft().payload : command.draft().event) = std::move(value);
  }
  if (!has_text) return {Error::invalid_argument, "text is missing"};
  return command;
}

}  // namespace

std::optional<RestBody> rest_body_of(std::string_view content_type) {
  const std::size_t end = content_type.find(';');
  const std::string_view type = trim_blanks(content_type.substr(0, end));
  if (end != std::string_view::npos) {
    const std::string_view charset = charset_of(content_type.substr(end + 1));
    const bool known = charset.empty() || equals_ignoring_case(charset, "utf-8") ||
                       equals_ignoring_case(charset, "utf8") || equals_ignoring_case(charset, "us-ascii");
    if (!known) return std::nullopt;
  }
  if (equals_ignoring_case(type, "application/json")) return RestBody::json;
  if (equals_ignoring_case(type, "application/x-www-form-urlencoded")) return RestBody::form;
  if (equals_ignoring_case(type, "text/plain")) return RestBody::text;
  return std::nullopt;
}

Result<SendCommand> read_rest_message(RestBody format, std::string_view body, std::string_view room) {
  switch (format) {
    case RestBody::json:
      return read_json(body, room);
    case RestBody::form:
      return read_form(body);
    case RestBody::text:
      break;
  }
  if (!is_utf8(body)) return not_utf8();
  SendCommand command;
  command.draft().payload = body;
  return command;
}

}  // namespace chat::wire
