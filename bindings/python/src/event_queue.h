// A bounded queue of records from the library's threads to one reader in Python, with a descriptor that is readable while
// something waits. Filling it takes no GIL, and a burst wakes the reader once.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "forks.h"
#include "record.h"

namespace pychat {

class EventQueue {
 public:
  struct Limits {
    std::size_t records;
    std::size_t bytes;
  };

  EventQueue(unsigned kinds, Limits limits);
  ~EventQueue();
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  bool wants(Kind kind) const { return (kinds_.load(std::memory_order_relaxed) & kind) != 0; }
  void set_kinds(unsigned kinds) { kinds_.store(kinds); }

  // When it is full the oldest records go, and are counted.
  void push_dropping_oldest(Record record);
  // When it is full nothing is pushed: false.
  bool push(Record record);
  // Whether one more record of this size would push others out.
  bool full(std::size_t record_bytes);

  struct Batch {
    std::uint64_t lost = 0;  // of those that would have come before the first
    std::vector<Record> records;
  };
  Batch take(std::size_t limit);

  // A forked child shares the descriptor with its parent: it must neither read nor write it, nor wait for the lock.
  bool forked() const { return forks_ != forks(); }

  // Nothing is taken in any more, and the descriptor is readable for good.
  void close();
  bool closed() const { return closed_.load(); }

  int fd() const { return fd_; }
  std::size_t size();
  std::uint64_t lost_total() const { return lost_total_.load(); }

 private:
  bool has_room(std::size_t record_bytes) const;
  void append(Record&& record, std::size_t record_bytes);

  std::atomic<unsigned> kinds_;
  const Limits limits_;
  int fd_;
  const std::uint64_t forks_ = forks();
  std::mutex mutex_;  // held for moving records only
  std::deque<Record> records_;
  std::size_t bytes_ = 0;
  std::uint64_t lost_ = 0;  // since the last take()
  std::atomic<std::uint64_t> lost_total_ = 0;
  std::atomic<bool> closed_ = false;
};

using EventQueuePtr = std::shared_ptr<EventQueue>;

}  // namespace pychat
