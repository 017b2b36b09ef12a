// A room's log in memory. It is lost when its room is removed. See RoomLog for the functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hub/history.h"
#include "hub/room_log.h"

namespace chat {

class MemoryLog : public RoomLog {
 public:
  MemoryLog(const HistoryLimits& limits, std::string epoch) : epoch_(std::move(epoch)), history_(limits) {}

  const std::string& epoch() const override { return epoch_; }
  std::uint64_t seq() const override { return seq_; }

  Result<std::optional<std::uint64_t>> submit(Submission&) override { return std::optional(seq_ + 1); }
  std::int64_t adopt(const Position& top, const std::vector<MessagePtr>& messages) override;
  std::int64_t append(MessagePtr message) override;
  KeptMessages between(std::uint64_t after_seq, std::uint64_t before_seq, std::size_t limit) const override {
    return history_.between(after_seq, before_seq, limit);
  }
  std::size_t size() const override { return history_.size(); }
  std::size_t kept() const override { return history_.messages(); }
  MessagePtr updated(MessagePtr message) const override { return history_.updated(std::move(message)); }

  std::int64_t expire(std::int64_t now_ms) override { return history_.expire(now_ms); }
  std::int64_t next_expiry_ms() const override { return history_.next_expiry_ms(); }
  std::int64_t shrink(std::size_t bytes) override { return history_.shrink(bytes); }
  std::int64_t clear() override { return history_.clear(); }
  std::int64_t restart(std::string epoch) override;
  Result<std::int64_t> restore(const std::string& epoch, std::uint64_t seq, std::vector<MessagePtr> messages,
                               std::int64_t now_ms) override;

 protected:
  // What restore() makes the log: a history with these messages, and the change in bytes held. Errors: wrong_state.
  struct Restored {
    History history;
    std::int64_t change = 0;
  };
  Result<Restored> restored(const std::vector<MessagePtr>& messages, std::int64_t now_ms) const;

  std::string epoch_;
  std::uint64_t seq_ = 0;
  History history_;
};

}  // namespace chat
