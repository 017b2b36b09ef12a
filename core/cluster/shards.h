// The Redis processes of a cluster, and which of them has which part of the rooms: one that has all, or the primaries of a
// Redis Cluster. The worker's thread only.
#pragma once

#include <uv.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cluster/cluster_settings.h"
#include "cluster/redis_shard.h"
#include "cluster/room_host.h"
#include "cluster/room_keys.h"
#include "redis/cluster_scout.h"
#include "redis/cluster_slots.h"

namespace chat::cluster {

class Shards {
 public:
  struct User {
    std::function<void()> on_moved;  // of() or home() has changed; shards without a part go after this
    std::function<void(const Status& why)> on_trouble;
  };

  // channel: of this server. channels: more that each shard subscribes. The first three must outlive it.
  Shards(uv_loop_t* loop, const ClusterSettings& settings, ShardUser& shard_user, User user, std::string channel,
         std::vector<std::string> channels);

  // Begins to connect. Errors: those of RedisLink::start() and ClusterScout::start().
  Status start();
  void stop();
  void clear();  // destroys its connections; nothing else may be called afterwards
  void flush();
  // Each tick of the timer; see RedisShard::tick().
  void tick(std::int64_t late_ms);
  // A shard does not have a part that it should have: looks for it.
  void look_again();

  // The one that has the part; one that is never open while nobody has it.
  RoomRedis& of(std::uint32_t partition) const;
  // The same; nullptr: nobody has it.
  RedisShard* shard_of(std::uint32_t partition) const { return places_[partition]; }
  // The one that has the list of servers. nullptr: nobody.
  RedisShard* home() const { return places_[kPartitions]; }
  const std::vector<std::unique_ptr<RedisShard>>& all() const { return shards_; }
  // Every part is open.
  bool all_open() const;
  // One that is open, but not `except`; the same one while it is. nullptr: none.
  RedisShard* any_open(const RedisShard* except = nullptr) const;
  // The next open one in the order that any_open() begins. nullptr: none, or there is no such shard any more.
  RedisShard* open_after(const RedisShard& shard) const;

 private:
  class Nowhere;
  using Places = std::array<RedisShard*, kPartitions + 1>;  // of each part, and of the list of servers

  bool is_redis_cluster() const { return target_.kind == redis::RedisTarget::Kind::cluster; }
  RedisShard* shard_at(const redis::RedisAddress& address);
  RedisShard& add(const redis::RedisTarget& target, Status& started);
  void take(const redis::SlotMap& map);
  void note_parts();

  uv_loop_t* loop_;
  const ClusterSettings& settings_;
  redis::RedisTarget target_;  // of the settings; with the context of TLS that all connections share
  ShardUser& shard_user_;
  const User user_;
  const std::string channel_;
  const std::vector<std::string> channels_;
  std::array<std::uint16_t, kPartitions + 1> slots_{};
  Places places_{};
  std::vector<std::unique_ptr<RedisShard>> shards_;
  std::unique_ptr<RoomRedis> nowhere_;
  std::unique_ptr<redis::ClusterScout> scout_;
  std::uint64_t added_ = 0;
  bool moving_ = false;  // the user has not taken the places to the end
  bool stopped_ = false;
};

}  // namespace chat::cluster
