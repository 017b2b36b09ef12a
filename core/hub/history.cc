// See history.h.
#include "hub/history.h"

#include <algorithm>

namespace chat {

void History::drop_front() {
  bytes_ -= messages_.front()->memory_bytes();
  dropped_seq_ = messages_.front()->seq;
  messages_.pop_front();
}

std::int64_t History::append(MessagePtr message) {
  const auto before = static_cast<std::int64_t>(bytes_);
  const std::int64_t now_ms = message->born_ms;
  messages_.push_back(std::move(message));  // may throw; no counter has changed yet
  bytes_ += messages_.back()->memory_bytes();
  while (!messages_.empty() && (exceeds(static_cast<std::int64_t>(messages_.size()), limits_.messages) ||
                                exceeds(static_cast<std::int64_t>(bytes_), limits_.bytes))) {
    drop_front();
  }
  expire(now_ms);
  return static_cast<std::int64_t>(bytes_) - before;
}

std::int64_t History::prepend(std::span<const MessagePtr> messages, std::uint64_t dropped_seq) {
  VectorQueue<MessagePtr> all;
  std::size_t first = messages.size();
  std::size_t bytes = bytes_;
  for (; first != 0; --first) {
    const std::size_t with_it = bytes + messages[first - 1]->memory_bytes();
    if (exceeds(static_cast<std::int64_t>(messages_.size() + messages.size() - first) + 1, limits_.messages)) break;
    if (exceeds(static_cast<std::int64_t>(with_it), limits_.bytes)) break;
    bytes = with_it;
  }
  for (const MessagePtr& message : messages.subspan(first)) all.push_back(message);
  for (const MessagePtr& message : messages_) all.push_back(message);
  const auto change = static_cast<std::int64_t>(bytes) - static_cast<std::int64_t>(bytes_);
  messages_ = std::move(all);
  bytes_ = bytes;
  dropped_seq_ = first == 0 ? dropped_seq : messages[first - 1]->seq;
  return change;
}

std::int64_t History::expire(std::int64_t now_ms) {
  const auto before = static_cast<std::int64_t>(bytes_);
  while (!messages_.empty() && exceeds(now_ms - messages_.front()->born_ms, limits_.age_ms)) drop_front();
  return static_cast<std::int64_t>(bytes_) - before;
}

std::int64_t History::next_expiry_ms() const {
  if (messages_.empty() || limits_.age_ms < 0) return RoomLog::kNeverMs;
  const std::int64_t born_ms = messages_.front()->born_ms;
  if (born_ms >= RoomLog::kNeverMs - limits_.age_ms) return RoomLog::kNeverMs;
  return born_ms + limits_.age_ms + 1;
}

std::int64_t History::shrink(std::size_t bytes) {
  const std::size_t before = bytes_;
  while (!messages_.empty() && before - bytes_ < bytes) drop_front();
  return static_cast<std::int64_t>(bytes_) - static_cast<std::int64_t>(before);
}

std::int64_t History::clear() {
  const auto before = static_cast<std::int64_t>(bytes_);
  if (!messages_.empty()) dropped_seq_ = messages_.back()->seq;
  messages_.clear();
  bytes_ = 0;
  return -before;
}

KeptMessages History::between(std::uint64_t after_seq, std::uint64_t before_seq, std::size_t limit) const {
  const std::uint64_t last_seq = before_seq - 1;
  if (after_seq >= last_seq) return {};
  const auto above = [this](std::uint64_t seq) {
    return std::upper_bound(messages_.begin(), messages_.end(), seq,
                            [](std::uint64_t low, const MessagePtr& message) { return low < message->seq; });
  };
  auto first = above(after_seq);
  const auto end = above(last_seq);
  bool complete = after_seq >= dropped_seq_;
  if (limit != 0 && static_cast<std::size_t>(end - first) > limit) {
    first = end - static_cast<std::ptrdiff_t>(limit);
    complete = false;
  }
  return {{first, end}, complete};
}

}  // namespace chat
