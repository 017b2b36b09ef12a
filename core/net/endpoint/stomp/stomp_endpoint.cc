// See stomp_endpoint.h.
#include "net/endpoint/stomp/stomp_endpoint.h"

#include <algorithm>
#include <string>
#include <utility>

#include "net/base/clock.h"
#include "net/peer/admission.h"
#include "wire/stomp/stomp_negotiation.h"

namespace chat::net {
namespace {

constexpr std::size_t kMaxWaitingBytes = 2'000'000;
constexpr std::size_t kMaxTransactionBytes = 2'000'000;

std::int64_t max_body_bytes(const ServerOptions& options, const Endpoint& endpoint) {
  return endpoint.max_message_bytes > 0 ? endpoint.max_message_bytes : options.max_message_bytes;
}

// A frame with the largest body.
std::int64_t max_frame_bytes(const session::StompOptions& options) {
  const wire::StompLimits& limits = options.limits;
  return static_cast<std::int64_t>(limits.max_body_bytes + limits.max_headers_bytes + limits.max_line_bytes);
}

// The highest version that the client offers. nullopt: it offers none.
std::optional<wire::StompVersion> choose_subprotocol(const std::vector<std::string>& offered) {
  std::optional<wire::StompVersion> best;
  for (const std::string& name : offered) {
    const std::optional<wire::StompVersion> version = wire::find_stomp_subprotocol(name);
    if (version && (!best || *version > *best)) best = version;
  }
  return best;
}

}  // namespace

session::StompOptions stomp_options(const ServerOptions& options, const Endpoint& endpoint) {
  session::StompOptions result;
  result.prefixes = options.stomp_prefixes;
  result.limits.max_body_bytes = static_cast<std::size_t>(max_body_bytes(options, endpoint));
  // What a transaction holds becomes commands at once, which may wait for a verdict in the space of one outbox.
  result.transactions.max_bytes =
      std::min(kMaxTransactionBytes, static_cast<std::size_t>(options.max_outbox_bytes) / 2);
  const std::int64_t heart_beat_ms = std::max<std::int64_t>(0, options.stomp_heart_beat_ms);
  result.heart_beat = {heart_beat_ms, heart_beat_ms};
  result.connect_timeout_ms = options.handshake_timeout_ms;
  result.max_requests = 2 * result.transactions.max_frames;
  result.max_waiting_bytes = std::max(kMaxWaitingBytes, 2 * static_cast<std::size_t>(max_frame_bytes(result)));
  return result;
}

std::variant<HttpResponse, Hold> StompEndpoint::route(const HttpRequest&, const RequestContext&, const Endpoint&) {
  HttpResponse response = HttpResponse::text(426, "this is a WebSocket endpoint\n");
  response.headers.push_back({"Upgrade", "websocket"});
  return response;
}

void StompEndpoint::make_client(const Opening& opening, LinkMaker& maker, bool text_only) {
  const RequestContext& context = opening.context;
  StompClient::Arrival arrival{connect_request(opening.request, context.secure, {}),
                               {loop_.index(), context.address, Protocol::stomp, opening.transport, wall_clock_ms()},
                               text_only};
  session::StompOptions options = stomp_options(loop_.options(), opening.endpoint);
  const std::int64_t max_bytes = max_frame_bytes(options);
  auto owned = std::make_unique<StompClient>(loop_, std::move(options), std::move(arrival), clients_);
  StompClient& client = *owned;
  client.set_link(maker.make_link(std::move(owned), max_bytes));
}

std::optional<HttpResponse> StompEndpoint::open_websocket(Connection& connection, Opening& opening) {
  if (!opening.context.origin_allowed) {
    loop_.refusals().note(Refusal::origin, opening.context.address, opening.request.header("origin"));
    return HttpResponse::text(403, "origin not allowed\n");
  }
  if (const auto version = choose_subprotocol(opening.offered)) {
    opening.subprotocol = wire::stomp_subprotocol(*version);
  }
  WebSocketMaker maker(connection);
  make_client(opening, maker, false);
  return std::nullopt;
}

std::optional<LinkRefusal> StompEndpoint::open_link(Opening& opening, LinkMaker& maker) {
  make_client(opening, maker, true);
  return std::nullopt;
}

std::vector<Task> StompEndpoint::goodbyes() {
  std::vector<Task> result;
  for (StompClient* const client : *clients_) {
    result.emplace_back([clients = clients_, client] {
      if (clients->contains(client)) client->close(1001, kStopping);
    });
  }
  return result;
}

}  // namespace chat::net
