// See room_keys.h.
#include "cluster/room_keys.h"

namespace chat::cluster {
namespace {

// Keys with the same text between the braces are on the same server of a Redis Cluster.
std::string key(std::string_view prefix, const std::string& room, std::string_view part) {
  std::string text(prefix);
  text += '{';
  text += std::to_string(partition_of(room));
  text += '}';
  text += room;
  text += part;
  return text;
}

}  // namespace

std::uint32_t partition_of(std::string_view room) {
  std::uint32_t hash = 2'166'136'261;
  for (const char byte : room) hash = (hash ^ static_cast<std::uint8_t>(byte)) * 16'777'619;
  return hash % kPartitions;
}

RoomKeys::RoomKeys(const std::string& room, std::string_view prefix)
    : meta(key(prefix, room, ":m")),
      stream(key(prefix, room, ":s")),
      ids(key(prefix, room, ":d:")),
      values(key(prefix, room, ":v")),
      channel(key(prefix, room, ":c")) {}

}  // namespace chat::cluster
