// What connects a server with its cluster: the store of the hub's rooms, and what that store tells the hub.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "cluster/cluster_status.h"
#include "hub/application.h"
#include "hub/hub.h"
#include "hub/room_store.h"
#include "net/base/server_options.h"
#include "net/base/stats.h"
#include "net/session/far_servers.h"

namespace chat::net {

class Cluster {
 public:
  Cluster() = default;
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  virtual ~Cluster() = default;

  // Connects to Redis, and waits for that. nullptr: the options name no cluster. prepare: runs first on the cluster's thread.
  // `application` must outlive the cluster; it gets the log. Errors: those of parse_redis_url() and ClusterStore::open();
  // unsupported when this build has no Redis.
  static Result<std::unique_ptr<Cluster>> open(const ServerOptions& options, Application& application,
                                               const std::function<void(const char* name)>& prepare);

  // Outlives the hub.
  virtual RoomStore& store() = 0;
  virtual std::uint32_t node() const = 0;  // of this server, in the ids of its clients
  // For sessions and clients that may come to any server.
  virtual FarServers& far() = 0;
  // Before start(). The listener must exist until stop().
  virtual void listen(FarListener& listener) = 0;
  // Opens the rooms of the hub, which must exist until stop().
  virtual void start(Hub& hub) = 0;
  virtual void stop() = 0;
  // Any thread. Whether messages are numbered now.
  virtual bool ready() const = 0;
  virtual ClusterStats stats() const = 0;
};

// The state of the cluster at this URL, for whoever is no server of it. Waits for Redis, at most limit_ms. Errors: those of
// parse_redis_url() and read_cluster_status(); unsupported when this build has no Redis.
Result<cluster::ClusterStatus> cluster_status(const std::string& url, const std::string& prefix, std::int64_t limit_ms);

}  // namespace chat::net
