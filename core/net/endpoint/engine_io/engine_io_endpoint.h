// HTTP requests and WebSocket handshakes at an Engine.IO endpoint, on the loop that they come to: what is refused is refused
// here, the rest goes to the home of its session.
#pragma once

#include "net/endpoint/endpoint_handler.h"
#include "net/endpoint/engine_io/engine_io_local.h"

namespace chat::net {

class EngineIoEndpoint final : public EndpointHandler {
 public:
  EngineIoEndpoint(EndpointContext& loop, EngineIoShared& shared) : loop_(loop), sessions_(loop, shared) {}

  EngineIoLocal& sessions() { return sessions_; }

  // What an Engine.IO client asks for, and no page.
  bool precedes_files(const HttpRequest& request) const override;
  std::variant<HttpResponse, Hold> route(const HttpRequest& request, const RequestContext& context,
                                         const Endpoint& endpoint) override;
  std::optional<HttpResponse> open_websocket(Connection& connection, Opening& opening) override;
  std::vector<Task> goodbyes() override;

 private:
  EndpointContext& loop_;
  EngineIoLocal sessions_;
};

}  // namespace chat::net
