// The kept messages of one room and the events that changed them, oldest first, bounded by count, bytes and age. They are found
// by seq; seq may have gaps. A message is as the events have made it. Not thread-safe: the room's lock guards it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hub/room_log.h"
#include "model/message.h"
#include "model/vector_queue.h"

namespace chat {

// Messages and other events together are at most so many times the limit of messages.
inline constexpr std::int64_t kEventsFactor = 4;

// The limits of one room's history.
struct HistoryLimits {
  std::int64_t messages =
      100;  // kUnlimited: bounded by bytes only; 0: keep nothing. Other events: three for each message
  std::int64_t bytes = 1 << 20;
  std::int64_t age_ms = 24 * 3600 * 1000LL;  // kUnlimited: no age limit
};

// Whether a history with so much is above its limits of number and bytes.
bool above_limits(const HistoryLimits& limits, std::int64_t messages, std::int64_t events, std::int64_t bytes);

class History {
 public:
  explicit History(const HistoryLimits& limits) : limits_(limits) {}

  // Adds a message or event whose seq is above all earlier ones, and makes the change that an event stands for. Then drops
  // messages above a limit, including the new message when it alone exceeds one. Returns the change in bytes held. When it
  // throws, nothing has changed.
  std::int64_t append(MessagePtr message);
  // Drops messages older than the age limit, measured with Message::born_ms. Returns the change in bytes held (zero or
  // negative).
  std::int64_t expire(std::int64_t now_ms);
  // The first now_ms at which expire() drops a message; RoomLog::kNeverMs without messages or an age limit.
  std::int64_t next_expiry_ms() const;
  // Drops the oldest messages until `bytes` are freed or none are left. Returns the change in bytes held.
  std::int64_t shrink(std::size_t bytes);
  // Drops all messages. Returns the change in bytes held.
  std::int64_t clear();
  // Adds messages in front, oldest first and below all others. Those above a limit are dropped again, the oldest first.
  // dropped_seq: messages up to this seq are not available. Returns the change in bytes held. When it throws, nothing has
  // changed.
  std::int64_t prepend(std::span<const MessagePtr> messages, std::uint64_t dropped_seq);
  // Makes the changes of the events that are kept here to a message that was read elsewhere.
  MessagePtr updated(MessagePtr message) const;
  // Marks the messages up to this seq as dropped; 0: there were none. Requires an empty history.
  void set_dropped(std::uint64_t seq) { dropped_seq_ = seq; }

  // Returns the messages and events with seq above after_seq and below before_seq (at least 1), oldest first; with a limit
  // (not 0) only the newest `limit` messages and the events after the first of them. The result is complete unless a message
  // between the two was dropped or the limit excludes one.
  KeptMessages between(std::uint64_t after_seq, std::uint64_t before_seq, std::size_t limit) const;
  KeptMessages after(std::uint64_t after_seq, std::size_t limit) const {
    return between(after_seq, RoomLog::kNoSeq, limit);
  }

  bool empty() const { return messages_.empty(); }
  std::size_t size() const { return messages_.size(); }  // with the events
  std::size_t messages() const { return messages_.size() - events_; }
  std::size_t bytes() const { return bytes_; }
  // Messages up to this seq were dropped, or are not available; 0: none.
  std::uint64_t dropped_seq() const { return dropped_seq_; }
  // The seq of the oldest kept message; 0 when none is kept.
  std::uint64_t first_seq() const { return messages_.empty() ? 0 : messages_.front()->seq; }

 private:
  struct Change {
    std::size_t index;
    MessagePtr message;
  };

  void drop_front();
  std::vector<Change> changes_by(const Message& event) const;
  bool above_limits(std::size_t messages, std::size_t events, std::size_t bytes) const;
  VectorQueue<MessagePtr>::Items::const_iterator above(std::uint64_t seq) const;

  HistoryLimits limits_;
  VectorQueue<MessagePtr> messages_;
  std::size_t events_ = 0;  // of messages_, those that are not messages
  std::size_t bytes_ = 0;
  std::uint64_t dropped_seq_ = 0;  // of the newest dropped message; 0: none
};

}  // namespace chat
