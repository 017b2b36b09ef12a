// See cluster_status.h.
#include "cluster/cluster_status.h"

#include <uv.h>

#include <algorithm>
#include <array>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include "cluster/words.h"
#include "redis/cluster_scout.h"
#include "redis/cluster_slots.h"
#include "redis/info_field.h"
#include "redis/redis_link.h"
#include "redis/redis_tls.h"
#include "redis/uv_handle.h"

namespace chat::cluster {
namespace {

constexpr const char* kClientName = "libchat-status";

class Reader final : public redis::LinkListener {
 public:
  Reader(const std::string& prefix, std::int64_t limit_ms)
      : nodes_key_(prefix + "{nodes}"), about_key_(nodes_key_ + ":about"), limit_ms_(limit_ms) {}

  Result<ClusterStatus> run(redis::RedisTarget target) {
    Status started = redis::share_tls(target);
    if (!started.ok()) return started;
    if (const int code = uv_loop_init(&loop_); code != 0) return {Error::system, uv_strerror(code)};
    {
      const redis::UvHandle<uv_timer_t> timer = redis::make_timer(&loop_, this);
      uv_timer_start(
          timer.get(), [](uv_timer_t* ended) { static_cast<Reader*>(ended->data)->end(); },
          static_cast<std::uint64_t>(std::max<std::int64_t>(limit_ms_, 1)), 0);
      started = target.kind == redis::RedisTarget::Kind::cluster ? look_for(target) : connect(target);
      if (started.ok()) uv_run(&loop_, UV_RUN_DEFAULT);
      scout_.reset();
      link_.reset();
    }
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
    if (!started.ok()) return started;
    if (complete_) return std::move(status_);
    if (!failure_.ok()) return failure_;
    return {Error::timed_out,
            "no answer within " + std::to_string(limit_ms_) + " ms" + (why_.empty() ? "" : ": " + why_)};
  }

 private:
  void end() { uv_stop(&loop_); }

  Status connect(const redis::RedisTarget& target) {
    redis::LinkOptions options;
    options.target = target;
    options.client_name = kClientName;
    options.name = "cluster";
    link_ = std::make_unique<redis::RedisLink>(&loop_, std::move(options), *this);
    return link_->start();
  }

  // One of the primaries of a Redis Cluster has the list of servers.
  Status look_for(const redis::RedisTarget& target) {
    redis::ScoutOptions options;
    options.target = target;
    options.client_name = kClientName;
    scout_ =
        std::make_unique<redis::ClusterScout>(&loop_, std::move(options), [this, target](Result<redis::SlotMap>&& map) {
          if (link_) return;
          const redis::RedisAddress* primary = map.ok() ? map->primary_of(redis::slot_of(nodes_key_)) : nullptr;
          if (primary == nullptr) {
            why_ = map.ok() ? "nobody has the list of servers" : map.status().detail;
            return;
          }
          redis::RedisTarget one = target;
          one.kind = redis::RedisTarget::Kind::single;
          one.addresses = {*primary};
          if (const Status started = connect(one); !started.ok()) fail(started.detail);
        });
    return scout_->start();
  }

  void fail(const std::string& text) {
    failure_ = {Error::unavailable, "Redis: " + text};
    end();
  }

  void on_down(const Status& why) override { why_ = why.detail; }
  void on_push(redis::Value&&) override {}

  void on_up(const std::string&) override {
    sent_ns_ = uv_hrtime();
    ask({"TIME"}, [this](const redis::Value& answer) { on_time(answer); });
    const std::array<std::string_view, 5> leases = {"ZRANGE", nodes_key_, "0", "-1", "WITHSCORES"};
    ask(leases, [this](const redis::Value& answer) { on_leases(answer); });
    const std::array<std::string_view, 2> servers = {"HGETALL", about_key_};
    ask(servers, [this](const redis::Value& answer) { on_servers(answer); });
    ask({"INFO"}, [this](const redis::Value& answer) { on_info(answer); });
  }

  void ask(std::initializer_list<std::string_view> args, std::function<void(const redis::Value&)> done) {
    ask(std::span<const std::string_view>(args.begin(), args.size()), std::move(done));
  }
  void ask(std::span<const std::string_view> args, std::function<void(const redis::Value&)> done) {
    const Status sent = link_->send(args, [this, done = std::move(done)](redis::Reply&& reply) {
      if (!reply.answered()) return;  // on_down() says why, and on_up() asks again
      if (reply.value.is_error()) return fail(reply.value.text);
      done(reply.value);
    });
    if (!sent.ok()) why_ = sent.detail;
  }

  void on_time(const redis::Value& answer) {
    status_.round_trip_us = static_cast<std::int64_t>((uv_hrtime() - sent_ns_) / 1'000);
    if (answer.items.size() != 2) return fail("TIME has another answer");
    now_ms_ = number_in<std::int64_t>(answer.items[0]).value_or(0) * 1'000 +
              number_in<std::int64_t>(answer.items[1]).value_or(0) / 1'000;
  }

  void on_leases(const redis::Value& answer) {
    leases_.clear();
    for (std::size_t i = 0; i + 1 < answer.items.size(); i += 2) {
      const auto number = number_in<std::uint32_t>(answer.items[i]);
      const auto end_ms = number_in<std::int64_t>(answer.items[i + 1]);
      if (number && end_ms) leases_[*number] = *end_ms;
    }
  }

  void on_servers(const redis::Value& answer) {
    status_.servers.clear();
    for (std::size_t i = 0; i + 1 < answer.items.size(); i += 2) {
      const auto number = number_in<std::uint32_t>(answer.items[i]);
      std::optional<ServerAbout> about = parse_about(answer.items[i + 1].text);
      const auto lease = leases_.find(number.value_or(0));
      if (!about || lease == leases_.end() || lease->second <= now_ms_) continue;  // it has gone
      status_.servers.push_back({lease->first, lease->second - now_ms_, std::move(*about)});
    }
    std::sort(status_.servers.begin(), status_.servers.end(),
              [](const ServerStatus& a, const ServerStatus& b) { return a.number < b.number; });
  }

  void on_info(const redis::Value& answer) {
    status_.redis_version = redis::info_field(answer.text, "redis_version");
    status_.used_bytes = number_in<std::int64_t>(redis::info_field(answer.text, "used_memory")).value_or(0);
    status_.max_bytes = number_in<std::int64_t>(redis::info_field(answer.text, "maxmemory")).value_or(0);
    status_.eviction_policy = redis::info_field(answer.text, "maxmemory_policy");
    status_.keeps_file = redis::info_field(answer.text, "aof_enabled") == "1";
    status_.replicas = number_in<std::uint64_t>(redis::info_field(answer.text, "connected_slaves")).value_or(0);
    complete_ = true;
    end();
  }

  const std::string nodes_key_;
  const std::string about_key_;
  const std::int64_t limit_ms_;
  uv_loop_t loop_{};
  std::unique_ptr<redis::ClusterScout> scout_;
  std::unique_ptr<redis::RedisLink> link_;
  std::uint64_t sent_ns_ = 0;
  std::int64_t now_ms_ = 0;  // of Redis
  std::map<std::uint32_t, std::int64_t> leases_;
  ClusterStatus status_;
  bool complete_ = false;
  Status failure_;
  std::string why_;  // there is no connection
};

}  // namespace

Result<ClusterStatus> read_cluster_status(const redis::RedisTarget& target, const std::string& prefix,
                                          std::int64_t limit_ms) {
  return Reader(prefix, limit_ms).run(target);
}

}  // namespace chat::cluster
