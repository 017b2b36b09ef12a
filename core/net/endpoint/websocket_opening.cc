// See websocket_opening.h.
#include "net/endpoint/websocket_opening.h"

#include <algorithm>
#include <string>
#include <vector>

#include "net/connection/connection.h"
#include "net/connection/websocket_link.h"
#include "wire/http/syntax.h"
#include "wire/websocket/handshake.h"

namespace chat::net {
namespace {

// Reports the address of the socket, because the headers of a proxy have not been read yet.
HttpResponse malformed(EndpointContext& loop, Connection& connection, std::string text) {
  loop.refusals().note(Refusal::malformed, connection.remote_address(), text);
  return HttpResponse::text(400, std::move(text) + "\n");
}

std::optional<HttpResponse> check_handshake(EndpointContext& loop, Connection& connection, const HttpRequest& request) {
  if (request.method != "GET" || request.minor_version < 1 ||
      !contains_token(request.joined_header("connection"), "upgrade") ||
      !wire::is_websocket_key(request.header("sec-websocket-key"))) {
    return malformed(loop, connection, "malformed WebSocket handshake");
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

}  // namespace

std::optional<HttpResponse> open_websocket(EndpointContext& loop, const EndpointTable& endpoints,
                                           Connection& connection, const HttpRequest& request) {
  if (loop.draining()) return HttpResponse::text(503, std::string(kStopping) + "\n");
  const Endpoint* endpoint = endpoints.find(request.path);
  const bool below = endpoint == nullptr;
  if (below) endpoint = endpoints.find_above(request.path);
  if (!endpoint) return HttpResponse::text(404, "no such endpoint\n");
  if (below && endpoint->sockjs != 0 && request.method != "GET") {
    HttpResponse response;
    response.status = 405;
    response.headers.push_back({"Allow", "GET"});
    return response;
  }
  if (std::optional<HttpResponse> refusal = check_handshake(loop, connection, request)) return refusal;
  std::optional<wire::DeflateAgreement> deflate;
  if (loop.options().permessage_deflate) {
    const std::vector<std::string_view> offers = extension_offers(request);
    if (!std::all_of(offers.begin(), offers.end(), wire::is_extension_list)) {
      return malformed(loop, connection, "malformed Sec-WebSocket-Extensions");
    }
    deflate = wire::agree_on_deflate(offers);
  }
  const RequestContext context = describe(request, connection.remote_address(), loop.rules());
  const SourcePtr source = loop.sources().find(context.address);
  if (const std::optional<Refusal> refusal = connection.charge_to(source)) {
    loop.refusals().note(*refusal, context.address);
    return HttpResponse::text(503, "too many connections from this address\n");
  }

  // An element that is not a token cannot be repeated in the answer.
  std::vector<std::string> offered = list_elements(request.joined_header("sec-websocket-protocol"));
  std::erase_if(offered, [](const std::string& name) { return !wire::is_token(name); });

  EndpointHandler::Opening opening{request, context, *endpoint, offered};
  EndpointHandler& handler = below ? endpoints.request_handler(*endpoint) : endpoints.handler(*endpoint);
  std::optional<HttpResponse> refusal = handler.open_websocket(connection, opening);
  if (refusal) return refusal;
  connection.websocket()->charge_to(source);
  connection.websocket()->accept_handshake(handshake_response(request, opening.subprotocol, deflate), deflate);
  return std::nullopt;
}

}  // namespace chat::net
