// See cluster.h.
#include "server/cluster.h"

#include <string>
#include <utility>

#ifdef CHAT_WITH_REDIS
#include <unistd.h>

#include "cluster/cluster_store.h"
#include "hub/epoch.h"
#include "net/base/clock.h"
#include "net/base/random_id.h"
#endif

namespace chat::net {
#ifdef CHAT_WITH_REDIS
namespace {

class RedisCluster final : public Cluster {
 public:
  explicit RedisCluster(cluster::ClusterSettings settings) : store_(std::move(settings)) {}

  Status connect(const std::function<void(const char* name)>& prepare) { return store_.open(prepare); }
  RoomStore& store() override { return store_; }
  std::uint32_t node() const override { return store_.node(); }
  FarServers& far() override { return store_.far(); }
  void listen(FarListener& listener) override { store_.far().listen(listener); }
  void start(Hub& hub) override { store_.start(hub); }
  void stop() override { store_.stop(); }
  bool ready() const override { return store_.ready(); }
  ClusterStats stats() const override { return store_.stats(); }

 private:
  cluster::ClusterStore store_;
};

cluster::ServerAbout about_this_server() {
  cluster::ServerAbout about;
  char host[256] = {};
  if (gethostname(host, sizeof host - 1) == 0) about.host = host;
  about.pid = getpid();
  about.started_at_ms = current_moment().time_ms;
  about.version = CHAT_VERSION;
  return about;
}

}  // namespace

Result<std::unique_ptr<Cluster>> Cluster::open(const ServerOptions& options, Application& application,
                                               const std::function<void(const char* name)>& prepare) {
  std::unique_ptr<Cluster> none;
  if (options.cluster.empty()) return none;
  Result<redis::RedisTarget> target = redis::parse_redis_url(options.cluster);
  if (!target.ok()) return {target.status().code, "cluster: " + target.status().detail};
  cluster::ClusterSettings settings;
  settings.target = std::move(*target);
  settings.prefix = options.cluster_prefix;
  settings.limits = options.hub.history;
  settings.ack_replicas = options.cluster_ack_replicas;
  settings.islands = options.cluster_islands;
  settings.message_id_window_ms = options.hub.message_ids.window_ms;
  settings.id = random_id();
  settings.about = about_this_server();
  settings.clock = current_moment;
  // The rooms that the hub makes get their epochs from the same seed, from the other end.
  settings.make_epoch = [seed = options.hub.epoch_seed, number = std::uint64_t{0}]() mutable {
    return make_epoch(seed, --number);
  };
  settings.log = [&application](LogLevel level, const std::string& text) { application.log(level, text); };
  auto opened = std::make_unique<RedisCluster>(std::move(settings));
  Status status = opened->connect(prepare);
  if (!status.ok()) return status;
  return std::unique_ptr<Cluster>(std::move(opened));
}

Result<cluster::ClusterStatus> cluster_status(const std::string& url, const std::string& prefix,
                                              std::int64_t limit_ms) {
  Result<redis::RedisTarget> target = redis::parse_redis_url(url);
  if (!target.ok()) return {target.status().code, "url: " + target.status().detail};
  return cluster::read_cluster_status(*target, prefix, limit_ms);
}
#else

Result<std::unique_ptr<Cluster>> Cluster::open(const ServerOptions& options, Application&,
                                               const std::function<void(const char* name)>&) {
  if (!options.cluster.empty()) return {Error::unsupported, "cluster: this build has no Redis"};
  return std::unique_ptr<Cluster>();
}

Result<cluster::ClusterStatus> cluster_status(const std::string&, const std::string&, std::int64_t) {
  return {Error::unsupported, "this build has no Redis"};
}
#endif

}  // namespace chat::net
