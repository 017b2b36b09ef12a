// See event_queue.h.
#include "event_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace pychat {

EventQueue::EventQueue(unsigned kinds, Limits limits)
    : kinds_(kinds), limits_(limits), fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

EventQueue::~EventQueue() { ::close(fd_); }

bool EventQueue::has_room(std::size_t record_bytes) const {
  // A record larger than the limit still fits into an empty queue.
  return records_.empty() || (records_.size() < limits_.records && bytes_ + record_bytes <= limits_.bytes);
}

void EventQueue::append(Record&& record, std::size_t record_bytes) {
  const bool was_empty = records_.empty();
  records_.push_back(std::move(record));
  bytes_ += record_bytes;
  if (was_empty) eventfd_write(fd_, 1);
}

void EventQueue::push_dropping_oldest(Record record) {
  const std::size_t record_bytes = record.bytes();
  // Destroyed outside the lock: releasing the last record of a client takes the GIL.
  std::vector<Record> dropped;
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  while (!has_room(record_bytes)) {
    bytes_ -= records_.front().bytes();
    dropped.push_back(std::move(records_.front()));
    records_.pop_front();
    ++lost_;
    ++lost_total_;
  }
  append(std::move(record), record_bytes);
}

bool EventQueue::push(Record record) {
  const std::size_t record_bytes = record.bytes();
  const std::lock_guard lock(mutex_);
  if (closed_ || !has_room(record_bytes)) return false;
  append(std::move(record), record_bytes);
  return true;
}

bool EventQueue::full(std::size_t record_bytes) {
  const std::lock_guard lock(mutex_);
  return !has_room(record_bytes);
}

EventQueue::Batch EventQueue::take(std::size_t limit) {
  Batch batch;
  const std::lock_guard lock(mutex_);
  batch.lost = std::exchange(lost_, 0);
  const std::size_t count = std::min(limit, records_.size());
  batch.records.reserve(count);
  for (std::size_t index = 0; index < count; ++index) {
    bytes_ -= records_.front().bytes();
    batch.records.push_back(std::move(records_.front()));
    records_.pop_front();
  }
  if (records_.empty() && !closed_) {
    eventfd_t value = 0;
    eventfd_read(fd_, &value);
  }
  return batch;
}

void EventQueue::close() {
  if (forked()) return;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  eventfd_write(fd_, 1);
}

std::size_t EventQueue::size() {
  if (forked()) return 0;
  const std::lock_guard lock(mutex_);
  return records_.size();
}

}  // namespace pychat
