// How a server takes part in a cluster.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "cluster/server_about.h"
#include "hub/history.h"
#include "hub/moment.h"
#include "model/types.h"
#include "redis/redis_url.h"

namespace chat::cluster {

struct ClusterSettings {
  redis::RedisTarget target;
  std::string prefix =
      "chat:";           // of all keys and channels; clusters with different prefixes do not meet. Without { and }
  HistoryLimits limits;  // of each room
  std::int64_t message_id_window_ms = 600'000;
  std::int64_t connect_ms = 5'000;    // open() waits so long for Redis
  std::int64_t hold_ms = 5'000;       // a message waits so long for Redis before it fails
  std::size_t hold_messages = 1'000;  // that wait in each room
  bool islands = false;  // after hold_ms without Redis the server numbers messages itself, see room_island.h
  std::size_t island_messages = 10'000;  // of each room
  std::int64_t island_bytes = 8 << 20;   // of each room; queue_bytes holds for all of them too
  std::int64_t queue_bytes = 32 << 20;   // of all messages that wait
  std::int64_t lease_ms = 10'000;        // a server that was not heard for so long is gone
  std::int64_t settle_ms = 1'500;        // after another Redis: so long rooms wait for what the other servers know
  std::uint32_t ack_replicas = 0;        // so many have a message before it is acknowledged
  std::int64_t replica_ms = 1'000;       // so long they have time for it
  std::int64_t alive_ms = 3'000;         // without a sign on the subscription: it is dead
  std::int64_t check_ms = 60'000;        // how often a silent room is compared with Redis
  std::int64_t idle_ms = 30 * 24 * 3'600'000LL;  // Redis forgets a room that nobody used for so long
  std::string id;                                // of this server: random, without spaces
  ServerAbout about;                             // what does not change: its process, its machine, its version
  // The worker's thread calls these.
  std::function<Moment()> clock;
  std::function<std::string()> make_epoch;
  std::function<void(LogLevel, const std::string&)> log;
};

}  // namespace chat::cluster
