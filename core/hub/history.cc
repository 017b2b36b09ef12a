// See history.h.
#include "hub/history.h"

namespace chat {

void History::drop_front() {
  bytes_ -= messages_.front()->memory_bytes();
  messages_.pop_front();
}

std::int64_t History::append(MessagePtr message) {
  const auto before = static_cast<std::int64_t>(bytes_);
  const std::int64_t now_ms = message->born_ms;
  messages_.push_back(std::move(message));  // may throw: nothing is counted yet
  bytes_ += messages_.back()->memory_bytes();
  while (!messages_.empty() && (exceeds(static_cast<std::int64_t>(messages_.size()), limits_.messages) ||
                                exceeds(static_cast<std::int64_t>(bytes_), limits_.bytes))) {
    drop_front();
  }
  expire(now_ms);
  return static_cast<std::int64_t>(bytes_) - before;
}

std::int64_t History::expire(std::int64_t now_ms) {
  const auto before = static_cast<std::int64_t>(bytes_);
  while (!messages_.empty() && exceeds(now_ms - messages_.front()->born_ms, limits_.age_ms)) drop_front();
  return static_cast<std::int64_t>(bytes_) - before;
}

std::int64_t History::shrink(std::size_t bytes) {
  const std::size_t before = bytes_;
  while (!messages_.empty() && before - bytes_ < bytes) drop_front();
  return static_cast<std::int64_t>(bytes_) - static_cast<std::int64_t>(before);
}

std::int64_t History::clear() {
  const auto before = static_cast<std::int64_t>(bytes_);
  messages_.clear();
  bytes_ = 0;
  return -before;
}

std::vector<MessagePtr> History::after(std::uint64_t after_seq, std::size_t limit) const {
  if (messages_.empty()) return {};
  // Kept seqs have no gap, so the place of a seq is known.
  const std::uint64_t first = messages_.front()->seq;
  std::size_t begin = after_seq < first ? 0 : static_cast<std::size_t>(after_seq - first + 1);
  if (begin >= messages_.size()) return {};
  if (limit != 0 && messages_.size() - begin > limit) begin = messages_.size() - limit;
  return {messages_.begin() + static_cast<std::ptrdiff_t>(begin), messages_.end()};
}

}  // namespace chat
