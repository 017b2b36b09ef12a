// See engine_io_endpoint.h.
#include "net/endpoint/engine_io/engine_io_endpoint.h"

#include <algorithm>
#include <utility>

#include "net/connection/connection.h"
#include "net/connection/websocket_link.h"
#include "net/deliver/websocket_carrier.h"
#include "net/endpoint/engine_io/engine_io_error.h"
#include "net/endpoint/engine_io/engine_io_session.h"
#include "net/endpoint/engine_io/engine_io_socket.h"
#include "net/http/compression.h"
#include "net/http/cors.h"
#include "session/engine_io_request.h"

namespace chat::net {
namespace {

using wire::EngineIoError;

// If an argument occurs twice, the last one counts.
std::string_view last_argument(const HttpRequest& request, std::string_view name) {
  std::string_view value;
  for (const Pair& argument : request.query) {
    if (argument.name == name) value = argument.value;
  }
  return value;
}

// The session that a request names, and whether the request is valid.
struct Addressed {
  SessionNumber session = 0;  // 0: a request without sid, or one of a session of another server
  std::optional<EngineIoError> error;
  std::string_view server = {};  // not empty: the other server. What that can tell is not checked here
  bool forged = false;           // the sid is none that the cluster has issued
};

Addressed address_session(EngineIoLocal& local, const HttpRequest& request, const RequestContext& context,
                          const Endpoint& endpoint, bool websocket) {
  const std::string_view sid = last_argument(request, "sid");
  const std::optional<SessionTable::Place> place = local.table().find(endpoint, sid);
  std::optional<Transport> transport;
  EngineIoShared::OtherServer other;
  if (place) {
    transport = place->transport;
  } else if (!websocket && !context.forwarded) {
    other = local.shared().other_server(sid);
    if (!other.name.empty()) transport = Transport::polling;
  }
  return {place ? place->number : 0,
          session::check_request(
              {request.method, websocket, last_argument(request, "transport"), sid, last_argument(request, "EIO")},
              transport, transports_of(endpoint)),
          other.name, other.forged};
}

EngineIoBirth birth_of(const HttpRequest& request, const RequestContext& context, const Endpoint& endpoint) {
  return {wire::PackedRequest(request), context.address, context.secure, &endpoint};
}

// A GET or POST of a session, or the GET that begins one.
class EngineIoExchange final : public Exchange {
 public:
  enum class Kind : std::uint8_t { handshake, poll, post };

  // session: 0 for a handshake.
  EngineIoExchange(EngineIoLocal& local, Kind kind, const HttpRequest& request, SessionNumber session)
      : local_(local), loop_(local.loop()), kind_(kind), session_(session) {
    HttpResponse headers;
    add_cors_headers(headers, request, loop_.options().allowed_origins);
    headers_ = std::move(headers.headers);
    compresses_ = accepts_gzip(request.joined_header("accept-encoding"));
  }

  void set_address(std::string address) { address_ = std::move(address); }
  void set_birth(EngineIoBirth birth) { birth_ = std::move(birth); }
  void set_post(std::string content_type, bool has_body) {
    content_type_ = std::move(content_type);
    has_body_ = has_body;
  }

  void on_held(const HeldRequest& request) override {
    request_ = request;
    switch (kind_) {
      case Kind::handshake:
        open();
        break;
      case Kind::poll:
        at_home([request](EngineIoSession& session) { session.poll(request); });
        break;
      case Kind::post:
        at_home([request, type = content_type_](EngineIoSession& session) { session.begin_post(request, type); });
        if (!has_body_) on_body({});
        break;
    }
  }

  void on_body(std::string body) override {
    // Shared, because a task is copied.
    const auto shared = std::make_shared<std::string>(std::move(body));
    at_home([request = request_, shared](EngineIoSession& session) { session.end_post(request, std::move(*shared)); });
  }

  void on_body_too_large() override {
    loop_.refusals().note(Refusal::body_bytes, address_);
    at_home([request = request_](EngineIoSession& session) { session.post_too_large(request); });
  }

  void complete(HttpResponse& response) override {
    response.headers.insert(response.headers.end(), headers_.begin(), headers_.end());
    // As the reference server does (httpCompression).
    if (compresses_) compress(response);
  }

  void on_lost(bool answered) override {
    if (kind_ == Kind::post) {
      at_home([request = request_](EngineIoSession& session) { session.post_lost(request); });
    } else {
      at_home([request = request_, answered](EngineIoSession& session) { session.poll_lost(request, answered); });
    }
  }

 private:
  void open() {
    const Result<SessionNumber> session = local_.open_polling(std::move(*birth_), request_);
    if (session.ok()) {
      session_ = *session;
    } else {
      loop_.answer(request_, HttpResponse::text(503, session.status().detail + "\n"), false);
    }
  }

  // Runs action(EngineIoSession&) on the session's home. Answers the request when the session is not there.
  template <class Action>
  void at_home(Action action) {
    local_.home().at_home<EngineIoSession>(
        session_, SessionHome::Turn::now, std::move(action),
        [request = request_](SessionHome& home, SessionAbsence absence) {
          const bool moving = absence == SessionAbsence::moving;
          home.loop().answer(request, engine_io_error(moving ? EngineIoError::bad_request : EngineIoError::unknown_sid),
                             false);
        });
  }

  EngineIoLocal& local_;
  EndpointContext& loop_;
  const Kind kind_;
  SessionNumber session_;
  HeldRequest request_;
  Pairs headers_;  // of every answer
  std::string address_;
  std::optional<EngineIoBirth> birth_;
  std::string content_type_;
  bool has_body_ = true;
  bool compresses_ = false;  // the answer
};

// An unknown sid is not reported, because it is most often that of a session that has just ended.
void note(EngineIoError error, const RequestContext& context, EndpointContext& loop) {
  if (error == EngineIoError::unknown_sid) return;
  loop.refusals().note(Refusal::malformed, context.address, wire::message_of(error));
}

HttpResponse with_cors(HttpResponse response, const LoopContext& loop, const HttpRequest& request) {
  add_cors_headers(response, request, loop.options().allowed_origins);
  return response;
}

}  // namespace

// Every request of an Engine.IO client has one of these arguments.
bool EngineIoEndpoint::precedes_files(const HttpRequest& request) const {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  return !reads || std::any_of(request.query.begin(), request.query.end(), [](const Pair& argument) {
    return argument.name == "EIO" || argument.name == "transport";
  });
}

std::variant<HttpResponse, Hold> EngineIoEndpoint::route(const HttpRequest& request, const RequestContext& context,
                                                         const Endpoint& endpoint) {
  if (request.method == "OPTIONS" && !request.header("origin").empty() && context.origin_allowed) {
    return preflight_response(request, loop_.options().allowed_origins);
  }
  const Addressed addressed = address_session(local_, request, context, endpoint, false);
  if (addressed.error) {
    note(*addressed.error, context, loop_);
    if (addressed.forged && *addressed.error == EngineIoError::unknown_sid) {
      loop_.refusals().note(Refusal::malformed, context.address, "an id of a session that the cluster has not issued");
    }
    return with_cors(engine_io_error(*addressed.error), loop_, request);
  }
  if (!context.origin_allowed) {
    loop_.refusals().note(Refusal::origin, context.address, request.header("origin"));
    return engine_io_error(EngineIoError::forbidden);
  }
  if (loop_.draining()) return with_cors(HttpResponse::text(503, std::string(kStopping) + "\n"), loop_, request);

  using Kind = EngineIoExchange::Kind;
  const bool begins = addressed.session == 0 && addressed.server.empty();
  const Kind kind = begins ? Kind::handshake : request.method == "POST" ? Kind::post : Kind::poll;
  BodyPlan plan = plan_body(request);
  if (plan.kind == BodyPlan::Kind::refused) return with_cors(std::move(plan.refusal), loop_, request);
  const auto max_bytes = static_cast<std::uint64_t>(loop_.options().max_http_body_bytes);
  if (plan.length_bytes > max_bytes) {
    HttpResponse response;
    response.status = 413;
    response.close = true;
    loop_.refusals().note(Refusal::body_bytes, context.address);
    return with_cors(std::move(response), loop_, request);
  }
  if (!addressed.server.empty()) {
    if (kind != Kind::post) plan = {};
    return forward(request, context, plan, endpoint, addressed.server);
  }
  auto exchange = std::make_unique<EngineIoExchange>(local_, kind, request, addressed.session);
  exchange->set_address(context.address);
  if (kind == Kind::handshake) exchange->set_birth(birth_of(request, context, endpoint));
  Hold hold;
  if (kind == Kind::post) {
    exchange->set_post(std::string(request.header("content-type")), plan.kind != BodyPlan::Kind::none);
    hold.body = plan.kind;
    hold.body_bytes = plan.length_bytes;
    hold.max_body_bytes = max_bytes;
  }
  hold.exchange = std::move(exchange);
  return hold;
}

// A poll is answered at the next ping at the latest, a POST sooner unless the client is paused.
Hold EngineIoEndpoint::forward(const HttpRequest& request, const RequestContext& context, const BodyPlan& plan,
                               const Endpoint& endpoint, std::string_view server) {
  constexpr std::int64_t kMarginMs = 10'000;
  const session::EngineIoOptions& options = local_.shared().session_options(endpoint);
  FarGate::Forwarding forwarding;
  forwarding.server = server;
  forwarding.gone = with_cors(engine_io_error(EngineIoError::unknown_sid), loop_, request);
  forwarding.headers = with_cors({}, loop_, request).headers;
  forwarding.within_ms = options.ping_interval_ms + options.ping_timeout_ms + kMarginMs;
  forwarding.soon = request.method == "POST";
  forwarding.max_body_bytes = static_cast<std::uint64_t>(loop_.options().max_http_body_bytes);
  return local_.home().far_gate().forward(request, context, plan, std::move(forwarding));
}

std::optional<HttpResponse> EngineIoEndpoint::open_websocket(Connection& connection, Opening& opening) {
  const HttpRequest& request = opening.request;
  const RequestContext& context = opening.context;
  const Endpoint& endpoint = opening.endpoint;
  // The first one, whatever it is: as the reference server does.
  if (!opening.offered.empty()) opening.subprotocol = opening.offered.front();
  auto [session, error, server, forged] = address_session(local_, request, context, endpoint, true);
  if (error) {
    note(*error, context, loop_);
  } else if (!context.origin_allowed) {
    loop_.refusals().note(Refusal::origin, context.address, request.header("origin"));
    error = EngineIoError::forbidden;
  }
  if (error) {
    // Scripts cannot read this answer. It helps people who look at the connection.
    HttpResponse response;
    response.status = wire::http_status(*error);
    response.headers.push_back({"Content-Type", "text/html"});
    response.body = wire::message_of(*error);
    return response;
  }
  if (session == 0) {
    // The session begins after the handshake. Limits are checked now as well, because now the refusal can be an HTTP response.
    const std::optional<Refusal> refusal = local_.table().check(Transport::websocket, context.address, loop_.now_ms());
    if (refusal) {
      loop_.refusals().note(*refusal, context.address);
      return HttpResponse::text(503, sessions_status(*refusal).detail + "\n");
    }
  }
  const bool base64 = !last_argument(request, "b64").empty();
  const Carrier& carrier =
      websocket_carrier(base64 ? WebSocketCarrier::Packets::engine_io_base64 : WebSocketCarrier::Packets::engine_io);
  auto owned = std::make_unique<EngineIoSocket>(local_, birth_of(request, context, endpoint), session);
  EngineIoSocket& socket = *owned;
  socket.set_link(connection.make_websocket(std::move(owned), carrier, endpoint.max_message_bytes));
  return std::nullopt;
}

}  // namespace chat::net
