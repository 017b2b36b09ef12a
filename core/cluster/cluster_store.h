// The rooms of a cluster: servers that share them through Redis. Redis gives each room one numbering, keeps its newest messages, and
// tells the servers that have the room of each one. This class is what the hub sees (any thread); a worker with a thread of its own
// speaks with Redis (cluster_worker.h). See docs/cluster.md.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cluster/cluster_counters.h"
#include "cluster/cluster_log.h"
#include "cluster/cluster_settings.h"
#include "cluster/far_link.h"
#include "cluster/room_keys.h"
#include "cluster/room_outbox.h"
#include "cluster/room_values.h"
#include "hub/hub.h"
#include "hub/moment.h"
#include "hub/room_store.h"
#include "net/base/stats.h"
#include "redis/redis_value.h"

namespace chat::cluster {

class ClusterWorker;

class ClusterStore final : public RoomStore {
 public:
  explicit ClusterStore(ClusterSettings settings);
  ~ClusterStore() override;
  ClusterStore(const ClusterStore&) = delete;
  ClusterStore& operator=(const ClusterStore&) = delete;

  // Connects and takes a number among the servers; waits for that. prepare: runs first on the worker's thread. Errors: unavailable with
  // what went wrong, invalid_argument when settings of Redis do not fit, system.
  Status open(const std::function<void(const char* name)>& prepare = {});
  // Of this server, from 1 to kMaxNode; after open().
  std::uint32_t node() const { return node_; }
  // From now on the rooms are opened. The hub must exist until stop().
  void start(Hub& hub);
  // Publishes what waits if that is quick, refuses the rest, and ends the thread. Once.
  void stop();

  bool is_shared() const override { return true; }
  void tell_others(FarNotice notice) noexcept override;
  Status check_server(std::uint32_t node) const override;
  void list(const std::string& room, std::int64_t within_ms, FarListDone done) override;
  FarListPtr list_now(const std::string& room, std::int64_t within_ms) override;
  bool presence_changed(const std::string& room) noexcept override;
  std::unique_ptr<RoomLog> open_log(const std::string& room, std::string epoch) override;
  bool has(std::string_view) const override { return false; }
  std::vector<RoomInfo> closed_rooms(std::size_t) const override { return {}; }
  Result<std::vector<KeptMessageId>> message_ids(std::int64_t) override { return std::vector<KeptMessageId>(); }
  void read(KeptQuery query, Done done) override;
  KeptRangePtr read_now(const KeptQuery& query) override;
  bool can_search() const override { return false; }
  // Values of rooms that are open here are in memory. The other servers have a change a moment later, and while Redis is gone
  // when it is back.
  Status keep_value(std::string_view room, std::string_view key, std::string_view value, Moment now) override;
  std::vector<RoomValue> values(std::string_view room) const override;
  std::vector<std::string> rooms_with_values() const override { return {}; }

  // For sessions that span servers.
  FarLink& far() { return far_; }
  // Sends a command to the Redis that has the key's part, or with an empty key to any. done is called once, on the worker's thread,
  // if there is one; when the server stops it may be dropped. Never blocks. Messages of rooms do not wait for commands, which have a
  // limit of their own. Errors: unavailable while Redis is gone or when too many bytes wait, stopped.
  Status command(std::string key, std::vector<std::string> words, redis::ReplyHandler done);
  // Whether all servers have had time to find Redis again after a loss.
  bool settled() const { return settled_; }

  // Whether messages of rooms are numbered now: in a Redis Cluster also when those of a primary that is gone are not, and here
  // without any Redis.
  bool ready() const { return reaches_others_ || settings_.islands; }
  net::ClusterStats stats() const;

  // For the logs. Errors of submit(): unavailable when too many bytes wait, stopped; the submission is moved away unless it fails.
  Status submit(const std::string& room, Submission& submission);
  void close_room(const std::string& room, const std::string& epoch);
  void log_closed(const std::string& room) noexcept;

 private:
  friend class ClusterWorker;

  // What the worker has to do.
  struct Step {
    enum class Kind : std::uint8_t {
      submit,
      log_opened,
      log_closed,
      close,
      read,
      notice,
      keep_value,
      people,
      command,
      list
    };
    Kind kind = Kind::submit;
    std::string room = {};
    Submission submission = {};
    std::string epoch = {};
    LogStatePtr log = nullptr;
    Done done = nullptr;
    FarNotice notice = {};
    RoomValue value = {};
    std::vector<std::string> words = {};
    redis::ReplyHandler reply = nullptr;
    std::int64_t within_ms = 0;
    FarListDone listed = nullptr;
  };

  // What a step counts among the bytes that wait.
  static constexpr std::int64_t kStepBytes = RoomOutbox::kStepBytes;
  static std::int64_t bytes_of(const Message& message) { return RoomOutbox::bytes_of(message); }
  static std::int64_t bytes_of(const std::vector<std::string>& words);
  Status push(Step step, std::int64_t bytes, std::atomic<std::int64_t>& waiting);
  Status push(Step step, std::int64_t bytes) { return push(std::move(step), bytes, counters_.waiting_bytes); }

  const ClusterSettings settings_;
  FarLink far_;
  std::unique_ptr<ClusterWorker> worker_;
  std::thread thread_;
  std::uint32_t node_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Step> steps_;
  bool running_ = false;   // steps are taken
  bool stopping_ = false;  // the worker ends when nothing waits
  Hub* hub_ = nullptr;

  RoomValues values_;
  ClusterCounters counters_;
  std::atomic<bool> up_ = false;
  std::atomic<bool> reaches_others_ = false;  // some rooms are open, or all
  std::array<std::atomic<bool>, kPartitions> open_parts_{};
  std::array<std::atomic<bool>, kMaxNode + 1> others_{};  // the numbers of the other servers

  // Of open().
  bool opened_ = false;
  Status trouble_;
  std::atomic<bool> settled_ = true;
};

}  // namespace chat::cluster
