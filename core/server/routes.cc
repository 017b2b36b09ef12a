// See routes.h.
#include "server/routes.h"

#include <algorithm>

#include "net/connection/connection.h"
#include "net/endpoint/engine_io/engine_io_requests.h"
#include "net/http/cors.h"
#include "net/http/file_response.h"
#include "net/serve/metrics.h"
#include "server/loop.h"
#include "server/server.h"

namespace chat::net {
namespace {

std::string_view without_trailing_slash(std::string_view path) {
  return path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
}

// /healthz is for people and for checks of liveness, /readyz for whatever sends new clients here.
HttpResponse health(const HttpRequest& request, std::string_view serving, bool draining) {
  if (request.method != "GET" && request.method != "HEAD") return only_get_response();
  HttpResponse response = HttpResponse::text(draining ? 503 : 200, draining ? "stopping\n" : std::string(serving));
  response.headers.push_back({"Cache-Control", "no-store"});
  return response;
}

bool is_read(const HttpRequest& request) { return request.method == "GET" || request.method == "HEAD"; }

// What a page asks for has neither; every request of an Engine.IO client has both.
bool speaks_engine_io(const HttpRequest& request) {
  return !is_read(request) || std::any_of(request.query.begin(), request.query.end(), [](const Pair& argument) {
    return argument.name == "EIO" || argument.name == "transport";
  });
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
  const StaticFiles& files = loop.server().static_files();
  if (request.path == "/healthz") return health(request, "ok\n", loop.draining());
  if (request.path == "/readyz") return health(request, "ready\n", loop.server().stopping());
  const Endpoint* endpoint = find_endpoint(loop.options(), request.path);
  const bool of_socket_io = endpoint != nullptr && endpoint->protocol == Protocol::socket_io;
  if (of_socket_io && speaks_engine_io(request)) return route_engine_io(connection, request, *endpoint);
  // Before everything that the library serves by itself: a file of the application's is never hidden.
  if (std::optional<HttpResponse> file = files.serve(request)) return std::move(*file);
  if (of_socket_io) return route_engine_io(connection, request, *endpoint);
  if (endpoint != nullptr) {
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
  if (const Endpoint* above = find_endpoint_above(loop.options(), request.path)) {
    return route_engine_io(connection, request, *above);
  }
  if (!is_read(request) && files.covers(request.path)) return only_get_response();
  return HttpResponse::text(404, "not found\n");
}

}  // namespace chat::net
