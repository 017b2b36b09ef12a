// The state of a cluster, for programs that look after it. They need no server.
#ifndef CHAT_CPP_CLUSTER_HPP
#define CHAT_CPP_CLUSTER_HPP

#include <chat/chat.h>

#include <chat/cpp/error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace chat {
inline namespace v0 {

// chat_cluster_server, with strings of its own.
struct ClusterServer {
  // Its part of the ids of its clients.
  std::uint32_t number = 0;
  // Random: another one after each start.
  std::string id;
  // The name of its machine.
  std::string host;
  // The version of libchat.
  std::string version;
  // The id of its process.
  std::int64_t pid = 0;
  // When it started, Unix time.
  std::int64_t started_at_ms = 0;
  // Until the others count it as gone, if it does not renew its lease.
  std::int64_t lease_ms = 0;
  // Clients that are open.
  std::uint64_t clients = 0;
  // Rooms that it has opened.
  std::uint64_t rooms = 0;
  // Messages that wait for Redis.
  std::uint64_t waiting = 0;
};

// chat_cluster_status, with strings of its own.
struct ClusterStatus {
  // Those with a lease, by number.
  std::vector<ClusterServer> servers;
  // Such as "7.0.15".
  std::string redis_version;
  // How long a command takes.
  std::int64_t round_trip_us = 0;
  // The memory that Redis uses.
  std::int64_t used_bytes = 0;
  // The memory that it may use; 0: no limit.
  std::int64_t max_bytes = 0;
  // What Redis does when its memory is full.
  std::string eviction_policy;
  // Whether appendonly is on.
  bool keeps_file = false;
  // Replicas that are connected.
  std::uint64_t replicas = 0;
};

// chat_read_cluster()
inline Result<ClusterStatus> read_cluster(const std::string& url, const std::string& prefix = "chat:",
                                          std::chrono::milliseconds timeout = std::chrono::seconds(5)) {
  if (detail::has_nul(url) || detail::has_nul(prefix)) return detail::nul_error();
  ClusterStatus result;
  const auto copy = [](const chat_cluster_status* status, void* target) {
    ClusterStatus& to = *static_cast<ClusterStatus*>(target);
    for (std::size_t i = 0; i < status->server_count; ++i) {
      const chat_cluster_server& one = *status->servers[i];
      to.servers.push_back({one.number, one.id, one.host, one.version, one.pid, one.started_at_ms, one.lease_ms,
                            one.clients, one.rooms, one.waiting});
    }
    to.redis_version = status->redis_version;
    to.round_trip_us = status->round_trip_us;
    to.used_bytes = status->used_bytes;
    to.max_bytes = status->max_bytes;
    to.eviction_policy = status->eviction_policy;
    to.keeps_file = status->keeps_file != 0;
    to.replicas = status->replicas;
  };
  if (const chat_error error = chat_read_cluster(url.c_str(), prefix.c_str(), timeout.count(), copy, &result)) {
    return Error::last(error);
  }
  return result;
}

}  // namespace v0
}  // namespace chat

#endif  // CHAT_CPP_CLUSTER_HPP
