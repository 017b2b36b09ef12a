// See stored_log.h.
#include "store/stored_log.h"

#include <algorithm>
#include <span>
#include <utility>

#include "store/stored_history.h"

namespace chat::store {

StoredLog::StoredLog(StoredHistory& history, KeptRoomPtr room, std::string epoch, const HistoryLimits& limits)
    : MemoryLog(limits, std::move(epoch)), store_(history), room_(std::move(room)) {
  seq_ = room_->seq.load();
  history_.set_dropped(seq_);
}

StoredLog::~StoredLog() { store_.log_closed(room_); }

Result<std::optional<std::uint64_t>> StoredLog::submit(Submission& submission) {
  Status status = store_.submit(room_, submission);
  if (!status.ok()) return status;
  return std::optional<std::uint64_t>();
}

std::int64_t StoredLog::append(MessagePtr message) {
  const std::int64_t change = MemoryLog::append(std::move(message));
  room_->seq.store(seq_, std::memory_order_relaxed);
  return change;
}

std::size_t StoredLog::kept() const {
  const std::int64_t stored = room_->count.load(std::memory_order_relaxed);
  return std::max(history_.messages(), static_cast<std::size_t>(std::max<std::int64_t>(0, stored)));
}

bool StoredLog::lacks(std::uint64_t after_seq, std::uint64_t before_seq, std::size_t limit) const {
  const std::uint64_t in_memory_above = history_.dropped_seq();
  if (after_seq >= in_memory_above || room_->count.load(std::memory_order_relaxed) == 0) return false;
  const std::uint64_t stored_above = std::max(after_seq, room_->dropped_seq.load(std::memory_order_relaxed));
  if (stored_above >= in_memory_above || stored_above + 1 >= before_seq) return false;
  if (limit == 0) return true;
  const KeptMessages kept = history_.between(after_seq, before_seq, limit);
  return static_cast<std::size_t>(std::ranges::count_if(kept.messages, is_message)) < limit;
}

std::int64_t StoredLog::refill(const KeptRange& range) {
  const std::uint64_t in_memory_above = history_.dropped_seq();
  if (!range.status.ok() || range.epoch != epoch_ || range.after_seq >= in_memory_above ||
      range.before_seq <= in_memory_above) {
    return 0;
  }
  // Newer ones are in memory, or not committed yet.
  const auto end = std::upper_bound(range.messages.begin(), range.messages.end(), in_memory_above,
                                    [](std::uint64_t seq, const MessagePtr& message) { return seq < message->seq; });
  return history_.prepend({range.messages.begin(), end}, range.after_seq);
}

std::int64_t StoredLog::restart(std::string epoch) {
  store_.restart(room_, epoch);
  return MemoryLog::restart(std::move(epoch));
}

Result<std::int64_t> StoredLog::restore(const std::string& epoch, std::uint64_t seq, std::vector<MessagePtr> messages,
                                        std::int64_t now_ms) {
  Result<Restored> made = restored(messages, now_ms);
  if (!made.ok()) return made.status();
  std::string new_epoch = epoch;
  store_.restore(room_, epoch, seq, std::move(messages));
  epoch_ = std::move(new_epoch);
  history_ = std::move(made->history);
  seq_ = seq;
  return made->change;
}

}  // namespace chat::store
