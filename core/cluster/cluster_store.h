// The rooms of a cluster: servers that share them through Redis. Redis gives each room one numbering, keeps its newest messages, and
// tells the servers that have the room of each one. This class is what the hub sees (any thread); a worker with a thread of its own
// speaks with Redis (cluster_worker.h). See docs/cluster.md.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "cluster/cluster_log.h"
#include "cluster/cluster_settings.h"
#include "hub/hub.h"
#include "hub/moment.h"
#include "hub/room_store.h"
#include "model/string_map.h"
#include "net/base/stats.h"

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

  // Whether messages of all rooms are numbered now.
  bool ready() const { return up_; }
  net::ClusterStats stats() const;

  // For the logs. Errors of submit(): unavailable when too many bytes wait, stopped; the submission is moved away unless it fails.
  Status submit(const std::string& room, Submission& submission);
  void close_room(const std::string& room, const std::string& epoch);
  void log_closed(const std::string& room) noexcept;

 private:
  friend class ClusterWorker;

  // What the worker has to do.
  struct Step {
    enum class Kind : std::uint8_t { submit, log_opened, log_closed, close, read, notice, keep_value };
    Kind kind = Kind::submit;
    std::string room = {};
    Submission submission = {};
    std::string epoch = {};
    LogStatePtr log = nullptr;
    Done done = nullptr;
    FarNotice notice = {};
    RoomValue value = {};
  };
  using Values = std::map<std::string, RoomValue, std::less<>>;

  // What a step counts among the bytes that wait.
  static constexpr std::int64_t kStepBytes = 128;
  static std::int64_t bytes_of(const Message& message) {
    return kStepBytes + static_cast<std::int64_t>(message.size_bytes());
  }
  Status push(Step step, std::int64_t bytes);

  const ClusterSettings settings_;
  std::unique_ptr<ClusterWorker> worker_;
  std::thread thread_;
  std::uint32_t node_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Step> steps_;
  bool running_ = false;   // steps are taken
  bool stopping_ = false;  // the worker ends when nothing waits
  Hub* hub_ = nullptr;
  std::atomic<std::int64_t> waiting_bytes_ = 0;

  mutable std::mutex values_mutex_;
  StringMap<Values> values_;                                   // of open rooms, by room and key
  std::map<std::pair<std::string, std::string>, int> coming_;  // steps with a value, by room and key

  // Of open().
  bool opened_ = false;
  Status trouble_;

  // The worker's counters.
  std::atomic<std::uint64_t> published_ = 0;
  std::atomic<std::uint64_t> received_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;
  std::atomic<std::uint64_t> dropped_ = 0;
  std::atomic<std::uint64_t> batches_ = 0;
  std::atomic<std::uint64_t> holes_ = 0;
  std::atomic<std::uint64_t> losses_ = 0;
  std::atomic<bool> up_ = false;
  std::atomic<std::uint64_t> rooms_ = 0;
  std::atomic<std::uint64_t> servers_ = 0;
  std::atomic<std::uint64_t> waiting_ = 0;
};

}  // namespace chat::cluster
