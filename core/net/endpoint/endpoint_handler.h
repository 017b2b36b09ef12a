// A way in: what answers at the endpoints of one protocol. Each loop has one of each kind, for its own thread.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "net/base/loop_context.h"
#include "net/connection/request_router.h"
#include "net/http/http.h"
#include "net/http/request_context.h"

namespace chat::net {

class Connection;

class EndpointHandler {
 public:
  virtual ~EndpointHandler() = default;

  // Whether a request at an endpoint's own path is answered here even when there is a file at that path.
  virtual bool precedes_files(const HttpRequest& request) const = 0;

  // A request without upgrade. context: who asks.
  virtual std::variant<HttpResponse, Hold> route(const HttpRequest& request, const RequestContext& context,
                                                 const Endpoint& endpoint) = 0;

  // What a WebSocket handshake is answered with, and asks for.
  struct Opening {
    const HttpRequest& request;
    const RequestContext& context;
    const Endpoint& endpoint;
    const std::vector<std::string>& offered;  // the subprotocols that are tokens
    std::string subprotocol = {};             // of the answer; empty: none
  };
  // A well-formed handshake: gives the connection its link, by Connection::make_websocket(); or returns the refusal.
  virtual std::optional<HttpResponse> open_websocket(Connection& connection, Opening& opening) = 0;

  // The server stops: a call for each client here that is not in a session, which says goodbye to it. The calls may be made over
  // some time, in which clients may go. For sessions see SessionHome::goodbyes().
  virtual std::vector<Task> goodbyes() { return {}; }
};

}  // namespace chat::net
