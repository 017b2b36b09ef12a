// This server among the servers of its cluster: its number, its lease, and what the others have told Redis. The worker's thread
// only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/cluster_settings.h"
#include "cluster/redis_shard.h"
#include "cluster/server_about.h"

namespace chat::cluster {

// Of the servers, and what they have handed over; these are on one Redis.
std::string nodes_key(const ClusterSettings& settings);

class Membership {
 public:
  struct User {
    std::function<void(bool first)> on_beat;  // Redis has the lease; first: since the last lose()
    std::function<void(const Status& why)> on_trouble;
  };

  // settings must outlive it.
  Membership(const ClusterSettings& settings, User user);

  // Renews the lease in `redis`, and looks who else is there. No effect while an answer is awaited.
  void beat(RedisShard& redis, const ServerAbout& about, std::int64_t next_ms);
  bool is_due(std::int64_t now_ms) const { return now_ms >= next_beat_ms_; }
  void beat_soon() { next_beat_ms_ = 0; }
  // Redis is gone, and the lease may end.
  void lose();

  bool has_lease() const { return claimed_; }
  // It has or had a lease with its number().
  bool has_number() const { return had_lease_; }
  std::uint32_t number() const { return number_; }
  std::uint64_t servers() const { return servers_.size(); }
  // Of all servers with a lease, also this one.
  std::vector<std::string> ids() const;
  // The same, and of those that have greeted and are not listed yet.
  std::vector<std::string> ids_with_greeted() const;
  // The id of the server with this number; empty: none has it.
  std::string id_of(std::uint32_t number) const;
  // The numbers of all servers with a lease, and of those that have greeted.
  std::vector<std::uint32_t> numbers() const;
  // A server that has just got this number says so: until it is listed, it counts for id_of() and numbers().
  void greet(std::string id, std::uint32_t number);
  // Whether all servers have handed over all that they know; see RedisShard::assignment().
  bool all_handed_over(std::string_view assignment) const;

 private:
  void on_beat(const redis::Value& answer, RedisShard& redis, const ServerAbout& about);

  const ClusterSettings& settings_;
  const User user_;
  const std::string nodes_key_;
  const std::string about_key_;
  std::uint32_t number_;
  bool had_lease_ = false;     // once
  bool claimed_ = false;       // this server has its number in this Redis
  bool beating_ = false;       // an answer is awaited
  std::uint64_t session_ = 0;  // counts the calls of lose()
  std::int64_t next_beat_ms_ = 0;
  std::vector<ServerAbout> servers_;
  std::vector<std::uint32_t> numbers_;  // of servers_
  struct Greeting {
    std::string id;
    int lists_left;  // that may lack it
  };
  std::map<std::uint32_t, Greeting> greetings_;
};

}  // namespace chat::cluster
