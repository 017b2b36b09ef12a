// The WebSocket handshake, RFC 6455 section 4.2: which endpoint it is for, whether it is well-formed, and the answer. Who uses the
// link is for the endpoint's handler.
#pragma once

#include <optional>

#include "net/endpoint/endpoint_context.h"
#include "net/endpoint/endpoint_table.h"
#include "net/http/http.h"

namespace chat::net {

class Connection;

// Gives the connection a link that has accepted the handshake; or returns the refusal.
std::optional<HttpResponse> open_websocket(EndpointContext& loop, const EndpointTable& endpoints,
                                           Connection& connection, const HttpRequest& request);

}  // namespace chat::net
