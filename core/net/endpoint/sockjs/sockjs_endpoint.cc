// See sockjs_endpoint.h.
#include "net/endpoint/sockjs/sockjs_endpoint.h"

#include <memory>
#include <string>
#include <utility>

#include "net/base/protocol_traits.h"
#include "net/endpoint/sockjs/sockjs_exchange.h"
#include "net/endpoint/sockjs/sockjs_far_exchange.h"
#include "net/endpoint/sockjs/sockjs_responses.h"
#include "net/endpoint/sockjs/sockjs_socket.h"

namespace chat::net {
namespace {

using wire::SockJsResource;
using wire::SockJsTransport;

session::SockJsOptions options_of(const ServerOptions& options) {
  session::SockJsOptions result;
  result.heartbeat_ms = options.sockjs_heartbeat_ms;
  result.timeout_ms = options.sockjs_disconnect_delay_ms;
  result.response_bytes = static_cast<std::size_t>(options.sockjs_response_bytes);
  return result;
}

std::optional<wire::SockJsPage> page_of(const ServerOptions& options) {
  if (options.sockjs_script_url.empty()) return std::nullopt;
  return wire::sockjs_iframe_page(options.sockjs_script_url);
}

// The transport by which a request of this resource receives; nullopt for the others.
std::optional<SockJsTransport> receives(SockJsResource resource) {
  switch (resource) {
    case SockJsResource::websocket:
      return SockJsTransport::websocket;
    case SockJsResource::xhr:
      return SockJsTransport::xhr;
    case SockJsResource::xhr_streaming:
      return SockJsTransport::xhr_streaming;
    case SockJsResource::eventsource:
      return SockJsTransport::eventsource;
    case SockJsResource::htmlfile:
      return SockJsTransport::htmlfile;
    case SockJsResource::jsonp:
      return SockJsTransport::jsonp;
    default:
      return std::nullopt;
  }
}

// The transports that need the resource.
std::uint32_t users_of(SockJsResource resource) {
  if (const std::optional<SockJsTransport> transport = receives(resource)) return sockjs_bit(*transport);
  constexpr std::uint32_t kForm = sockjs_bit(SockJsTransport::jsonp);
  constexpr std::uint32_t kWebSocket = sockjs_bit(SockJsTransport::websocket);
  switch (resource) {
    case SockJsResource::raw_websocket:
      return kWebSocket;
    case SockJsResource::xhr_send:
      return ~(kForm | kWebSocket);
    case SockJsResource::jsonp_send:
      return kForm;
    default:
      return ~std::uint32_t{0};
  }
}

bool is_websocket(SockJsResource resource) {
  return resource == SockJsResource::websocket || resource == SockJsResource::raw_websocket;
}

// A script or form element of any page can request these, and browsers then send no Origin.
bool needs_no_origin(SockJsResource resource) {
  return resource == SockJsResource::jsonp || resource == SockJsResource::jsonp_send ||
         resource == SockJsResource::htmlfile;
}

// Of the function that a response calls. The old name of the argument is "callback".
std::string_view callback_of(const HttpRequest& request) {
  const std::string_view name = request.argument("c");
  return name.empty() ? request.argument("callback") : name;
}

HttpResponse not_found() { return HttpResponse::text(404, "not found\n"); }

HttpResponse with(HttpResponse response, const Pairs& headers) {
  response.headers.insert(response.headers.end(), headers.begin(), headers.end());
  return response;
}

}  // namespace

SockJsEndpoint::SockJsEndpoint(SessionHome& home, const EndpointTable& endpoints)
    : home_(home),
      loop_(home.loop()),
      endpoints_(endpoints),
      session_options_(options_of(loop_.options())),
      page_(page_of(loop_.options())) {}

std::optional<wire::SockJsTarget> SockJsEndpoint::find(std::string_view path, const Endpoint& endpoint) const {
  const std::size_t prefix = endpoint.path == "/" ? 0 : endpoint.path.size();
  const std::optional<wire::SockJsTarget> target = wire::parse_sockjs_path(path.substr(prefix));
  if (!target || (users_of(target->resource) & endpoint.sockjs) == 0) return std::nullopt;
  if (target->resource == SockJsResource::iframe && !page_) return std::nullopt;
  return target;
}

std::optional<HttpResponse> SockJsEndpoint::refuse_origin(const HttpRequest& request, const RequestContext& context,
                                                          SockJsResource resource) {
  const bool from_elsewhere = needs_no_origin(resource) && request.header("sec-fetch-site") == "cross-site";
  if (context.origin_allowed && !from_elsewhere) return std::nullopt;
  loop_.refusals().note(Refusal::origin, context.address,
                        from_elsewhere ? std::string_view("a script of another site") : request.header("origin"));
  return HttpResponse::text(403, "origin not allowed\n");
}

std::variant<HttpResponse, Hold> SockJsEndpoint::route(const HttpRequest& request, const RequestContext& context,
                                                       const Endpoint& endpoint) {
  const std::optional<wire::SockJsTarget> target = find(request.path, endpoint);
  if (!target) return not_found();
  const SockJsResource resource = target->resource;
  if (!contains_token(wire::allowed_methods(resource), request.method)) return sockjs_wrong_method(resource);
  if (resource == SockJsResource::greeting) return sockjs_text(200, wire::kSockJsGreeting);
  const std::vector<std::string>& allowed_origins = loop_.options().allowed_origins;
  if (resource == SockJsResource::iframe) return sockjs_iframe(*page_, request, allowed_origins);
  if (is_websocket(resource)) return sockjs_text(400, "Can \"Upgrade\" only to \"WebSocket\".");
  if (std::optional<HttpResponse> refusal = refuse_origin(request, context, resource)) return std::move(*refusal);
  if (request.method == "OPTIONS") {
    HttpResponse preflight = sockjs_preflight(request, resource, allowed_origins);
    if (endpoint.sockjs_cookie) add_sockjs_cookie(preflight.headers, request);
    return preflight;
  }
  Pairs headers;
  add_no_cache(headers);
  add_sockjs_cors(headers, request, allowed_origins);
  if (resource == SockJsResource::info) {
    const bool websocket = (endpoint.sockjs & sockjs_bit(SockJsTransport::websocket)) != 0;
    return with(sockjs_info(websocket, endpoint.sockjs_cookie), headers);
  }
  if (endpoint.sockjs_cookie) add_sockjs_cookie(headers, request);
  return hold(request, context, endpoint, *target, std::move(headers));
}

std::variant<HttpResponse, Hold> SockJsEndpoint::hold(const HttpRequest& request, const RequestContext& context,
                                                      const Endpoint& endpoint, const wire::SockJsTarget& target,
                                                      Pairs headers) {
  const std::optional<SockJsTransport> transport = receives(target.resource);
  std::string callback;
  if (transport && wire::needs_callback(*transport)) {
    callback = callback_of(request);
    if (const auto error = wire::check_sockjs_callback(callback)) {
      return with(sockjs_text(500, wire::text_of(*error)), headers);
    }
  }
  const std::optional<SessionTable::Place> place = home_.table().find(endpoint, target.session);
  FarGate& gate = home_.far_gate();
  const bool may_be_far = !place && gate.far() != nullptr && !context.forwarded;
  if (!place && !transport && !may_be_far) return with(not_found(), headers);
  if (!place && loop_.draining()) return with(HttpResponse::text(503, std::string(kStopping) + "\n"), headers);

  BodyPlan plan = plan_body(request);
  if (plan.kind == BodyPlan::Kind::refused) return with(std::move(plan.refusal), headers);
  const auto max_bytes = static_cast<std::uint64_t>(loop_.options().max_http_body_bytes);
  if (plan.length_bytes > max_bytes) {
    loop_.refusals().note(Refusal::body_bytes, context.address);
    HttpResponse response = HttpResponse::text(413, "the body is too large\n");
    response.close = true;
    return with(std::move(response), headers);
  }
  FarGate::Forwarding forwarding;
  if (may_be_far) {
    constexpr std::int64_t kMarginMs = 30'000;
    const std::int64_t heartbeat_ms = session_options_.heartbeat_ms;
    forwarding.gone = with(not_found(), headers);
    forwarding.headers = headers;
    forwarding.within_ms = heartbeat_ms == kUnlimited ? kUnlimited : heartbeat_ms + kMarginMs;
    forwarding.soon = !transport;
    forwarding.max_body_bytes = max_bytes;
  }
  auto exchange = std::make_unique<SockJsExchange>(*this, context.address, std::move(headers));
  exchange->set_body(plan.kind != BodyPlan::Kind::none, request.header("content-type"));
  if (place) exchange->set_session(place->number);
  if (transport) {
    exchange->set_receiver(*transport, std::move(callback));
    if (!place) exchange->set_birth({request, context, &endpoint, std::string(target.session)});
  } else {
    exchange->set_sender(target.resource == SockJsResource::jsonp_send);
  }
  Hold hold;
  hold.body = plan.kind;
  hold.body_bytes = plan.length_bytes;
  hold.max_body_bytes = max_bytes;
  hold.exchange = std::move(exchange);
  if (may_be_far) {
    // Before anything is kept in the cluster for a session. The request may belong to one that another server has.
    std::optional<Refusal> full;
    if (transport) full = home_.table().check(transport_of(*transport), context.address, loop_.now_ms());
    std::unique_ptr<Exchange> local = transport && !full ? std::move(hold.exchange) : nullptr;
    hold.exchange = std::make_unique<SockJsFarExchange>(gate, loop_, sockjs_far_key(endpoint, target.session), request,
                                                        context, plan, std::move(forwarding), std::move(local), full);
  }
  return hold;
}

std::optional<HttpResponse> SockJsEndpoint::open_websocket(Connection& connection, Opening& opening) {
  const std::optional<wire::SockJsTarget> target = find(opening.request.path, opening.endpoint);
  if (!target) return not_found();
  EndpointHandler& protocol = protocol_of(opening.endpoint);
  if (target->resource == SockJsResource::raw_websocket) return protocol.open_websocket(connection, opening);
  if (target->resource != SockJsResource::websocket) {
    return HttpResponse::text(400, "not a WebSocket endpoint\n");
  }
  if (std::optional<HttpResponse> refusal = refuse_origin(opening.request, opening.context, target->resource)) {
    return refusal;
  }
  // Clients of SockJS offer no subprotocol. The endpoint's own protocol is spoken.
  static const std::vector<std::string> nothing_offered;
  Opening inner{opening.request, opening.context, opening.endpoint, nothing_offered, {}, Transport::websocket};
  SockJsSocketMaker maker(loop_, connection, session_options_);
  if (const std::optional<LinkRefusal> refusal = protocol.open_link(inner, maker)) return refusal->response();
  return std::nullopt;
}

}  // namespace chat::net
