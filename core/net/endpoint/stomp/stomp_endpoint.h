// The endpoints of STOMP. Each link is one client: a WebSocket, or a session of SockJS.
#pragma once

#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "net/endpoint/endpoint_context.h"
#include "net/endpoint/endpoint_handler.h"
#include "net/endpoint/stomp/stomp_client.h"
#include "session/stomp_session.h"

namespace chat::net {

// The options of the sessions at an endpoint.
session::StompOptions stomp_options(const ServerOptions& options, const Endpoint& endpoint);

class StompEndpoint final : public EndpointHandler {
 public:
  explicit StompEndpoint(EndpointContext& loop) : loop_(loop) {}

  bool precedes_files(const HttpRequest&) const override { return false; }
  std::variant<HttpResponse, Hold> route(const HttpRequest& request, const RequestContext& context,
                                         const Endpoint& endpoint) override;
  std::optional<HttpResponse> open_websocket(Connection& connection, Opening& opening) override;
  // For a link that carries text only.
  std::optional<LinkRefusal> open_link(Opening& opening, LinkMaker& maker) override;
  std::vector<Task> goodbyes() override;

 private:
  void make_client(const Opening& opening, LinkMaker& maker, bool text_only);

  EndpointContext& loop_;
  const std::shared_ptr<StompClients> clients_ = std::make_shared<StompClients>();
};

}  // namespace chat::net
