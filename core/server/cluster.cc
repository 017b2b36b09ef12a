// See cluster.h.
#include "server/cluster.h"

#include <string>
#include <utility>

#ifdef CHAT_WITH_REDIS
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
  void start(Hub& hub) override { store_.start(hub); }
  void stop() override { store_.stop(); }
  bool ready() const override { return store_.ready(); }
  ClusterStats stats() const override { return store_.stats(); }

 private:
  cluster::ClusterStore store_;
};

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
  settings.message_id_window_ms = options.hub.message_ids.window_ms;
  settings.id = random_id();
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
#else

Result<std::unique_ptr<Cluster>> Cluster::open(const ServerOptions& options, Application&,
                                               const std::function<void(const char* name)>&) {
  if (!options.cluster.empty()) return {Error::unsupported, "cluster: this build has no Redis"};
  return std::unique_ptr<Cluster>();
}
#endif

}  // namespace chat::net
