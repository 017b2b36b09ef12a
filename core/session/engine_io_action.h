// The actions of an Engine.IO machine. The net layer, which has the sockets, carries them out in this order.
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
  transport_close,  // the client closed the session, or its WebSocket ended
  transport_error,  // a request was lost, or the client broke the rules of the protocol
  parse_error,
  ping_timeout,
  forced_close,  // by the server
};

constexpr std::string_view text_of(EngineIoClose reason) {
  constexpr std::string_view kTexts[] = {"transport close", "transport error", "parse error", "ping timeout",
                                         "forced close"};
  return kTexts[static_cast<std::size_t>(reason)];
}

// Answers the held GET: 200, text/plain; charset=UTF-8, Cache-Control: no-store.
struct AnswerPoll {
  std::string body;
};

// Answers the POST in flight. 200: text/html, "ok". 400: the JSON of EngineIoError::bad_request. 413: empty.
struct AnswerPost {
  int status = 200;
};

// Answers the GET or POST that was passed last: 400 with the JSON of the error, or empty if the request overlaps another one.
struct RefuseRequest {
  std::optional<wire::EngineIoError> error = std::nullopt;
};

// Sends one text frame.
struct SendWebSocket {
  std::string text;
};

// Closes the session's WebSocket after what is queued for it. The session takes no more input from it.
struct CloseWebSocket {};

// A message for the layer above, which ignores it if it has closed the session because of an earlier message.
struct Deliver {
  bool binary = false;
  std::string bytes;
};

// A ping is sent with the next action, after everything that the layer above has queued so far. Its answer proves that the
// client has received all of that.
struct PingSent {};
struct PingAnswered {};

// The WebSocket is the transport from now on. The queue is sent there first.
struct Upgraded {};

// The session has ended. This is its last action, except for the answer to the POST that ended it.
struct Closed {
  EngineIoClose reason = EngineIoClose::transport_close;
};

using EngineIoAction = std::variant<AnswerPoll, AnswerPost, RefuseRequest, SendWebSocket, CloseWebSocket, Deliver,
                                    PingSent, PingAnswered, Upgraded, Closed>;
using EngineIoActions = std::vector<EngineIoAction>;

}  // namespace chat::session
