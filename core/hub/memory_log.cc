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
  history_.set_dropped(0);
  epoch_ = std::move(epoch);
  seq_ = 0;
  return change;
}

Result<std::int64_t> MemoryLog::restore(const std::string& epoch, std::uint64_t seq, std::vector<MessagePtr> messages,
                                        std::int64_t now_ms) {
  if (seq_ != 0) return {Error::wrong_state, "the room has had messages"};
  // A copy, because memory may run out halfway through.
  History restored = history_;
  restored.set_dropped(messages.front()->seq - 1);
  std::int64_t change = 0;
  for (MessagePtr& message : messages) change += restored.append(std::move(message));
  change += restored.expire(now_ms);
  epoch_ = epoch;
  history_ = std::move(restored);
  seq_ = seq;
  return change;
}

}  // namespace chat
