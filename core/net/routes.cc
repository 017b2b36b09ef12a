// See routes.h.
#include "net/routes.h"

#include <algorithm>

#include "net/connection.h"
#include "net/cors.h"
#include "net/engine_io_requests.h"
#include "net/file_response.h"
#include "net/loop.h"
#include "net/metrics.h"
#include "net/server.h"

namespace chat::net {
namespace {

std::string_view without_trailing_slash(std::string_view path) {
  return path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
}

HttpResponse health(const HttpRequest& request, bool draining) {
  if (request.method != "GET" && request.method != "HEAD") return only_get_response();
  HttpResponse response = HttpResponse::text(draining ? 503 : 200, draining ? "stopping\n" : "ok\n");
  response.headers.push_back({"Cache-Control", "no-store"});
  return response;
}

}  // namespace

const Endpoint* find_endpoint(const ServerOptions& options, std::string_view path) {
  const auto& endpoints = options.endpoints;
  auto found = std::find_if(endpoints.begin(), endpoints.end(),
                            [&](const Endpoint& e) { return e.path == without_trailing_slash(path); });
  return found == endpoints.end() ? nullptr : &*found;
}

const Endpoint* find_endpoint_above(const ServerOptions& options, std::string_view path) {
  const Endpoint* innermost = nullptr;
  for (const Endpoint& endpoint : options.endpoints) {
    const std::string_view above = without_trailing_slash(endpoint.path);
    const bool below = above == "/"
                           ? path.starts_with('/')
                           : path.size() > above.size() && path.starts_with(above) && path[above.size()] == '/';
    if (endpoint.protocol != Protocol::socket_io || !below) continue;
    if (innermost == nullptr || endpoint.path.size() > innermost->path.size()) innermost = &endpoint;
  }
  return innermost;
}

std::variant<HttpResponse, Hold> route(Connection& connection, const HttpRequest& request) {
  Loop& loop = connection.loop();
  if (request.path == "/healthz") return health(request, loop.draining());
  if (const Endpoint* endpoint = find_endpoint(loop.options(), request.path)) {
    if (endpoint->protocol == Protocol::socket_io) return route_engine_io(connection, request, *endpoint);
    HttpResponse response = HttpResponse::text(426, "this is a WebSocket endpoint\n");
    response.headers.push_back({"Upgrade", "websocket"});
    return response;
  }
  if (std::optional<HttpResponse> own = loop.server().compiled_in().serve(request)) {
    if (loop.server().compiled_in().is_script(request.path)) {
      add_cors_headers(*own, request, loop.options().allowed_origins);
    }
    return std::move(*own);
  }
  if (request.path == loop.options().metrics_path) return metrics_response(request, loop.server().metrics());
  if (std::optional<HttpResponse> bundle = loop.server().socket_io_client_files().serve(request)) {
    add_cors_headers(*bundle, request, loop.options().allowed_origins);
    return std::move(*bundle);
  }
  if (const Endpoint* endpoint = find_endpoint_above(loop.options(), request.path)) {
    return route_engine_io(connection, request, *endpoint);
  }
  if (std::optional<HttpResponse> file = loop.server().static_files().serve(request)) return std::move(*file);
  return HttpResponse::text(404, "not found\n");
}

}  // namespace chat::net
