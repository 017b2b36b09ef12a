// The log of a room whose messages a StoredHistory keeps. In memory it holds the newest of them and those that were read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hub/history.h"
#include "hub/room_log.h"
#include "store/kept_room.h"

namespace chat::store {

class StoredHistory;

class StoredLog final : public RoomLog {
 public:
  // The history must outlive the log. limits: of the memory.
  StoredLog(StoredHistory& history, KeptRoomPtr room, std::string epoch, const HistoryLimits& limits);
  ~StoredLog() override;
  StoredLog(const StoredLog&) = delete;
  StoredLog& operator=(const StoredLog&) = delete;

  const std::string& epoch() const override { return epoch_; }
  std::uint64_t seq() const override { return seq_; }

  Result<std::optional<std::uint64_t>> submit(Submission& submission) override;
  std::int64_t append(MessagePtr message) override;
  KeptMessages between(std::uint64_t after_seq, std::uint64_t before_seq, std::size_t limit) const override {
    return memory_.between(after_seq, before_seq, limit);
  }
  std::size_t size() const override { return memory_.size(); }
  std::size_t kept() const override;
  bool lacks(std::uint64_t after_seq, std::uint64_t before_seq, std::size_t limit) const override;
  std::int64_t refill(const KeptRange& range) override;

  std::int64_t expire(std::int64_t now_ms) override { return memory_.expire(now_ms); }
  std::int64_t next_expiry_ms() const override { return memory_.next_expiry_ms(); }
  std::int64_t shrink(std::size_t bytes) override { return memory_.shrink(bytes); }
  std::int64_t clear() override { return memory_.clear(); }
  // The store follows later.
  std::int64_t restart(std::string epoch) override;
  Result<std::int64_t> restore(const std::string& epoch, std::uint64_t seq, std::vector<MessagePtr> messages,
                               std::int64_t now_ms) override;

 private:
  StoredHistory& history_;
  const KeptRoomPtr room_;
  std::string epoch_;
  std::uint64_t seq_;
  History memory_;
};

}  // namespace chat::store
