// See cluster_log.h.
#include "cluster/cluster_log.h"

#include <utility>

#include "cluster/cluster_store.h"

namespace chat::cluster {

ClusterLog::ClusterLog(ClusterStore& store, std::string room, std::string epoch, const HistoryLimits& limits,
                       LogStatePtr state)
    : MemoryLog(limits, std::move(epoch)), store_(store), room_(std::move(room)), state_(std::move(state)) {}

ClusterLog::~ClusterLog() {
  if (state_->announced) store_.log_closed(room_);
}

Result<std::optional<std::uint64_t>> ClusterLog::submit(Submission& submission) {
  submission.message->epoch = epoch();  // of the numbers by which it refers to others
  Status status = store_.submit(room_, submission);
  if (!status.ok()) return status;
  return std::optional<std::uint64_t>();
}

std::int64_t ClusterLog::adopt(const Position& top, const std::vector<MessagePtr>& messages) {
  const std::int64_t change = MemoryLog::adopt(top, messages);
  state_->adopted = true;
  return change;
}

bool ClusterLog::lacks(std::uint64_t, std::uint64_t, std::size_t) const { return !state_->adopted; }

std::int64_t ClusterLog::restart(std::string epoch) {
  store_.close_room(room_, epoch);
  return MemoryLog::restart(std::move(epoch));
}

Result<std::int64_t> ClusterLog::restore(const std::string&, std::uint64_t, std::vector<MessagePtr>, std::int64_t) {
  return {Error::unsupported, "a room of a cluster cannot be restored from outside"};
}

}  // namespace chat::cluster
