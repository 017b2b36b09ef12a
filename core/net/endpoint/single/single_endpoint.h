// The endpoints of plain and chat.v1, where each link is one client.
#pragma once

#include <vector>

#include "net/endpoint/endpoint_context.h"
#include "net/endpoint/endpoint_handler.h"

namespace chat::net {

class SingleEndpoint final : public EndpointHandler {
 public:
  explicit SingleEndpoint(EndpointContext& loop) : loop_(loop) {}

  bool precedes_files(const HttpRequest&) const override { return false; }
  std::variant<HttpResponse, Hold> route(const HttpRequest& request, const RequestContext& context,
                                         const Endpoint& endpoint) override;
  std::optional<HttpResponse> open_websocket(Connection& connection, Opening& opening) override;
  std::optional<LinkRefusal> open_link(Opening& opening, LinkMaker& maker) override;
  std::vector<Task> goodbyes() override;

 private:
  EndpointContext& loop_;
};

}  // namespace chat::net
