// See websocket_opening.h.
#include "server/websocket_opening.h"

#include <algorithm>
#include <charconv>

#include "net/connection/connection.h"
#include "net/connection/websocket_link.h"
#include "net/endpoint/engine_io/engine_io_requests.h"
#include "net/endpoint/single/single_peer.h"
#include "net/http/request_context.h"
#include "net/peer/admission.h"
#include "net/peer/peer.h"
#include "server/loop.h"
#include "server/server.h"
#include "wire/http/syntax.h"
#include "wire/websocket/handshake.h"

namespace chat::net {
namespace {

// "?epoch=...&seq=...": what the client has of the room already. Ill-formed is as good as nothing.
std::optional<Position> position(const HttpRequest& request) {
  const std::string_view epoch = request.argument("epoch");
  const std::string_view digits = request.argument("seq");
  Position since{std::string(epoch), 0};
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), since.seq);
  if (epoch.empty() || digits.empty() || error != std::errc() || end != digits.data() + digits.size())
    return std::nullopt;
  return since;
}

// What the handshake offers, and what the endpoint makes of it.
struct Choice {
  Protocol protocol;
  std::string answer;  // the subprotocol; empty: none
};

Choice choose_subprotocol(const Endpoint& endpoint, const std::vector<std::string>& offered) {
  const bool offers_chat_v1 = std::find(offered.begin(), offered.end(), "chat.v1") != offered.end();
  if (offers_chat_v1) return {Protocol::chat_v1, "chat.v1"};
  if (endpoint.protocol == Protocol::chat_v1) return {Protocol::chat_v1, offered.empty() ? "" : offered.front()};
  return {endpoint.protocol, ""};
}

// The address is that of the socket, because what a proxy has forwarded is not looked at yet.
HttpResponse malformed(Connection& connection, std::string text) {
  connection.loop().server().refusals().note(Refusal::malformed, connection.peer_address(), text);
  return HttpResponse::text(400, std::move(text) + "\n");
}

std::optional<HttpResponse> check_handshake(Connection& connection, const HttpRequest& request) {
  if (request.method != "GET" || request.minor_version < 1 ||
      !contains_token(request.joined_header("connection"), "upgrade") ||
      !wire::is_websocket_key(request.header("sec-websocket-key"))) {
    return malformed(connection, "malformed WebSocket handshake");
  }
  if (request.header("sec-websocket-version") != "13") {
    HttpResponse response = HttpResponse::text(426, "this server speaks WebSocket version 13\n");
    response.headers.push_back({"Upgrade", "websocket"});
    response.headers.push_back({"Sec-WebSocket-Version", "13"});
    return response;
  }
  return std::nullopt;
}

std::vector<std::string_view> extension_offers(const HttpRequest& request) {
  std::vector<std::string_view> values;
  for (const Pair& header : request.headers) {
    if (header.name == "sec-websocket-extensions") values.push_back(header.value);
  }
  return values;
}

std::string handshake_response(const HttpRequest& request, std::string_view subprotocol,
                               const std::optional<wire::DeflateAgreement>& deflate) {
  std::string response =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
  response += wire::websocket_accept(request.header("sec-websocket-key"));
  if (!subprotocol.empty()) response.append("\r\nSec-WebSocket-Protocol: ").append(subprotocol);
  if (deflate) response.append("\r\nSec-WebSocket-Extensions: ").append(deflate->answer);
  response += "\r\n\r\n";
  return response;
}

// A socket that is one client: plain or chat.v1.
std::optional<HttpResponse> open_single(Connection& connection, const HttpRequest& request,
                                        const RequestContext& context, const Endpoint& endpoint, const Choice& choice) {
  Loop& loop = connection.loop();
  const ServerOptions& options = loop.options();
  std::string room(request.argument("room"));
  if (room.empty()) room = options.default_room;
  if (const Status status = check_room_name(room); !status.ok()) return HttpResponse::text(400, status.detail + "\n");

  Credentials log_in = credentials(request);
  ConnectRequest connect;
  connect.path = request.path;
  connect.query = request.query;
  connect.headers = request.headers;
  connect.cookies = request.cookies();
  connect.origin = request.header("origin");
  connect.secure = context.secure;
  connect.room = room;
  connect.token = std::move(log_in.token);
  connect.user_name = std::move(log_in.user_name);
  connect.password = std::move(log_in.password);
  Result<ClientPtr> admitted =
      admit(loop.server(), {loop.index(), context.address, choice.protocol, Transport::websocket, wall_clock_ms()},
            std::move(connect));
  if (!admitted.ok()) return HttpResponse::text(503, admitted.status().detail + "\n");
  const ClientPtr client = *admitted;
  if (client->state() == ClientState::refused) {
    loop.server().refusals().note(Refusal::application, context.address, client->refusal_reason());
    loop.server().hub().remove_client(client);
    return HttpResponse::text(403, refusal_text(client->refusal_reason()) + "\n");
  }

  const std::int64_t limit = endpoint.max_message_bytes > 0 ? endpoint.max_message_bytes : options.max_message_bytes;
  auto owned = std::make_unique<SinglePeer>(loop, client->id());
  SinglePeer& user = *owned;
  WebSocketLink& link = connection.make_websocket(std::move(owned), Framing{}, limit);
  user.set_link(link);
  auto added = std::make_unique<Peer>(loop, link, client, wire::make_codec(choice.protocol));
  Peer& peer = *added;
  peer.set_first_room(std::move(room), choice.protocol == Protocol::chat_v1 ? position(request) : std::nullopt);
  loop.add_peer(std::move(added));
  if (client->state() == ClientState::accepted) {
    // A member before the 101 goes out: whoever knows that it is connected can speak to it.
    if (const Status status = peer.open(); !status.ok()) {
      link.close(1008, status.detail);
      return HttpResponse::text(403, status.detail + "\n");
    }
    if (!peer.undecided()) user.set_opened();
  }
  return std::nullopt;
}

}  // namespace

std::optional<HttpResponse> open_websocket(Connection& connection, const HttpRequest& request) {
  Loop& loop = connection.loop();
  const ServerOptions& options = loop.options();
  if (loop.draining()) return HttpResponse::text(503, std::string(kStopping) + "\n");
  const Endpoint* endpoint = find_endpoint(options, request.path);
  if (endpoint == nullptr) endpoint = find_endpoint_above(options, request.path);
  if (!endpoint) return HttpResponse::text(404, "no such endpoint\n");
  if (std::optional<HttpResponse> refusal = check_handshake(connection, request)) return refusal;
  std::optional<wire::DeflateAgreement> deflate;
  if (options.permessage_deflate) {
    const std::vector<std::string_view> offers = extension_offers(request);
    if (!std::all_of(offers.begin(), offers.end(), wire::is_extension_list)) {
      return malformed(connection, "malformed Sec-WebSocket-Extensions");
    }
    deflate = wire::agree_on_deflate(offers);
  }
  const RequestContext context = describe(request, connection.peer_address(), loop.server());
  const SourcePtr source = loop.server().hub().sources().find(context.address);
  if (const std::optional<Refusal> refusal = connection.charge_to(source)) {
    loop.server().refusals().note(*refusal, context.address);
    return HttpResponse::text(503, "too many connections from this address\n");
  }

  // An element that is no token cannot be repeated in the answer.
  std::vector<std::string> offered = list_elements(request.joined_header("sec-websocket-protocol"));
  std::erase_if(offered, [](const std::string& name) { return !wire::is_token(name); });

  std::string subprotocol;
  std::optional<HttpResponse> refusal;
  if (endpoint->protocol == Protocol::socket_io) {
    if (!offered.empty()) subprotocol = offered.front();  // whatever it is, as the reference server does
    refusal = open_engine_io_socket(connection, request, context, *endpoint);
  } else if (!context.origin_allowed) {
    loop.server().refusals().note(Refusal::origin, context.address, request.header("origin"));
    refusal = HttpResponse::text(403, "origin not allowed\n");
  } else {
    Choice choice = choose_subprotocol(*endpoint, offered);
    refusal = open_single(connection, request, context, *endpoint, choice);
    subprotocol = std::move(choice.answer);
  }
  if (refusal) return refusal;
  connection.websocket()->charge_to(source);
  connection.websocket()->accept_handshake(handshake_response(request, subprotocol, deflate), deflate);
  return std::nullopt;
}

}  // namespace chat::net
