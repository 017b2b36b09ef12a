// A bounded queue of records from the library's threads to one Python reader, with a descriptor that is readable while
// records wait. Filling it needs no GIL, and a burst wakes the reader once. Any thread may call it.
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

  // True when the queue accepts records of this kind.
  bool wants(Kind kind) const { return (kinds_.load(std::memory_order_relaxed) & kind) != 0; }
  void set_kinds(unsigned kinds) { kinds_.store(kinds); }

  // Adds a record. When the queue is full, the oldest records are dropped and counted.
  void push_dropping_oldest(Record record);
  // Adds a record. Returns false when the queue is full.
  bool push(Record record);
  // True when one more record of this size does not fit.
  bool full(std::size_t record_bytes);

  struct Batch {
    std::uint64_t lost = 0;  // records dropped before the first one of the batch
    std::vector<Record> records;
  };
  // Removes at most `limit` records from the front.
  Batch take(std::size_t limit);

  // True in a forked child. It shares the descriptor with its parent, so it must neither read nor write it nor wait for
  // the lock.
  bool forked() const { return forks_ != forks(); }

  // Rejects further records and makes the descriptor readable permanently.
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
  std::mutex mutex_;  // held only while records are moved
  std::deque<Record> records_;
  std::size_t bytes_ = 0;
  std::uint64_t lost_ = 0;  // since the last take()
  std::atomic<std::uint64_t> lost_total_ = 0;
  std::atomic<bool> closed_ = false;
};

using EventQueuePtr = std::shared_ptr<EventQueue>;

}  // namespace pychat
