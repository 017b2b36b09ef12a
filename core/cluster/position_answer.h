// What Redis answers when a room asks for its position; see Script::open.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/batch.h"
#include "redis/redis_value.h"

namespace chat::cluster {

struct PositionAnswer {
  enum class Kind : std::uint8_t {
    bad,   // not well-formed, or an error
    wait,  // not all servers have handed over
    tell,  // Redis wants what this server has above `top`
    open,  // the position, and everything else here
  };

  // Moves the texts out of the answer, unless it is bad.
  static PositionAnswer read(redis::Value& answer);

  Kind kind = Kind::bad;
  std::uint64_t top = 0;
  std::string epoch;
  std::int64_t redis_ms = 0;   // Redis' clock
  std::vector<Batch> batches;  // the newest, the oldest of them first
  std::string values_version;
  std::vector<redis::Value> values;  // keys, each with its value; or nothing if the version is the same
  std::uint64_t own_first = 0;       // the first seq of the batch that Redis had not answered; 0: it does not have it
};

}  // namespace chat::cluster
