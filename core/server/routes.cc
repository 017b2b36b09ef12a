// See routes.h.
#include "server/routes.h"

#include <string>

#include "net/connection/connection.h"
#include "net/endpoint/websocket_opening.h"
#include "net/http/cors.h"
#include "net/http/file_response.h"
#include "net/serve/metrics.h"
#include "server/server.h"

namespace chat::net {
namespace {

constexpr std::string_view kStops = "stopping\n";

bool is_read(const HttpRequest& request) { return request.method == "GET" || request.method == "HEAD"; }

// /healthz is a liveness check. /readyz is for load balancers: it fails as soon as the server stops, and while its cluster is gone.
// trouble: why it fails; empty: it does not.
HttpResponse health(const HttpRequest& request, std::string_view serving, std::string_view trouble) {
  if (!is_read(request)) return only_get_response();
  HttpResponse response =
      HttpResponse::text(trouble.empty() ? 200 : 503, std::string(trouble.empty() ? serving : trouble));
  response.headers.push_back({"Cache-Control", "no-store"});
  return response;
}

}  // namespace

Routes::Routes(EndpointContext& loop, const Server& server)
    : loop_(loop), server_(server), endpoints_(server.options()) {}

std::variant<HttpResponse, Hold> Routes::route(Connection& connection, const HttpRequest& request) {
  const ServerOptions& options = loop_.options();
  const StaticFiles& files = server_.static_files();
  if (request.path == "/healthz") return health(request, "ok\n", loop_.draining() ? kStops : "");
  if (request.path == "/readyz") {
    const std::string_view trouble = server_.ready() ? "" : "no connection to the cluster\n";
    return health(request, "ready\n", server_.stopping() ? kStops : trouble);
  }
  const Endpoint* endpoint = endpoints_.find(request.path);
  if (endpoint != nullptr && endpoints_.request_handler(*endpoint).precedes_files(request)) {
    return route_to(*endpoint, connection, request);
  }
  // The application's files take precedence over everything that the library serves by itself.
  if (std::optional<HttpResponse> file = files.serve(request)) return std::move(*file);
  if (endpoint != nullptr) return route_to(*endpoint, connection, request);
  if (std::optional<HttpResponse> own = server_.compiled_in().serve(request)) {
    if (server_.compiled_in().is_script(request.path)) add_cors_headers(*own, request, options.allowed_origins);
    return std::move(*own);
  }
  if (request.path == options.metrics_path) return metrics_response(request, server_.metrics());
  if (std::optional<HttpResponse> bundle = server_.socket_io_client_files().serve(request)) {
    add_cors_headers(*bundle, request, options.allowed_origins);
    return std::move(*bundle);
  }
  if (const Endpoint* above = endpoints_.find_above(request.path)) return route_to(*above, connection, request);
  if (!is_read(request) && files.covers(request.path)) return only_get_response();
  return HttpResponse::text(404, "not found\n");
}

std::variant<HttpResponse, Hold> Routes::route_to(const Endpoint& endpoint, Connection& connection,
                                                  const HttpRequest& request) {
  const RequestContext context = describe(request, connection.remote_address(), loop_.rules());
  return endpoints_.request_handler(endpoint).route(request, context, endpoint);
}

std::variant<HttpResponse, Hold> Routes::route_forwarded(const HttpRequest& request, const RequestContext& context) {
  const Endpoint* endpoint = endpoints_.find(request.path);
  if (endpoint == nullptr) endpoint = endpoints_.find_above(request.path);
  if (endpoint == nullptr) return HttpResponse::text(404, "not found\n");
  return endpoints_.request_handler(*endpoint).route(request, context, *endpoint);
}

std::optional<HttpResponse> Routes::open_websocket(Connection& connection, const HttpRequest& request) {
  return net::open_websocket(loop_, endpoints_, connection, request);
}

}  // namespace chat::net
