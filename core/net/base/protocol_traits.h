// What the endpoints of each protocol can do, apart from how they do it: one line for each protocol.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "model/types.h"

namespace chat::net {

constexpr std::uint32_t transport_bit(Transport transport) { return 1U << static_cast<unsigned>(transport); }

struct ProtocolTraits {
  std::uint32_t transports = transport_bit(Transport::websocket);  // bits
  // The paths below an endpoint's own are its too, unless they are something else.
  bool owns_paths_below = false;
  // Its official clients and servers know one limit, that of a POST's body, and it holds for messages too.
  bool limits_messages_like_bodies = false;
  // A client's message can wait for an answer of the application.
  bool answers_messages = false;
  // A client can be asked to acknowledge a message.
  bool acknowledges_messages = false;
};

// By Protocol.
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
}};

// Of a number that is no protocol: like a WebSocket that can do nothing more.
constexpr const ProtocolTraits& traits_of(Protocol protocol) {
  const auto index = static_cast<std::size_t>(protocol);
  return kProtocolTraits[index < kProtocolTraits.size() ? index : 0];
}

}  // namespace chat::net
