// Answers the requests of connections. The server has one for each loop: server/routes.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

#include "net/http/exchange.h"
#include "net/http/http.h"
#include "net/http/http_body.h"

namespace chat::net {

class Connection;

// The request is held until its exchange answers it.
struct Hold {
  std::unique_ptr<Exchange> exchange;
  BodyPlan::Kind body = BodyPlan::Kind::none;  // wanted: on_body() gets it
  std::uint64_t body_bytes = 0;                // as announced; 0 when it was not
  std::uint64_t max_body_bytes = 0;
};

class RequestRouter {
 public:
  virtual ~RequestRouter() = default;

  // A request without upgrade.
  virtual std::variant<HttpResponse, Hold> route(Connection& connection, const HttpRequest& request) = 0;
  // A WebSocket handshake, RFC 6455 section 4.2. Gives the connection a link that accepted it, or returns the refusal.
  virtual std::optional<HttpResponse> open_websocket(Connection& connection, const HttpRequest& request) = 0;
};

}  // namespace chat::net
