// Requests and WebSocket handshakes of SockJS at and below the endpoints that have it, on the loop that receives them. Refuses
// what does not conform, and passes the rest to the home of its session. Knows no protocol: the endpoint's own handler makes
// what speaks with a client.
#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "net/endpoint/endpoint_handler.h"
#include "net/endpoint/endpoint_table.h"
#include "net/session/session_home.h"
#include "session/sockjs_session.h"
#include "wire/sockjs/sockjs_pages.h"
#include "wire/sockjs/sockjs_path.h"

namespace chat::net {

class SockJsEndpoint final : public EndpointHandler {
 public:
  // Both must outlive this. The table has the handlers of the protocols.
  SockJsEndpoint(SessionHome& home, const EndpointTable& endpoints);

  bool precedes_files(const HttpRequest&) const override { return false; }
  std::variant<HttpResponse, Hold> route(const HttpRequest& request, const RequestContext& context,
                                         const Endpoint& endpoint) override;
  std::optional<HttpResponse> open_websocket(Connection& connection, Opening& opening) override;

  SessionHome& home() { return home_; }
  const session::SockJsOptions& session_options() const { return session_options_; }
  // What is spoken there.
  EndpointHandler& protocol_of(const Endpoint& endpoint) const { return endpoints_.handler(endpoint); }

 private:
  // The resource that the path names, if the endpoint has it.
  std::optional<wire::SockJsTarget> find(std::string_view path, const Endpoint& endpoint) const;
  std::optional<HttpResponse> refuse_origin(const HttpRequest& request, const RequestContext& context,
                                            wire::SockJsResource resource);
  std::variant<HttpResponse, Hold> hold(const HttpRequest& request, const RequestContext& context,
                                        const Endpoint& endpoint, const wire::SockJsTarget& target, Pairs headers);

  SessionHome& home_;
  EndpointContext& loop_;
  const EndpointTable& endpoints_;
  const session::SockJsOptions session_options_;
  const std::optional<wire::SockJsPage> page_;
};

}  // namespace chat::net
