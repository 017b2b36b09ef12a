// The WebSocket handshake, RFC 6455 section 4.2: which endpoint it is for, whether it may be, and who will use the link.
#pragma once

#include <optional>

#include "net/http/http.h"

namespace chat::net {

class Connection;

// Gives the connection a link that has accepted the handshake; or returns the refusal.
std::optional<HttpResponse> open_websocket(Connection& connection, const HttpRequest& request);

}  // namespace chat::net
