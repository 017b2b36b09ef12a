// The HTTP endpoints: Ajax requests and streams of Server-Sent Events (docs/http.md). Decides by path, method and media type which
// request is served, and how.
#pragma once

#include "net/endpoint/endpoint_context.h"
#include "net/endpoint/endpoint_handler.h"
#include "net/endpoint/rest/rest_local.h"
#include "wire/rest/rest_path.h"

namespace chat::net {

class RestEndpoint final : public EndpointHandler {
 public:
  // Both must outlive it.
  RestEndpoint(SessionHome& home, RestShared& shared) : local_(home, shared), loop_(home.loop()) {}

  bool precedes_files(const HttpRequest&) const override { return false; }
  std::variant<HttpResponse, Hold> route(const HttpRequest& request, const RequestContext& context,
                                         const Endpoint& endpoint) override;
  std::optional<HttpResponse> open_websocket(Connection& connection, Opening& opening) override;

  // See RestLocal::make_way().
  void make_way(const std::string& address) { local_.make_way(address); }

 private:
  using Reaction = std::variant<wire::RestAnswer, Hold>;

  Reaction route_message(const HttpRequest& request, const RequestContext& context, const Endpoint& endpoint,
                         std::string_view room);
  Reaction route_history(const HttpRequest& request, const RequestContext& context, const Endpoint& endpoint,
                         std::string_view room);
  Reaction route_list(const HttpRequest& request, const RequestContext& context, const Endpoint& endpoint,
                      const wire::RestTarget& target);
  Reaction route_events(const HttpRequest& request, const RequestContext& context, const Endpoint& endpoint,
                        std::string_view room);
  std::string identity_of(const HttpRequest& request, const RequestContext& context) const;

  RestLocal local_;
  EndpointContext& loop_;
};

}  // namespace chat::net
