// See memory_log.h.
#include "hub/memory_log.h"

namespace chat {

std::int64_t MemoryLog::append(MessagePtr message) {
  const std::uint64_t seq = message->seq;
  const std::int64_t change = history_.append(std::move(message));
  seq_ = seq;
  return change;
}

std::int64_t MemoryLog::restart(std::string epoch) {
  const std::int64_t change = history_.clear();
  history_.forget_loss();
  epoch_ = std::move(epoch);
  seq_ = 0;
  return change;
}

}  // namespace chat
