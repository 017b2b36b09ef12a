// A room's log that commits later: submissions wait until the test or another thread commits or rejects them. A
// submission gets its number when it is committed. Committed messages are kept in memory.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hub/hub.h"
#include "hub/memory_log.h"

namespace chat::test {

// All submissions of one hub, like the queue of a store or broker. Must outlive the hub.
class LateCommits {
 public:
  // For HubOptions::make_log.
  MakeRoomLog maker() {
    return [this](const std::string&, std::string epoch) -> std::unique_ptr<RoomLog> {
      return std::make_unique<Log>(*this, std::move(epoch));
    };
  }

  // Makes later calls of submit() fail with this status.
  void refuse(Status status) {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(status);
  }
  std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }
  // Commits the oldest, or the one at `index`. False when there is none.
  // When memory fails, the entry waits for the next call, with the same place.
  bool commit_one(Hub& hub, std::size_t index = 0) {
    std::optional<Entry> entry = take(index);
    if (!entry) return false;
    if (!entry->place) entry->place = entry->log->next_place();
    try {
      hub.commit(entry->submission, *entry->place);
    } catch (const std::bad_alloc&) {
      const std::lock_guard lock(mutex_);
      waiting_.push_front(*std::move(entry));
      throw;
    }
    return true;
  }
  void fail_one(Hub& hub, Status status) {
    std::optional<Entry> entry = take(0);
    hub.commit(entry->submission, status);
  }
  // Commits submissions as they arrive, until `count` are done. Runs on its own thread.
  void commit_many(Hub& hub, std::size_t count) {
    for (std::size_t done = 0; done < count; ++done) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !waiting_.empty(); });
      }
      commit_one(hub);
    }
  }

 private:
  class Log final : public RoomLog {
   public:
    Log(LateCommits& commits, std::string epoch)
        : commits_(commits), kept_({kUnlimited, kUnlimited, kUnlimited}, std::move(epoch)) {}

    // Used by the committer. Numbers follow the order of the commits.
    Position next_place() { return {kept_.epoch(), ++numbered_}; }

    const std::string& epoch() const override { return kept_.epoch(); }
    std::uint64_t seq() const override { return kept_.seq(); }
    Result<std::optional<std::uint64_t>> submit(Submission& submission) override {
      const std::lock_guard lock(commits_.mutex_);
      if (!commits_.refusal_.ok()) return commits_.refusal_;
      commits_.waiting_.push_back({this, std::move(submission), std::nullopt});
      commits_.changed_.notify_one();
      return std::optional<std::uint64_t>();
    }
    std::int64_t append(MessagePtr message) override { return kept_.append(std::move(message)); }
    KeptMessages between(std::uint64_t after_seq, std::uint64_t before_seq, std::size_t limit) const override {
      return kept_.between(after_seq, before_seq, limit);
    }
    std::size_t size() const override { return kept_.size(); }
    std::int64_t expire(std::int64_t now_ms) override { return kept_.expire(now_ms); }
    std::int64_t next_expiry_ms() const override { return kept_.next_expiry_ms(); }
    std::int64_t shrink(std::size_t bytes) override { return kept_.shrink(bytes); }
    std::int64_t clear() override { return kept_.clear(); }
    std::int64_t restart(std::string epoch) override {
      numbered_ = 0;
      return kept_.restart(std::move(epoch));
    }
    Result<std::int64_t> restore(const std::string& epoch, std::uint64_t seq, std::vector<MessagePtr> messages,
                                 std::int64_t now_ms) override {
      return kept_.restore(epoch, seq, std::move(messages), now_ms);
    }

   private:
    LateCommits& commits_;
    MemoryLog kept_;
    std::uint64_t numbered_ = 0;
  };

  struct Entry {
    Log* log;
    Submission submission;
    std::optional<Position> place = std::nullopt;
  };

  std::optional<Entry> take(std::size_t index) {
    const std::lock_guard lock(mutex_);
    if (index >= waiting_.size()) return std::nullopt;
    std::optional<Entry> entry = std::move(waiting_[index]);
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
    return entry;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry> waiting_;
  Status refusal_;
};

}  // namespace chat::test
