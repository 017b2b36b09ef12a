// What a SockJS session asks of the code that holds its sockets, in this order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace chat::session {

// Why the client of a session is gone.
enum class SockJsClose : std::uint8_t {
  closed_here,     // SockJsSession::close()
  timed_out,       // no request received frames for the session's time-out
  interrupted,     // the connection of a receiving request broke: messages may be lost
  websocket_lost,  // the client closed its WebSocket, or the connection broke
  broken_framing,  // a WebSocket message is not JSON
};

constexpr std::string_view text_of(SockJsClose reason) {
  constexpr std::string_view kTexts[] = {"closed here", "timed out", "connection interrupted", "transport close",
                                         "broken framing"};
  return kTexts[static_cast<std::size_t>(reason)];
}

namespace sockjs {

// The request that just arrived receives from now on: 200, its transport's content type, and this at the beginning of the
// body. It is the receiver until a Write with `last`, DropReceiver, or SockJsSession::receiver_lost().
struct StartReceiver {
  std::string prelude;
};

// More of the receiver's body. last: the response is complete.
struct Write {
  std::string bytes;
  bool last = false;
};

// The receiver's connection is to be closed in the middle of the response. receiver_lost() does not follow.
struct DropReceiver {};

// The request that just arrived is not the receiver: 200, its transport's content type, this whole body.
struct AnswerReceiver {
  std::string body;
};

// The request that just arrived is not for this session: 404.
struct RefuseReceiver {};

// The xhr_send or jsonp_send request of this number. 204 (of jsonp_send 200 with "ok"), or 500 and 503 with `text` as the
// body. It may be gone already.
struct AnswerSend {
  std::uint64_t request = 0;
  int status = 204;
  std::string_view text;
};

// A text frame.
struct SendWebSocket {
  std::string text;
};

// Closes the session's WebSocket behind what is queued for it.
struct CloseWebSocket {
  std::uint16_t code = 1000;
  std::string reason;
};

// A message for the layer above.
struct Deliver {
  std::string text;
};

// Nothing more comes from the client. Occurs once. A session over HTTP stays, to give later requests what is queued and the
// close frame.
struct Closed {
  SockJsClose reason = SockJsClose::timed_out;
};

// The session's id is free. The last action of a session.
struct Forgotten {};

}  // namespace sockjs

using SockJsAction = std::variant<sockjs::StartReceiver, sockjs::Write, sockjs::DropReceiver, sockjs::AnswerReceiver,
                                  sockjs::RefuseReceiver, sockjs::AnswerSend, sockjs::SendWebSocket,
                                  sockjs::CloseWebSocket, sockjs::Deliver, sockjs::Closed, sockjs::Forgotten>;
using SockJsActions = std::vector<SockJsAction>;

}  // namespace chat::session
