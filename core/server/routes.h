// What an HTTP request without upgrade asks for. The first that has the path answers: /healthz and /readyz; Engine.IO's requests at a
// Socket.IO endpoint; files of static_mounts; endpoints; what is compiled in; the metrics; the Socket.IO client's script.
#pragma once

#include <memory>
#include <variant>

#include "net/base/server_options.h"
#include "net/http/exchange.h"
#include "net/http/http.h"
#include "net/http/http_body.h"

namespace chat::net {

class Connection;

// The request is held until its exchange has it answered.
struct Hold {
  std::unique_ptr<Exchange> exchange;
  BodyPlan::Kind body = BodyPlan::Kind::none;  // wanted: told by on_body()
  std::uint64_t body_bytes = 0;                // as announced; 0 when that was not done
  std::uint64_t max_body_bytes = 0;
};

std::variant<HttpResponse, Hold> route(Connection& connection, const HttpRequest& request);

// The endpoint whose path this is, with or without a slash at its end; or nullptr.
const Endpoint* find_endpoint(const ServerOptions& options, std::string_view path);

// The innermost Socket.IO endpoint that the path is below, or nullptr: as at the reference server everything below such an
// endpoint belongs to it, unless it is something else.
const Endpoint* find_endpoint_above(const ServerOptions& options, std::string_view path);

}  // namespace chat::net
