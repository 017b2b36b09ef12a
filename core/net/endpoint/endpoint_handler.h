// Answers requests and WebSocket handshakes at the endpoints of one protocol. Each loop has one handler of each kind, for its
// own thread.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "net/base/loop_context.h"
#include "net/connection/request_router.h"
#include "net/endpoint/link_maker.h"
#include "net/http/http.h"
#include "net/http/request_context.h"

namespace chat::net {

class Connection;

class EndpointHandler {
 public:
  virtual ~EndpointHandler() = default;

  // Whether this handler answers a request for an endpoint's own path even when there is a file with that path.
  virtual bool precedes_files(const HttpRequest& request) const = 0;

  // A request without an upgrade.
  virtual std::variant<HttpResponse, Hold> route(const HttpRequest& request, const RequestContext& context,
                                                 const Endpoint& endpoint) = 0;

  // The request by which a client comes: a WebSocket handshake, or the first request of a session. In `subprotocol`, a
  // part of the answer to a handshake.
  struct Opening {
    const HttpRequest& request;
    const RequestContext& context;
    const Endpoint& endpoint;
    const std::vector<std::string>& offered;  // the offered subprotocols that are valid tokens
    std::string subprotocol = {};             // the chosen one; empty: none
    Transport transport = Transport::websocket;
  };
  // The handshake is well-formed. Gives the connection its link with Connection::make_websocket(), or returns a refusal.
  virtual std::optional<HttpResponse> open_websocket(Connection& connection, Opening& opening) = 0;
  // A client comes over a transport that knows no protocol. Makes what speaks for the server on the client's link, with
  // its codec, and gives it to `maker`; or returns a refusal. The transport has checked the Origin, and calls
  // LinkUser::on_established() when the link can be written to. Only for protocols whose links have one client each.
  virtual std::optional<LinkRefusal> open_link(Opening& opening, LinkMaker& maker) {
    (void)opening, (void)maker;
    return LinkRefusal{404, "no such endpoint"};
  }

  // The server stops: a call for each client here that is not in a session, which says goodbye to it. The calls may be made
  // over some time, in which clients may go. For sessions see SessionHome::goodbyes().
  virtual std::vector<Task> goodbyes() { return {}; }
};

}  // namespace chat::net
