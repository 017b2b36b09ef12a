// What a STOMP client and server agree on in CONNECT and CONNECTED: the version, and heart-beats in each direction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "wire/stomp/stomp_frame.h"

namespace chat::wire {

// For the ERROR frame of a client that speaks none of them.
inline constexpr std::string_view kStompVersions = "1.0,1.1,1.2";

// The highest version in a CONNECT frame's accept-version header. nullptr: the frame has none, so the client speaks 1.0. nullopt:
// there is none in common.
std::optional<StompVersion> negotiate_stomp_version(const std::string* accept_version);

// The subprotocol of a WebSocket: v10.stomp, v11.stomp or v12.stomp.
std::string_view stomp_subprotocol(StompVersion version);
std::optional<StompVersion> find_stomp_subprotocol(std::string_view name);

// The heart-beat header. 0: can not, or does not want to.
struct StompHeartBeat {
  std::int64_t sends_ms = 0;  // the sender of the header has something to send at least so often
  std::int64_t wants_ms = 0;  // it wants to receive something so often
};

// nullptr: no header, which means 0,0. nullopt: malformed.
std::optional<StompHeartBeat> parse_stomp_heart_beat(const std::string* header);
std::string encode_stomp_heart_beat(const StompHeartBeat& heart_beat);

// How often there is a heart-beat in each direction; 0: never.
struct StompHeartBeats {
  std::int64_t to_client_ms = 0;
  std::int64_t from_client_ms = 0;
};
StompHeartBeats negotiate_stomp_heart_beats(const StompHeartBeat& client, const StompHeartBeat& server);

}  // namespace chat::wire
