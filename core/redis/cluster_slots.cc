// See cluster_slots.h.
#include "redis/cluster_slots.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace chat::redis {
namespace {

constexpr std::size_t kMaxNodes = 1'000;
constexpr std::size_t kMaxHostBytes = 255;

// {host, port, id, ...}. nullopt: it is not well-formed; without a host: the node does not know its address.
std::optional<RedisAddress> node_in(const Value& value, const RedisAddress& asked) {
  if (!value.is_array() || value.items.size() < 2 || !value.items[1].is_integer()) return std::nullopt;
  const std::int64_t port = value.items[1].integer;
  if (port < 1 || port > 65'535) return std::nullopt;
  RedisAddress address;
  address.port = static_cast<std::uint16_t>(port);
  const Value& host = value.items[0];
  if (host.is_nil() || (host.is_text() && host.text.empty())) {
    address.host = asked.host;  // that of the connection
    return address;
  }
  if (!host.is_text() || host.text.size() > kMaxHostBytes) return std::nullopt;
  if (host.text == "?") return address;
  const bool clean = std::all_of(host.text.begin(), host.text.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!clean) return std::nullopt;
  address.host = host.text;
  return address;
}

}  // namespace

std::uint16_t crc16(std::string_view bytes) {
  std::uint32_t crc = 0;
  for (const char byte : bytes) {
    crc ^= static_cast<std::uint32_t>(static_cast<std::uint8_t>(byte)) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
  }
  return static_cast<std::uint16_t>(crc);
}

std::uint16_t slot_of(std::string_view key) {
  const std::size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close != open + 1) key = key.substr(open + 1, close - open - 1);
  }
  return static_cast<std::uint16_t>(crc16(key) % kSlots);
}

const RedisAddress* SlotMap::primary_of(std::uint16_t slot) const {
  const auto found = std::find_if(ranges.begin(), ranges.end(),
                                  [slot](const SlotRange& range) { return range.first <= slot && slot <= range.last; });
  return found == ranges.end() ? nullptr : &found->primary;
}

Result<SlotMap> parse_slots(const Value& answer, const RedisAddress& asked) {
  const Status bad{Error::system, "the answer to CLUSTER SLOTS is not well-formed"};
  if (!answer.is_array() || answer.items.size() > kSlots) return bad;
  SlotMap map;
  for (const Value& entry : answer.items) {
    if (!entry.is_array() || entry.items.size() < 3) return bad;
    const Value& first = entry.items[0];
    const Value& last = entry.items[1];
    if (!first.is_integer() || !last.is_integer() || first.integer < 0 || first.integer > last.integer ||
        last.integer >= std::int64_t{kSlots}) {
      return bad;
    }
    for (std::size_t i = 2; i < entry.items.size(); ++i) {
      const std::optional<RedisAddress> node = node_in(entry.items[i], asked);
      if (!node) return bad;
      if (node->host.empty()) continue;
      if (i == 2) {
        map.ranges.push_back(
            {static_cast<std::uint16_t>(first.integer), static_cast<std::uint16_t>(last.integer), *node});
      }
      if (std::find(map.nodes.begin(), map.nodes.end(), *node) != map.nodes.end()) continue;
      if (map.nodes.size() == kMaxNodes) return {Error::too_many, "the Redis Cluster has more than 1,000 nodes"};
      map.nodes.push_back(*node);
    }
  }
  if (map.ranges.empty()) return {Error::unavailable, "the node has no slots of a Redis Cluster"};
  return map;
}

}  // namespace chat::redis
