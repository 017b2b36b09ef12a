// What the servers of a cluster tell each other about a Socket.IO client that may recover: enough to continue it at another
// server. A server writes this about a connected client at its CONNECT, at each change of its rooms and at each answered ping,
// and once more, with all that it knows, when the connection is lost. So a client of a server that has died is continued too,
// unless nobody can know what it has received: then it is new.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/command.h"
#include "session/recovery_store.h"

namespace chat::session {

struct FarRecovery {
  // Without holds. The log is empty while the client is connected.
  RecoveryRecord record;
  std::string server = {};                // where the client is connected; empty: its connection was lost
  std::vector<RoomPosition> proven = {};  // of a connected client: what it has received for certain
};

// A record has at most so many bytes. One with more is not kept.
inline constexpr std::size_t kMaxFarRecoveryBytes = 64 << 10;

std::string pack_recovery(const FarRecovery& recovery);
// nullopt: not well-formed.
std::optional<FarRecovery> unpack_recovery(std::string_view bytes);

// Where the client continues.
struct FarPositions {
  std::vector<RoomPosition> rooms;  // that of the last message comes first
  // Of rooms about which it is known only what the client has received at least. The client can be continued if nothing
  // was published there since.
  std::vector<RoomPosition> uncertain = {};
};
// last: the last message that the client saw, in this room; nullopt: it names none. Returns nullopt when the client cannot be
// continued.
std::optional<FarPositions> far_positions(const FarRecovery& recovery, std::string_view room,
                                          const std::optional<Position>& last);

}  // namespace chat::session
