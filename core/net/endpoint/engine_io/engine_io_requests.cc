// See engine_io_requests.h.
#include "net/endpoint/engine_io/engine_io_requests.h"

#include <utility>

#include "net/connection/connection.h"
#include "net/endpoint/engine_io/engine_io_host.h"
#include "net/endpoint/engine_io/engine_io_service.h"
#include "net/endpoint/engine_io/engine_io_socket.h"
#include "net/http/cors.h"
#include "server/loop.h"
#include "server/server.h"
#include "session/engine_io_request.h"

namespace chat::net {
namespace {

using session::EngineIoTransport;
using wire::EngineIoError;

// Of arguments that occur twice the last counts.
std::string_view last_argument(const HttpRequest& request, std::string_view name) {
  std::string_view value;
  for (const Pair& argument : request.query) {
    if (argument.name == name) value = argument.value;
  }
  return value;
}

std::optional<EngineIoError> check(Connection& connection, const HttpRequest& request, const Endpoint& endpoint,
                                   bool websocket, std::string_view sid) {
  std::optional<EngineIoTransport> transport;
  if (const auto entry = connection.loop().server().engine_io().registry.find(sid)) transport = entry->transport;
  return session::check_request(
      {request.method, websocket, last_argument(request, "transport"), sid, last_argument(request, "EIO")}, transport,
      transports_of(endpoint));
}

EngineIoBirth birth_of(const HttpRequest& request, const RequestContext& context, const Endpoint& endpoint) {
  return {request, context.address, context.secure, &endpoint};
}

// A GET or POST of a session, or the GET that makes one.
class EngineIoExchange final : public Exchange {
 public:
  enum class Kind : std::uint8_t { handshake, poll, post };

  EngineIoExchange(Loop& loop, Kind kind, const HttpRequest& request)
      : loop_(loop), kind_(kind), sid_(last_argument(request, "sid")) {
    HttpResponse headers;
    add_cors_headers(headers, request, loop.options().allowed_origins);
    headers_ = std::move(headers.headers);
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
        at_home([request](EngineIoHost& host) { host.poll(request); });
        break;
      case Kind::post:
        at_home([request, type = content_type_](EngineIoHost& host) { host.begin_post(request, type); });
        if (!has_body_) on_body({});
        break;
    }
  }

  void on_body(std::string body) override {
    // Shared, because a task can be copied.
    const auto shared = std::make_shared<std::string>(std::move(body));
    at_home([request = request_, shared](EngineIoHost& host) { host.end_post(request, std::move(*shared)); });
  }

  void on_body_too_large() override {
    loop_.server().refusals().note(Refusal::body_bytes, address_);
    at_home([request = request_](EngineIoHost& host) { host.post_too_large(request); });
  }

  void complete(HttpResponse& response) override {
    response.headers.insert(response.headers.end(), headers_.begin(), headers_.end());
  }

  void on_lost(bool answered) override {
    if (kind_ == Kind::post) {
      at_home([request = request_](EngineIoHost& host) { host.post_lost(request); });
    } else {
      at_home([request = request_, answered](EngineIoHost& host) { host.poll_lost(request, answered); });
    }
  }

 private:
  void open() {
    const Result<std::string> sid = loop_.sessions().open_polling(std::move(*birth_), request_);
    if (sid.ok()) {
      sid_ = *sid;
    } else {
      loop_.answer(request_, HttpResponse::text(503, sid.status().detail + "\n"), false);
    }
  }

  // Runs on the loop of the session. One that has gone meanwhile is unknown.
  template <class Action>
  void at_home(Action action) {
    const auto entry = loop_.server().engine_io().registry.find(sid_);
    if (!entry) {
      loop_.answer(request_, engine_io_error(EngineIoError::unknown_sid), false);
      return;
    }
    Server& server = loop_.server();
    loop_.run_on(entry->home, [&server, home = entry->home, sid = sid_, request = request_, action] {
      Loop& loop = server.loop(home);
      if (EngineIoHost* host = loop.sessions().find(sid)) {
        action(*host);
      } else {
        // On its way to the loop of its WebSocket, or gone.
        const bool moving = server.engine_io().registry.find(sid).has_value();
        loop.answer(request, engine_io_error(moving ? EngineIoError::bad_request : EngineIoError::unknown_sid), false);
      }
    });
  }

  Loop& loop_;
  const Kind kind_;
  std::string sid_;
  HeldRequest request_;
  Pairs headers_;  // that go with every answer
  std::string address_;
  std::optional<EngineIoBirth> birth_;
  std::string content_type_;
  bool has_body_ = true;
};

// A session that is not known any more has only ended.
void note(EngineIoError error, const RequestContext& context, Loop& loop) {
  if (error == EngineIoError::unknown_sid) return;
  loop.server().refusals().note(Refusal::malformed, context.address, wire::message_of(error));
}

HttpResponse with_cors(HttpResponse response, Connection& connection, const HttpRequest& request) {
  add_cors_headers(response, request, connection.loop().options().allowed_origins);
  return response;
}

}  // namespace

HttpResponse engine_io_error(EngineIoError error) {
  HttpResponse response;
  response.status = wire::http_status(error);
  response.headers.push_back({"Content-Type", "application/json"});
  response.body = wire::error_json(error);
  return response;
}

std::variant<HttpResponse, Hold> route_engine_io(Connection& connection, const HttpRequest& request,
                                                 const Endpoint& endpoint) {
  Loop& loop = connection.loop();
  const RequestContext context = describe(request, connection.peer_address(), loop.server());
  if (request.method == "OPTIONS" && !request.header("origin").empty() && context.origin_allowed) {
    return preflight_response(request, loop.options().allowed_origins);
  }
  const std::string_view sid = last_argument(request, "sid");
  if (const auto error = check(connection, request, endpoint, false, sid)) {
    note(*error, context, loop);
    return with_cors(engine_io_error(*error), connection, request);
  }
  if (!context.origin_allowed) {
    loop.server().refusals().note(Refusal::origin, context.address, request.header("origin"));
    return engine_io_error(EngineIoError::forbidden);
  }
  if (loop.draining()) return with_cors(HttpResponse::text(503, std::string(kStopping) + "\n"), connection, request);

  using Kind = EngineIoExchange::Kind;
  const Kind kind = sid.empty() ? Kind::handshake : request.method == "POST" ? Kind::post : Kind::poll;
  BodyPlan plan = plan_body(request);
  if (plan.kind == BodyPlan::Kind::refused) return with_cors(std::move(plan.refusal), connection, request);
  const auto max_bytes = static_cast<std::uint64_t>(loop.options().max_http_body_bytes);
  if (plan.length_bytes > max_bytes) {
    HttpResponse response;
    response.status = 413;
    response.close = true;
    loop.server().refusals().note(Refusal::body_bytes, context.address);
    return with_cors(std::move(response), connection, request);
  }
  auto exchange = std::make_unique<EngineIoExchange>(loop, kind, request);
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

std::optional<HttpResponse> open_engine_io_socket(Connection& connection, const HttpRequest& request,
                                                  const RequestContext& context, const Endpoint& endpoint) {
  Loop& loop = connection.loop();
  const std::string_view sid = last_argument(request, "sid");
  std::optional<EngineIoError> error = check(connection, request, endpoint, true, sid);
  if (error) {
    note(*error, context, loop);
  } else if (!context.origin_allowed) {
    loop.server().refusals().note(Refusal::origin, context.address, request.header("origin"));
    error = EngineIoError::forbidden;
  }
  if (error) {
    // No script can read this: it is for people who look at the connection.
    HttpResponse response;
    response.status = wire::http_status(*error);
    response.headers.push_back({"Content-Type", "text/html"});
    response.body = wire::message_of(*error);
    return response;
  }
  if (sid.empty()) {
    // The session is made when the handshake is through; whoever is too much is told now, while HTTP has a word for it.
    const EngineIoRegistry::Entry entry{loop.index(), EngineIoTransport::websocket};
    if (const std::optional<Refusal> refusal =
            loop.server().engine_io().registry.check(entry, context.address, loop.now_ms())) {
      loop.server().refusals().note(*refusal, context.address);
      return HttpResponse::text(503, sessions_status(*refusal).detail + "\n");
    }
  }
  Framing framing;
  framing.engine_io = true;
  framing.base64 = !last_argument(request, "b64").empty();
  auto owned = std::make_unique<EngineIoSocket>(loop, birth_of(request, context, endpoint), std::string(sid));
  EngineIoSocket& socket = *owned;
  socket.set_link(connection.make_websocket(std::move(owned), framing, endpoint.max_message_bytes));
  return std::nullopt;
}

}  // namespace chat::net
