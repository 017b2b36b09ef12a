// What Redis knows of a cluster, for whoever is not a server of it: its servers with what they tell of themselves, and the state of
// the Redis.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/server_about.h"
#include "model/types.h"
#include "redis/redis_url.h"

namespace chat::cluster {

struct ServerStatus {
  std::uint32_t number = 0;
  std::int64_t lease_ms = 0;  // above 0: until its lease ends, if it does not renew it
  ServerAbout about;
};

struct ClusterStatus {
  std::string redis_version;
  std::int64_t round_trip_us = 0;  // of a command
  std::int64_t used_bytes = 0;
  std::int64_t max_bytes = 0;         // 0: no limit
  std::string eviction_policy;        // "noeviction"
  bool keeps_file = false;            // with appendonly
  std::uint64_t replicas = 0;         // that are connected
  std::vector<ServerStatus> servers;  // by number
};

// Connects, reads and disconnects; waits at most limit_ms, and longer only for the look-up of a host name that does not end. Errors: those of RedisLink::start(); timed_out with the reason that is known;
// unavailable for an answer that is an error.
Result<ClusterStatus> read_cluster_status(const redis::RedisTarget& target, const std::string& prefix,
                                          std::int64_t limit_ms);

}  // namespace chat::cluster
