// What a server of a cluster tells of itself in Redis.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chat::cluster {

// What a server tells of itself each time that it renews its lease.
struct ServerAbout {
  std::string id;                        // random: another one after each start
  std::vector<std::string> handed_over;  // where it has told all that it knows: RedisShard::assignment()
  std::uint64_t clients = 0;
  std::uint64_t rooms = 0;
  std::uint64_t waiting = 0;  // messages that wait for Redis
  std::int64_t started_at_ms = 0;
  std::int64_t pid = 0;
  std::string version;  // of libchat
  std::string host;     // the name of its machine
};

// The words after the id, as the script `heartbeat` takes them.
std::string about_text(const ServerAbout& about);
// All words. nullopt: no server of this version writes this.
std::optional<ServerAbout> parse_about(std::string_view text);

}  // namespace chat::cluster
