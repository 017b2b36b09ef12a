// What an Engine.IO session wants done, in this order, by whoever holds the sockets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "wire/engine_io/engine_io.h"

namespace chat::session {

// The reference server's reasons; see text_of().
enum class EngineIoClose : std::uint8_t {
  transport_close,  // the client closed, or its WebSocket is gone
  transport_error,  // a request broke off, or the client broke the protocol's rules
  parse_error,
  ping_timeout,
  forced_close,  // by this side
};

constexpr std::string_view text_of(EngineIoClose reason) {
  constexpr std::string_view kTexts[] = {"transport close", "transport error", "parse error", "ping timeout",
                                         "forced close"};
  return kTexts[static_cast<std::size_t>(reason)];
}

// The held GET: 200, text/plain; charset=UTF-8, Cache-Control: no-store.
struct AnswerPoll {
  std::string body;
};

// The POST in flight. 200: text/html, "ok". 400: the JSON of EngineIoError::bad_request. 413:
// empty.
struct AnswerPost {
  int status = 200;
};

// The GET or POST that has just been told of: 400, with the JSON of the error; empty when it overlaps another.
struct RefuseRequest {
  std::optional<wire::EngineIoError> error = std::nullopt;
};

// One text frame.
struct SendWebSocket {
  std::string text;
};

// The session's WebSocket, after what is queued for it. What comes from it later is not the
// session's.
struct CloseWebSocket {};

// A message for the layer above. To be dropped when the layer above has closed the session over a message before it.
struct Deliver {
  bool binary = false;
  std::string bytes;
};

// A ping leaves with the next action, behind all that the layer above has queued so far. Its answer says that the client has all
// of that.
struct PingSent {};
struct PingAnswered {};

// From here on the WebSocket is the transport: the queue goes there, before anything else.
struct Upgraded {};

// The sid is forgotten, and the layer above told. The last action of a session, but for the answer to the POST that it was
// in.
struct Closed {
  EngineIoClose reason = EngineIoClose::transport_close;
};

using EngineIoAction = std::variant<AnswerPoll, AnswerPost, RefuseRequest, SendWebSocket, CloseWebSocket, Deliver,
                                    PingSent, PingAnswered, Upgraded, Closed>;
using EngineIoActions = std::vector<EngineIoAction>;

}  // namespace chat::session
