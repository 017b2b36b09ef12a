// See rest_endpoint.h.
#include "net/endpoint/rest/rest_endpoint.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "model/names.h"
#include "net/base/protocol_traits.h"
#include "net/endpoint/rest/rest_exchange.h"
#include "net/http/cors.h"
#include "net/http/http_body.h"
#include "wire/rest/rest_path.h"

namespace chat::net {
namespace {

using Resource = wire::RestTarget::Resource;

std::string_view allowed_methods(Resource resource) {
  switch (resource) {
    case Resource::messages:
      return "GET, HEAD, POST, OPTIONS";
    case Resource::events:
      return "GET, OPTIONS";
    default:
      return "GET, HEAD, OPTIONS";
  }
}

bool allows(Resource resource, std::string_view method) {
  if (method == "GET") return true;
  if (method == "HEAD") return resource != Resource::events;
  return method == "POST" && resource == Resource::messages;
}

bool offers(const Endpoint& endpoint, Resource resource) {
  const Transport transport = resource == Resource::events ? Transport::streaming : Transport::polling;
  return resource != Resource::none && (endpoint.transports & transport_bit(transport)) != 0;
}

Hold hold(std::unique_ptr<Exchange> exchange) {
  Hold result;
  result.exchange = std::move(exchange);
  return result;
}

}  // namespace

std::variant<HttpResponse, Hold> RestEndpoint::route(const HttpRequest& request, const RequestContext& context,
                                                     const Endpoint& endpoint) {
  const ServerOptions& options = loop_.options();
  if (request.method == "OPTIONS" && !request.header("origin").empty() && context.origin_allowed) {
    return preflight_response(request, options.allowed_origins);
  }
  const wire::RestTarget target = wire::rest_target(request.path, endpoint.path);
  const Resource resource = target.resource;
  const std::string_view room = target.room;
  const auto respond = [&](wire::RestAnswer answer) {
    HttpResponse response = rest_response(std::move(answer));
    if (response.status == 405) response.headers.push_back({"Allow", std::string(allowed_methods(resource))});
    for (Pair& header : rest_cors_headers(request, options)) response.headers.push_back(std::move(header));
    return response;
  };
  if (!context.origin_allowed) {
    loop_.refusals().note(Refusal::origin, context.address, request.header("origin"));
    return respond(wire::rest_problem(403, "forbidden", "origin not allowed"));
  }
  if (!offers(endpoint, resource)) return respond(wire::rest_problem(404, "not_found", "no such resource"));
  if (request.method == "OPTIONS") {
    HttpResponse response;
    response.status = 204;
    response.headers.push_back({"Allow", std::string(allowed_methods(resource))});
    return response;
  }
  if (!allows(resource, request.method)) {
    return respond(wire::rest_problem(405, "method_not_allowed", "this resource does not have this method"));
  }
  if (loop_.draining()) return respond(wire::rest_problem(503, "stopped", kStopping, 1));
  if (resource != Resource::rooms) {
    if (const Status status = check_room_name(room); !status.ok()) return respond(wire::rest_problem(status));
  }
  Reaction reaction = [&]() -> Reaction {
    switch (resource) {
      case Resource::messages:
        if (request.method == "POST") return route_message(request, context, endpoint, room);
        return route_history(request, context, endpoint, room);
      case Resource::events:
        return route_events(request, context, endpoint, room);
      default:
        return route_list(request, context, endpoint, target);
    }
  }();
  if (auto* const answer = std::get_if<wire::RestAnswer>(&reaction)) {
    if (answer->status != 503) loop_.refusals().note(Refusal::malformed, context.address, request.path);
    return respond(std::move(*answer));
  }
  return std::get<Hold>(std::move(reaction));
}

std::optional<HttpResponse> RestEndpoint::open_websocket(Connection&, Opening&) {
  return HttpResponse::text(400, "this is not a WebSocket endpoint\n");
}

std::string RestEndpoint::identity_of(const HttpRequest& request, const RequestContext& context) const {
  return loop_.options().http_identity_ms > 0 ? identity_key(request, context) : std::string();
}

RestEndpoint::Reaction RestEndpoint::route_message(const HttpRequest& request, const RequestContext& context,
                                                   const Endpoint& endpoint, std::string_view room) {
  const std::optional<wire::RestBody> format = wire::rest_body_of(request.header("content-type"));
  if (!format) {
    return wire::rest_problem(
        415, "unsupported_media_type",
        "a message is application/json, application/x-www-form-urlencoded or text/plain, in UTF-8");
  }
  if (!request.header("content-encoding").empty()) {
    return wire::rest_problem(415, "unsupported_media_type", "the body must not be compressed");
  }
  RestQuestion question;
  question.room = room;
  question.command = SendCommand();
  const std::string key = request.joined_header("idempotency-key");
  const bool has_key = std::any_of(request.headers.begin(), request.headers.end(),
                                   [](const Pair& header) { return header.name == "idempotency-key"; });
  if (has_key && !check_message_id(key).ok()) {
    return wire::rest_problem(400, "invalid_argument", "Idempotency-Key is not 1 to 255 visible ASCII characters");
  }
  question.idempotency_key = key;
  const std::int64_t limit =
      endpoint.max_message_bytes > 0 ? endpoint.max_message_bytes : loop_.options().max_message_bytes;
  BodyPlan plan = plan_body(request);
  if (plan.kind == BodyPlan::Kind::refused && plan.refusal.status != 411) {
    std::string reason = plan.refusal.body;
    return wire::rest_problem(plan.refusal.status, "encoding", reason.substr(0, reason.find('\n')));
  }
  auto exchange = std::make_unique<RestExchange>(local_, request, rest_birth(request, context, endpoint),
                                                 identity_of(request, context), std::move(question));
  const bool has_body = plan.kind == BodyPlan::Kind::length || plan.kind == BodyPlan::Kind::chunked;
  exchange->set_body(*format, static_cast<std::size_t>(limit), has_body);
  if (plan.length_bytes > static_cast<std::uint64_t>(limit)) {
    loop_.refusals().note(Refusal::message_bytes, context.address);
    return wire::rest_problem(413, "too_large", "a message has at most " + std::to_string(limit) + " bytes");
  }
  Hold result = hold(std::move(exchange));
  result.body = has_body ? plan.kind : BodyPlan::Kind::none;
  result.body_bytes = plan.length_bytes;
  result.max_body_bytes = static_cast<std::uint64_t>(limit);
  return result;
}

RestEndpoint::Reaction RestEndpoint::route_history(const HttpRequest& request, const RequestContext& context,
                                                   const Endpoint& endpoint, std::string_view room) {
  Result<wire::RestHistoryQuery> query = wire::read_history_query(request.query);
  if (!query.ok()) return wire::rest_problem(query.status());
  HistoryCommand command;
  command.room = room;
  command.after_seq = query->after_seq;
  command.before_seq = query->before_seq;
  command.around_seq = query->around_seq;
  command.limit = query->limit;
  command.epoch = std::move(query->epoch);
  if (query->search) command.search.make() = *std::move(query->search);
  RestQuestion question;
  question.command = std::move(command);
  question.room = room;
  if (request.method == "GET") question.wait_ms = query->wait_ms;
  return hold(std::make_unique<RestExchange>(local_, request, rest_birth(request, context, endpoint),
                                             identity_of(request, context), std::move(question)));
}

RestEndpoint::Reaction RestEndpoint::route_list(const HttpRequest& request, const RequestContext& context,
                                                const Endpoint& endpoint, const wire::RestTarget& target) {
  RestQuestion question;
  const bool allowed = loop_.options().http_lists;
  if (target.resource == Resource::rooms) {
    question.command = RoomsCommand{{}, allowed};
  } else if (target.resource == Resource::presence) {
    question.command = PresenceCommand{std::string(target.room), {}, allowed};
  } else {
    question.command = MembersCommand{std::string(target.room), {}, allowed};
  }
  return hold(std::make_unique<RestExchange>(local_, request, rest_birth(request, context, endpoint),
                                             identity_of(request, context), std::move(question)));
}

RestEndpoint::Reaction RestEndpoint::route_events(const HttpRequest& request, const RequestContext& context,
                                                  const Endpoint& endpoint, std::string_view room) {
  constexpr std::int64_t kMaxRooms = 100;  // the id of each event has a position for each room
  const std::int64_t max_rooms = std::min(kMaxRooms, loop_.options().hub.max_rooms_per_client);
  Result<wire::RestEventsQuery> query = wire::read_events_query(room, request.query, request.header("last-event-id"),
                                                                static_cast<std::size_t>(max_rooms));
  if (!query.ok() && query.status().code == Error::too_many) {
    return wire::rest_problem(400, "too_many", query.status().detail);
  }
  if (!query.ok()) return wire::rest_problem(query.status());
  return hold(
      std::make_unique<RestStreamExchange>(local_, request, rest_birth(request, context, endpoint), *std::move(query)));
}

}  // namespace chat::net
