// The body of POST P/{room}/messages: JSON (the fields of chat.v1's `send`), a form, or text. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/command.h"
#include "model/types.h"

namespace chat::wire {

enum class RestBody : std::uint8_t {
  json,  // application/json
  form,  // application/x-www-form-urlencoded: text, event
  text,  // text/plain
};

// The format of a Content-Type. nullopt: none of these, or a charset other than UTF-8 and US-ASCII.
std::optional<RestBody> rest_body_of(std::string_view content_type);

// The message; its room and its ref are empty. room: of the path; a JSON body may repeat it and name no other. Errors:
// invalid_argument, invalid_json, invalid_utf8, encoding, too_many (attachments).
Result<SendCommand> read_rest_message(RestBody format, std::string_view body, std::string_view room);

}  // namespace chat::wire
