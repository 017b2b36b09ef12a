// See single_endpoint.h.
#include "net/endpoint/single/single_endpoint.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "net/base/clock.h"
#include "net/endpoint/single/single_peer.h"
#include "net/peer/admission.h"
#include "net/peer/peer.h"
#include "wire/chat_v1/chat_v1_codec.h"
#include "wire/plain/plain_codec.h"

namespace chat::net {
namespace {

// "?epoch=...&seq=...": the last message of the room that the client has. An ill-formed position counts as none.
std::optional<Position> position(const HttpRequest& request) {
  const std::string_view epoch = request.argument("epoch");
  const std::string_view digits = request.argument("seq");
  Position since{std::string(epoch), 0};
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), since.seq);
  if (epoch.empty() || digits.empty() || error != std::errc() || end != digits.data() + digits.size())
    return std::nullopt;
  return since;
}

// The protocol that the endpoint chooses from what the handshake offers.
struct Choice {
  Protocol protocol;
  std::string answer;   // the subprotocol; empty: none
  bool binary = false;  // chat.v1.binary
};

Choice choose_subprotocol(const Endpoint& endpoint, const std::vector<std::string>& offered) {
  const auto offers = [&](std::string_view name) {
    return std::find(offered.begin(), offered.end(), name) != offered.end();
  };
  if (offers("chat.v1.binary")) return {Protocol::chat_v1, "chat.v1.binary", true};
  if (offers("chat.v1")) return {Protocol::chat_v1, "chat.v1"};
  if (endpoint.protocol == Protocol::chat_v1) return {Protocol::chat_v1, offered.empty() ? "" : offered.front()};
  return {endpoint.protocol, ""};
}

// Encoder and decoder of a client's wire format.
struct Format {
  std::unique_ptr<wire::Codec> codec;
  wire::Decoder& decoder;  // the same object
};

template <class Codec, class... Arguments>
Format make_format(Arguments... arguments) {
  auto codec = std::make_unique<Codec>(arguments...);
  wire::Decoder& decoder = *codec;
  return {std::move(codec), decoder};
}

Format format_of(Protocol protocol, bool binary, std::int64_t max_message_bytes) {
  if (protocol != Protocol::chat_v1) return make_format<wire::PlainCodec>();
  return make_format<wire::ChatV1Codec>(wire::ChatV1Form{binary, static_cast<std::uint64_t>(max_message_bytes)});
}

}  // namespace

std::variant<HttpResponse, Hold> SingleEndpoint::route(const HttpRequest&, const RequestContext&, const Endpoint&) {
  HttpResponse response = HttpResponse::text(426, "this is a WebSocket endpoint\n");
  response.headers.push_back({"Upgrade", "websocket"});
  return response;
}

std::optional<HttpResponse> SingleEndpoint::open_websocket(Connection& connection, Opening& opening) {
  if (!opening.context.origin_allowed) {
    loop_.refusals().note(Refusal::origin, opening.context.address, opening.request.header("origin"));
    return HttpResponse::text(403, "origin not allowed\n");
  }
  WebSocketMaker maker(connection);
  if (const std::optional<LinkRefusal> refusal = open_link(opening, maker)) return refusal->response();
  return std::nullopt;
}

std::vector<Task> SingleEndpoint::goodbyes() {
  std::vector<Task> result;
  for (const auto& [id, peer] : loop_.peers()) {
    const Protocol protocol = peer->client()->origin().protocol;
    if (protocol != Protocol::plain && protocol != Protocol::chat_v1) continue;
    result.emplace_back([this, client = id] {
      if (Peer* const there = loop_.peers().find(client)) there->link().close(1001, kStopping);
    });
  }
  return result;
}

std::optional<LinkRefusal> SingleEndpoint::open_link(Opening& opening, LinkMaker& maker) {
  Choice choice = choose_subprotocol(opening.endpoint, opening.offered);
  opening.subprotocol = std::move(choice.answer);
  const Protocol protocol = choice.protocol;
  const HttpRequest& request = opening.request;
  const ServerOptions& options = loop_.options();
  std::string room(request.argument("room"));
  if (room.empty()) room = options.default_room;
  if (Status status = check_room_name(room); !status.ok()) return LinkRefusal{400, std::move(status.detail)};

  Result<ClientPtr> admitted =
      admit(loop_, {loop_.index(), opening.context.address, protocol, opening.transport, wall_clock_ms()},
            connect_request(request, opening.context.secure, room));
  if (!admitted.ok()) return LinkRefusal{503, admitted.status().detail};
  const ClientPtr client = *admitted;
  if (client->state() == ClientState::refused) {
    loop_.refusals().note(Refusal::application, opening.context.address, client->refusal_reason());
    loop_.hub().remove_client(client);
    return LinkRefusal{403, refusal_text(client->refusal_reason())};
  }

  const std::int64_t limit =
      opening.endpoint.max_message_bytes > 0 ? opening.endpoint.max_message_bytes : options.max_message_bytes;
  Link* made = nullptr;
  SinglePeer* user = nullptr;
  Peer* entered = nullptr;
  try {
    auto owned = std::make_unique<SinglePeer>(loop_);
    user = owned.get();
    made = &maker.make_link(std::move(owned), limit);
    Format format = format_of(protocol, choice.binary, limit);
    auto added = std::make_unique<Peer>(loop_, *user, *made, client, std::move(format.codec));
    entered = added.get();
    entered->set_first_room(std::move(room), protocol == Protocol::chat_v1 ? position(request) : std::nullopt);
    loop_.peers().add(std::move(added));
    user->set_up(*made, *entered, format.decoder);
  } catch (...) {  // no memory: nobody else would remove the client
    loop_.hub().remove_client(client);
    throw;
  }
  Link& link = *made;
  Peer& peer = *entered;
  if (client->state() == ClientState::accepted) {
    // The client joins before it is answered, so that it receives messages from the moment at which it knows that it is
    // connected.
    if (Status status = peer.open(); !status.ok()) {
      link.close(1008, status.detail);
      return LinkRefusal{403, std::move(status.detail)};
    }
    if (!peer.undecided()) user->set_opened();
  }
  return std::nullopt;
}

}  // namespace chat::net
