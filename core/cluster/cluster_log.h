// The log of a room of a cluster: Redis gives the numbers and keeps the messages, and this log has the newest of them in memory. It
// lacks everything until the room's position is known.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hub/memory_log.h"

namespace chat::cluster {

class ClusterStore;

// Of one log; shared with the worker.
struct LogState {
  std::atomic<bool> adopted = false;    // its position is that of the cluster
  std::atomic<bool> announced = false;  // the worker knows of the log
};
using LogStatePtr = std::shared_ptr<LogState>;

class ClusterLog final : public MemoryLog {
 public:
  // The store must outlive the log.
  ClusterLog(ClusterStore& store, std::string room, std::string epoch, const HistoryLimits& limits, LogStatePtr state);
  ~ClusterLog() override;
  ClusterLog(const ClusterLog&) = delete;
  ClusterLog& operator=(const ClusterLog&) = delete;

  // The message has the log's epoch then: until it is numbered, the one of its target_seq and reply_to.
  Result<std::optional<std::uint64_t>> submit(Submission& submission) override;
  std::int64_t adopt(const Position& top, const std::vector<MessagePtr>& messages) override;
  bool lacks(std::uint64_t after_seq, std::uint64_t before_seq, std::size_t limit) const override;
  // The room is closed in the whole cluster, a little later.
  std::int64_t restart(std::string epoch) override;
  // Errors: unsupported.
  Result<std::int64_t> restore(const std::string& epoch, std::uint64_t seq, std::vector<MessagePtr> messages,
                               std::int64_t now_ms) override;

 private:
  ClusterStore& store_;
  const std::string room_;
  const LogStatePtr state_;
};

}  // namespace chat::cluster
