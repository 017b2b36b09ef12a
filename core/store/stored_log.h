// The log of a room whose messages a StoredHistory keeps. In memory it holds the newest of them and those that were read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hub/memory_log.h"
#include "store/kept_room.h"

namespace chat::store {

class StoredHistory;

class StoredLog final : public MemoryLog {
 public:
  // The history must outlive the log. limits: of the memory.
  StoredLog(StoredHistory& history, KeptRoomPtr room, std::string epoch, const HistoryLimits& limits);
  ~StoredLog() override;
  StoredLog(const StoredLog&) = delete;
  StoredLog& operator=(const StoredLog&) = delete;

  Result<std::optional<std::uint64_t>> submit(Submission& submission) override;
  std::int64_t append(MessagePtr message) override;
  std::size_t kept() const override;
  bool lacks(std::uint64_t after_seq, std::uint64_t before_seq, std::size_t limit) const override;
  std::int64_t refill(const KeptRange& range) override;

  // The store follows later.
  std::int64_t restart(std::string epoch) override;
  Result<std::int64_t> restore(const std::string& epoch, std::uint64_t seq, std::vector<MessagePtr> messages,
                               std::int64_t now_ms) override;

 private:
  StoredHistory& store_;
  const KeptRoomPtr room_;
};

}  // namespace chat::store
