// See shared_room.h.
#include "cluster/shared_room.h"

#include <utility>

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

SharedRoom::SharedRoom(std::string room_name, std::string_view prefix)
    : name(std::move(room_name)),
      meta(key(prefix, name, ":m")),
      stream(key(prefix, name, ":s")),
      ids(key(prefix, name, ":d:")),
      values(key(prefix, name, ":v")),
      channel(key(prefix, name, ":c")) {}

}  // namespace chat::cluster
