// The properties of each protocol's endpoints, one entry per protocol.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "model/types.h"
#include "wire/sockjs/sockjs_envelope.h"

namespace chat::net {

// The bit of a transport in Endpoint::transports.
constexpr std::uint32_t transport_bit(Transport transport) { return 1U << static_cast<unsigned>(transport); }

inline constexpr std::uint32_t kEveryTransport = (1U << kTransportCount) - 1;

// What a client uses that came over this transport of SockJS.
constexpr Transport transport_of(wire::SockJsTransport transport) {
  if (transport == wire::SockJsTransport::websocket) return Transport::websocket;
  return wire::is_streaming(transport) ? Transport::streaming : Transport::polling;
}

struct ProtocolTraits {
  std::uint32_t transports = transport_bit(Transport::websocket);  // bits: 1 << Transport
  // The endpoint also serves the paths below its own, unless they are used for something else.
  bool owns_paths_below = false;
  // The protocol has one limit for messages and POST bodies, as its official clients and servers expect.
  bool limits_messages_like_bodies = false;
  // Clients can ask for the application's answer to a message.
  bool answers_messages = false;
  // The server can ask clients to acknowledge a message.
  bool acknowledges_messages = false;
  // Each link has one client, so SockJS can carry the protocol.
  bool carried_by_sockjs = false;
};

// Indexed by Protocol.
inline constexpr std::array<ProtocolTraits, kProtocolCount> kProtocolTraits = {{
    /* none */ {},
    /* plain */ {.transports = kEveryTransport, .carried_by_sockjs = true},
    /* chat_v1 */ {.transports = kEveryTransport, .answers_messages = true, .carried_by_sockjs = true},
    /* socket_io */
    {.transports = transport_bit(Transport::websocket) | transport_bit(Transport::polling),
     .owns_paths_below = true,
     .limits_messages_like_bodies = true,
     .answers_messages = true,
     .acknowledges_messages = true},
    /* stomp */ {.transports = kEveryTransport, .carried_by_sockjs = true},
    /* http */
    {.transports = transport_bit(Transport::polling) | transport_bit(Transport::streaming),
     .owns_paths_below = true,
     .answers_messages = true},
}};

// Unknown numbers get the entry of a WebSocket protocol without further features.
constexpr const ProtocolTraits& traits_of(Protocol protocol) {
  const auto index = static_cast<std::size_t>(protocol);
  return kProtocolTraits[index < kProtocolTraits.size() ? index : 0];
}

}  // namespace chat::net
