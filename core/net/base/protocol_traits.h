// The properties of each protocol's endpoints, one entry per protocol.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "model/types.h"

namespace chat::net {

// The bit of a transport in Endpoint::transports.
constexpr std::uint32_t transport_bit(Transport transport) { return 1U << static_cast<unsigned>(transport); }

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
};

// Indexed by Protocol.
inline constexpr std::array<ProtocolTraits, kProtocolCount> kProtocolTraits = {{
    /* none */ {},
    /* plain */ {},
    /* chat_v1 */ {.answers_messages = true},
    /* socket_io */
    {.transports = transport_bit(Transport::websocket) | transport_bit(Transport::polling),
     .owns_paths_below = true,
     .limits_messages_like_bodies = true,
     .answers_messages = true,
     .acknowledges_messages = true},
    /* stomp */ {},
    /* http */
    {.transports = transport_bit(Transport::polling) | transport_bit(Transport::event_stream),
     .owns_paths_below = true,
     .answers_messages = true},
}};

// Unknown numbers get the entry of a WebSocket protocol without further features.
constexpr const ProtocolTraits& traits_of(Protocol protocol) {
  const auto index = static_cast<std::size_t>(protocol);
  return kProtocolTraits[index < kProtocolTraits.size() ? index : 0];
}

}  // namespace chat::net
