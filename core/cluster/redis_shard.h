// One Redis of the cluster: a link for commands and one for subscriptions, the scripts there, and whether both links live. The
// worker's thread only.
#pragma once

#include <uv.h>

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/room_host.h"
#include "cluster/room_keys.h"
#include "cluster/scripts.h"
#include "redis/redis_link.h"
#include "redis/uv_handle.h"

namespace chat::cluster {

class RedisShard;

// The loop's thread calls it, never inside of a function of the shard.
class ShardUser {
 public:
  ShardUser() = default;
  ShardUser(const ShardUser&) = delete;
  ShardUser& operator=(const ShardUser&) = delete;
  virtual ~ShardUser() = default;

  // Both links are with the same primary, the scripts are loaded, and the shard's own channels are subscribed.
  virtual void on_up(RedisShard& shard) = 0;
  // There is no such connection; may be called several times in a row. was_open: rooms were opened there. Commands that waited
  // for an answer have been told.
  virtual void on_down(RedisShard& shard, const Status& why, bool was_open) = 0;
  // It does not come up for this reason, or a command was refused.
  virtual void on_trouble(RedisShard& shard, const Status& why) = 0;
  // It does not have what it was asked for, but perhaps another node of its Redis Cluster has.
  virtual void on_elsewhere(RedisShard& shard) = 0;
  virtual void on_message(RedisShard& shard, std::string_view channel, std::string_view text) = 0;
};

class RedisShard final : public RoomRedis {
 public:
  // channels: subscribed before on_up(); the first is published to each second, as a sign of life. All but the channels must
  // outlive the shard.
  RedisShard(uv_loop_t* loop, const ClusterSettings& settings, const redis::RedisTarget& target, ShardUser& user,
             std::vector<std::string> channels);

  // Begins to connect. Errors: those of RedisLink::start().
  Status start();
  void stop();
  void flush() { commands_.flush(); }

  // The first of the target.
  const redis::RedisAddress& address() const { return address_; }
  // Connected, but rooms are perhaps not opened yet: on_up() was called, and not on_down() since.
  bool is_up() const { return up_; }
  // Until the next on_down().
  void open() {
    open_ = true;
    open_ms_ = loop_ms();
  }
  // It has these parts of the rooms. Those that it gets when it is settled are settled for themselves.
  void set_parts(const std::bitset<kPartitions>& parts);
  bool is_settled() const { return settled_ && unsettled_parts_.none(); }
  void settle() {
    settled_ = true;
    unsettled_parts_.reset();
    expected_servers_ = 0;
  }
  // What this server has handed over what it knows to: the run and the parts. Servers that agree on both have the same text.
  std::string assignment() const;
  void has_handed_over() { handed_over_ = true; }
  bool is_handed_over() const { return handed_over_; }
  // So many servers had rooms there before it came up or was lost, and have to hand over; until it is settled.
  void expect(std::uint64_t servers) { expected_servers_ = servers; }
  std::uint64_t expected_servers() const { return expected_servers_; }
  // When it was opened, or got parts that have to be settled.
  std::int64_t open_ms() const { return open_ms_; }
  // Signs of life; each tick of the timer. late_ms: so long nothing could be read.
  void tick(std::int64_t late_ms);

  bool is_open() const override { return open_; }
  std::optional<std::int64_t> lost_ms() const override {
    return open_ ? std::nullopt : std::optional<std::int64_t>(lost_ms_);
  }
  Settled settled_part(std::uint32_t partition) const override;
  const std::string& run() const override { return run_; }
  bool is_full() const override;
  Status subscribe(std::string_view channel, redis::ReplyHandler done) override;
  void unsubscribe(std::string_view channel) override;
  Status run_script(Script script, const std::vector<std::string_view>& keys, const std::vector<std::string>& args,
                    redis::ReplyHandler done) override;
  void confirm(std::function<void(bool)> done) override;
  Refusal refused(const redis::Value& error) override;
  Status publish(std::string_view channel, std::string_view text, const redis::ReplyHandler& done = nullptr);
  // Any command; as run_script().
  // It does not count for is_full().
  Status send(const std::vector<std::string>& words, redis::ReplyHandler done);
  // Half of what makes it full has not been written.
  bool has_many_bytes() const;
  // Something has not been written.
  bool writes() const { return up_ && commands_.queued_bytes() != 0; }
  // Connects again, perhaps to another primary.
  void distrust(const std::string& why) { commands_.distrust(why); }

 private:
  struct Listener final : redis::LinkListener {
    Listener(RedisShard& its_shard, bool subscribes) : shard(its_shard), is_subscriber(subscribes) {}
    void on_up(const std::string&) override { shard.check_links(); }
    void on_down(const Status& why) override { shard.lost(why); }
    void on_push(redis::Value&& value) override;
    RedisShard& shard;
    const bool is_subscriber;
  };

  void check_links();
  void check_role();
  void check_settings();
  void load_scripts();
  void subscribe_own();
  void lost(const Status& why);
  void ask_replicas();
  std::int64_t loop_ms() const { return static_cast<std::int64_t>(uv_now(loop_)); }

  uv_loop_t* loop_;
  const ClusterSettings& settings_;
  ShardUser& user_;
  const redis::RedisAddress address_;
  const std::vector<std::string> channels_;
  Listener command_listener_{*this, false};
  Listener subscriber_listener_{*this, true};
  redis::RedisLink commands_;
  redis::RedisLink subscriber_;
  redis::UvHandle<uv_prepare_t> prepare_;              // runs while something is to be confirmed
  std::vector<std::function<void(bool)>> to_confirm_;  // with the next question
  bool asking_replicas_ = false;
  std::size_t sent_ = 0;                      // by send(), without an answer
  std::array<std::string, kScripts> hashes_;  // of the scripts in Redis
  std::size_t scripts_left_ = kScripts;
  std::string run_;            // of the Redis that both links have; empty: they have none, or two
  std::uint64_t session_ = 0;  // counts the times that Redis was found or lost
  bool up_ = false;
  bool open_ = false;
  bool handed_over_ = false;  // this server has told all that it knows to this Redis
  bool settled_ = false;      // all servers have, except of these parts
  std::bitset<kPartitions> unsettled_parts_;
  std::bitset<kPartitions> parts_;
  std::uint64_t expected_servers_ = 0;
  std::int64_t open_ms_ = 0;
  std::int64_t lost_ms_ = 0;   // when it was open last, or began
  std::int64_t heard_ms_ = 0;  // the last sign of life on the subscription
  std::int64_t next_sign_ms_ = 0;
  int unanswered_signs_ = 0;
  std::int64_t next_log_ms_ = 0;
};

}  // namespace chat::cluster
