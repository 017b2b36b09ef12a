// HTTP requests and WebSocket handshakes at an Engine.IO endpoint, on the loop that receives them. Refuses what does not
// conform, and passes the rest to the home of its session.
#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "net/endpoint/endpoint_handler.h"
#include "net/endpoint/engine_io/engine_io_local.h"

namespace chat::net {

class EngineIoEndpoint final : public EndpointHandler {
 public:
  EngineIoEndpoint(SessionHome& home, EngineIoShared& shared) : loop_(home.loop()), local_(home, shared) {}

  EngineIoLocal& local() { return local_; }

  // True for requests of Engine.IO clients, false for those of a browser that wants a page.
  bool precedes_files(const HttpRequest& request) const override;
  std::variant<HttpResponse, Hold> route(const HttpRequest& request, const RequestContext& context,
                                         const Endpoint& endpoint) override;
  std::optional<HttpResponse> open_websocket(Connection& connection, Opening& opening) override;

 private:
  // A request of a session of another server.
  Hold forward(const HttpRequest& request, const RequestContext& context, const BodyPlan& plan,
               const Endpoint& endpoint, std::string_view server);

  EndpointContext& loop_;
  EngineIoLocal local_;
};

}  // namespace chat::net
