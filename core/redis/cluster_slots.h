// Which primary of a Redis Cluster has which keys. Knows no socket.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "model/types.h"
#include "redis/redis_url.h"
#include "redis/redis_value.h"

namespace chat::redis {

inline constexpr std::uint32_t kSlots = 16'384;

// CRC-16/XMODEM, as the specification of Redis Cluster has it.
std::uint16_t crc16(std::string_view bytes);
// The slot of a key: of what is between its first "{" and the next "}", if that is not empty; otherwise of the whole key.
std::uint16_t slot_of(std::string_view key);

struct SlotRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  RedisAddress primary;
};

struct SlotMap {
  std::vector<SlotRange> ranges;
  std::vector<RedisAddress> nodes;  // primaries and replicas, each once

  // nullptr: nobody has the slot.
  const RedisAddress* primary_of(std::uint16_t slot) const;
};

// The answer to CLUSTER SLOTS of the node at `asked`. Nodes without an address are left out. Errors: system when it is not
// well-formed, too_many with more than 1,000 nodes, unavailable when it has no slots.
Result<SlotMap> parse_slots(const Value& answer, const RedisAddress& asked);

}  // namespace chat::redis
