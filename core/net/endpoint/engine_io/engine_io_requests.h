// HTTP requests and WebSocket handshakes at an Engine.IO endpoint, on the loop that they come to: what is refused is refused
// here, the rest goes to the home of its session.
#pragma once

#include <optional>
#include <variant>

#include "net/http/http.h"
#include "net/http/request_context.h"
#include "server/routes.h"
#include "wire/engine_io/engine_io.h"

namespace chat::net {

class Connection;

std::variant<HttpResponse, Hold> route_engine_io(Connection& connection, const HttpRequest& request,
                                                 const Endpoint& endpoint);

// Gives the connection its link; or the refusal.
std::optional<HttpResponse> open_engine_io_socket(Connection& connection, const HttpRequest& request,
                                                  const RequestContext& context, const Endpoint& endpoint);

// 400 or 403 with the reference server's JSON.
HttpResponse engine_io_error(wire::EngineIoError error);

}  // namespace chat::net
