// See error_text.h.
#include "wire/error_text.h"

#include <algorithm>

#include "model/utf8.h"

namespace chat::wire {

const char* error_name(Error code) {
  switch (code) {
    case Error::invalid_argument:
      return "invalid_argument";
    case Error::no_memory:
      return "no_memory";
    case Error::no_such_client:
      return "no_such_client";
    case Error::no_such_room:
      return "no_such_room";
    case Error::no_such_message:
      return "no_such_message";
    case Error::invalid_room:
      return "invalid_room";
    case Error::invalid_event:
      return "invalid_event";
    case Error::invalid_json:
      return "invalid_json";
    case Error::invalid_utf8:
      return "invalid_utf8";
    case Error::too_large:
      return "too_large";
    case Error::too_many:
      return "too_many";
    case Error::forbidden:
      return "forbidden";
    case Error::banned:
      return "banned";
    case Error::not_joined:
      return "not_joined";
    case Error::rate_limited:
      return "rate_limited";
    case Error::stopped:
      return "stopped";
    case Error::unavailable:
      return "unavailable";
    case Error::muted:
      return "muted";
    case Error::slow_mode:
      return "slow_mode";
    case Error::read_only:
      return "read_only";
    case Error::wrong_state:
      return "wrong_state";
    case Error::name_taken:
      return "name_taken";
    case Error::repeated:
      return "repeated";
    case Error::no_links:
      return "no_links";
    case Error::unsupported:
      return "unknown_type";  // chat.v1 reports every unsupported command as an unknown type
    case Error::encoding:
      return "encoding";
    default:
      return "internal";
  }
}

std::string valid_reason(std::string reason) {
  if (!is_utf8(reason)) {
    std::replace_if(
        reason.begin(), reason.end(), [](char c) { return (c & 0x80) != 0; }, '?');
  }
  return reason;
}

}  // namespace chat::wire
