// Finds what answers an HTTP request. The first of these that has the path: /healthz and /readyz; an endpoint, for requests of its
// own clients; files of static_mounts; endpoints; compiled-in files; the metrics; the script of the Socket.IO client; endpoints
// that serve the paths below theirs. One object for each loop, for its thread.
#pragma once

#include "net/connection/request_router.h"
#include "net/endpoint/endpoint_context.h"
#include "net/endpoint/endpoint_table.h"

namespace chat::net {

class Server;

class Routes final : public RequestRouter {
 public:
  Routes(EndpointContext& loop, const Server& server);

  EndpointTable& endpoints() { return endpoints_; }

  std::variant<HttpResponse, Hold> route(Connection& connection, const HttpRequest& request) override;
  std::optional<HttpResponse> open_websocket(Connection& connection, const HttpRequest& request) override;
  // A request of a session, from another server of the cluster.
  std::variant<HttpResponse, Hold> route_forwarded(const HttpRequest& request, const RequestContext& context);

 private:
  std::variant<HttpResponse, Hold> route_to(const Endpoint& endpoint, Connection& connection,
                                            const HttpRequest& request);

  EndpointContext& loop_;
  const Server& server_;
  EndpointTable endpoints_;
};

}  // namespace chat::net
