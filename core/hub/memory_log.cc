// See memory_log.h.
#include "hub/memory_log.h"

namespace chat {

std::int64_t MemoryLog::append(MessagePtr message) {
  const std::uint64_t seq = message->seq;
  const std::int64_t change = history_.append(std::move(message));
  seq_ = seq;
  return change;
}

std::int64_t MemoryLog::adopt(const Position& top, const std::vector<MessagePtr>& messages) {
  History history = history_;
  std::int64_t change = history.clear();
  history.set_dropped(messages.empty() ? top.seq : messages.front()->seq - 1);
  for (const MessagePtr& message : messages) change += history.append(message);
  std::string epoch = top.epoch;
  history_ = std::move(history);
  epoch_ = std::move(epoch);
  seq_ = top.seq;
  return change;
}

std::int64_t MemoryLog::restart(std::string epoch) {
  const std::int64_t change = history_.clear();
  history_.set_dropped(0);
  epoch_ = std::move(epoch);
  seq_ = 0;
  return change;
}

// A copy, because memory may run out halfway through.
Result<MemoryLog::Restored> MemoryLog::restored(const std::vector<MessagePtr>& messages, std::int64_t now_ms) const {
  if (seq_ != 0) return {Error::wrong_state, "the room has had messages"};
  Restored made{history_};
  made.history.set_dropped(messages.front()->seq - 1);
  for (const MessagePtr& message : messages) made.change += made.history.append(message);
  made.change += made.history.expire(now_ms);
  return made;
}

Result<std::int64_t> MemoryLog::restore(const std::string& epoch, std::uint64_t seq, std::vector<MessagePtr> messages,
                                        std::int64_t now_ms) {
  Result<Restored> made = restored(messages, now_ms);
  if (!made.ok()) return made.status();
  epoch_ = epoch;
  history_ = std::move(made->history);
  seq_ = seq;
  return made->change;
}

}  // namespace chat
