// The WebSocket handshake of RFC 6455 section 4.2: finds the endpoint, checks the request and answers it. The endpoint's
// handler decides who uses the link.
#pragma once

#include <optional>

#include "net/endpoint/endpoint_context.h"
#include "net/endpoint/endpoint_table.h"
#include "net/http/http.h"

namespace chat::net {

class Connection;

// Gives the connection a link and accepts the handshake, or returns a refusal.
std::optional<HttpResponse> open_websocket(EndpointContext& loop, const EndpointTable& endpoints,
                                           Connection& connection, const HttpRequest& request);

}  // namespace chat::net
