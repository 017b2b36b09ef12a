// The kept messages of one room, oldest first, bounded in count, bytes and age. Messages are found by their seq, and numbers may be
// missing between them. Not thread-safe: its room's lock guards it.
#pragma once

#include <cstdint>
#include <deque>

#include "hub/room_log.h"
#include "model/message.h"

namespace chat {

struct HistoryLimits {
  std::int64_t messages = 100;  // kUnlimited: bounded by bytes only; 0: keep nothing
  std::int64_t bytes = 1 << 20;
  std::int64_t age_ms = 24 * 3600 * 1000LL;  // kUnlimited: for ever
};

class History {
 public:
  explicit History(const HistoryLimits& limits) : limits_(limits) {}

  // Keeps the message, whose seq is above that of all before, and drops what is over a limit, the new one itself when it alone is. The change in bytes held.
  std::int64_t append(MessagePtr message);
  // Drops what is older than the age limit, by the clock of Message::born_ms. The change in bytes held (zero or negative).
  std::int64_t expire(std::int64_t now_ms);
  // Drops the oldest until so many bytes are free or nothing is left. The change in bytes held.
  std::int64_t shrink(std::size_t bytes);
  // Drops everything. The change in bytes held.
  std::int64_t clear();
  // Of an empty history: messages up to this seq are no longer there; 0: there were none.
  void set_dropped(std::uint64_t seq) { dropped_seq_ = seq; }

  // Messages with seq above after_seq, of these the newest `limit` (0: all), oldest first. Complete unless one above after_seq
  // was dropped, or the limit leaves one out.
  KeptMessages after(std::uint64_t after_seq, std::size_t limit) const;

  bool empty() const { return messages_.empty(); }
  std::size_t size() const { return messages_.size(); }
  std::size_t bytes() const { return bytes_; }
  // The seq of the oldest kept message; 0 when there is none.
  std::uint64_t first_seq() const { return messages_.empty() ? 0 : messages_.front()->seq; }

 private:
  void drop_front();

  HistoryLimits limits_;
  std::deque<MessagePtr> messages_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_seq_ = 0;  // of the newest message that was dropped; 0: none was
};

}  // namespace chat
