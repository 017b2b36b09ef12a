// Which endpoint a path belongs to, and which handler answers there.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "net/base/server_options.h"
#include "net/endpoint/endpoint_handler.h"

namespace chat::net {

// The endpoint with this path, with or without a trailing slash; nullptr if there is none.
const Endpoint* find_endpoint(const ServerOptions& options, std::string_view path);

class EndpointTable {
 public:
  // options: must outlive the table.
  explicit EndpointTable(const ServerOptions& options) : options_(options) {}

  // Call this first, once for each protocol that the options may name. A handler may serve several protocols, and must
  // outlive the table.
  void add(Protocol protocol, EndpointHandler& handler) { handlers_[static_cast<std::size_t>(protocol)] = &handler; }

  const Endpoint* find(std::string_view path) const { return find_endpoint(options_, path); }
  // The innermost endpoint that has the path below its own and that serves such paths; nullptr if there is none.
  const Endpoint* find_above(std::string_view path) const;
  // For WebSockets at the endpoint's own path.
  EndpointHandler& handler(const Endpoint& endpoint) const {
    return *handlers_[static_cast<std::size_t>(endpoint.protocol)];
  }
  // For requests without an upgrade, and for WebSockets below the endpoint's path.
  EndpointHandler& request_handler(const Endpoint& endpoint) const {
    return endpoint.sockjs != 0 && sockjs_ != nullptr ? *sockjs_ : handler(endpoint);
  }
  // Serves requests at and below the endpoints with SockJS, whatever their protocol.
  void set_sockjs(EndpointHandler& handler) { sockjs_ = &handler; }
  // Those of all protocols' handlers: see EndpointHandler::goodbyes().
  std::vector<Task> goodbyes() const;

 private:
  const ServerOptions& options_;
  std::array<EndpointHandler*, kProtocolCount> handlers_{};
  EndpointHandler* sockjs_ = nullptr;
};

}  // namespace chat::net
