// The names of a room in Redis.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace chat::cluster {

// FNV-1a, 32 bits: the same on all servers.
std::uint32_t partition_of(std::string_view room);
inline constexpr std::uint32_t kPartitions = 256;

struct RoomKeys {
  RoomKeys(const std::string& room, std::string_view prefix);

  const std::string meta;
  const std::string stream;
  const std::string ids;
  const std::string values;
  const std::string channel;
};

}  // namespace chat::cluster
