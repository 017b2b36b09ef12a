// The WebSocket handshake, RFC 6455 section 4.2: which endpoint it is for, whether it may be, and who will use the link.
#pragma once

#include <optional>
#include <string>

#include "net/http.h"

namespace chat::net {

class Connection;

struct WebSocketOpening {
  std::string subprotocol;        // of the answer; empty: none
  std::string bound_subprotocol;  // one that was offered, for libwebsockets to bind to; empty when none was
  bool may_deflate = false;
};

// Gives the connection its link, and says what to answer; or the refusal.
std::optional<HttpResponse> open_websocket(Connection& connection, const HttpRequest& request,
                                           WebSocketOpening& opening);

}  // namespace chat::net
