// See history.h.
#include "hub/history.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "hub/message_change.h"

namespace chat {

bool above_limits(const HistoryLimits& limits, std::int64_t messages, std::int64_t events, std::int64_t bytes) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / kEventsFactor;
  return exceeds(messages, limits.messages) ||
         exceeds(messages + events, kEventsFactor * std::min(limits.messages, kMost)) || exceeds(bytes, limits.bytes);
}

bool History::above_limits(std::size_t messages, std::size_t events, std::size_t bytes) const {
  const auto number = [](std::size_t size) { return static_cast<std::int64_t>(size); };
  return chat::above_limits(limits_, number(messages), number(events), number(bytes));
}

void History::drop_front() {
  const MessagePtr& dropped = messages_.front();
  bytes_ -= dropped->memory_bytes();
  if (!is_message(dropped)) --events_;
  dropped_seq_ = dropped->seq;
  messages_.pop_front();
}

VectorQueue<MessagePtr>::Items::const_iterator History::above(std::uint64_t seq) const {
  return std::upper_bound(messages_.begin(), messages_.end(), seq,
                          [](std::uint64_t low, const MessagePtr& message) { return low < message->seq; });
}

std::vector<History::Change> History::changes_by(const Message& event) const {
  std::vector<Change> changes;
  if (!event.changes_message() || event.target_seq == 0 || is_empty(event)) return changes;
  auto next = above(event.target_seq - 1);
  const auto index = [&] { return static_cast<std::size_t>(next - messages_.begin()); };
  if (next != messages_.end() && (*next)->seq == event.target_seq) {
    if (MessagePtr after = changed(**next, event)) changes.push_back({index(), std::move(after)});
    ++next;
  }
  if (event.event_kind == RoomEventKind::reaction) return changes;
  for (; next != messages_.end(); ++next) {
    const Message& earlier = **next;
    if (earlier.target_seq != event.target_seq || !replaces(event.event_kind, earlier.event_kind)) continue;
    if (!is_empty(earlier)) changes.push_back({index(), emptied(earlier)});
  }
  return changes;
}

std::int64_t History::append(MessagePtr message) {
  const auto before = static_cast<std::int64_t>(bytes_);
  const std::int64_t now_ms = message->born_ms;
  std::vector<Change> changes = changes_by(*message);
  messages_.push_back(std::move(message));  // may throw; nothing has changed yet
  bytes_ += messages_.back()->memory_bytes();
  if (!is_message(messages_.back())) ++events_;
  for (Change& change : changes) {
    MessagePtr& place = messages_.begin()[static_cast<std::ptrdiff_t>(change.index)];
    bytes_ += change.message->memory_bytes();
    bytes_ -= place->memory_bytes();
    place.swap(change.message);
  }
  while (!messages_.empty() && above_limits(messages(), events_, bytes_)) drop_front();
  expire(now_ms);
  return static_cast<std::int64_t>(bytes_) - before;
}

MessagePtr History::updated(MessagePtr message) const {
  if (events_ == 0) return message;
  for (auto next = above(message->seq); next != messages_.end(); ++next) {
    const Message& event = **next;
    if (is_message(message)) {
      if (event.target_seq != message->seq || is_empty(event)) continue;
      if (MessagePtr after = changed(*message, event)) message = std::move(after);
    } else if (event.target_seq == message->target_seq && replaces(event.event_kind, message->event_kind)) {
      return emptied(*message);
    }
  }
  return message;
}

std::int64_t History::prepend(std::span<const MessagePtr> messages, std::uint64_t dropped_seq) {
  VectorQueue<MessagePtr> all;
  std::vector<MessagePtr> added;  // the newest first
  std::size_t count = this->messages();
  std::size_t events = events_;
  std::size_t bytes = bytes_;
  std::size_t first = messages.size();
  for (; first != 0; --first) {
    MessagePtr message = updated(messages[first - 1]);
    const bool is_event = !is_message(message);
    const std::size_t with_it = bytes + message->memory_bytes();
    if (above_limits(count + (is_event ? 0 : 1), events + (is_event ? 1 : 0), with_it)) break;
    ++(is_event ? events : count);
    bytes = with_it;
    added.push_back(std::move(message));
  }
  std::reverse(added.begin(), added.end());
  for (MessagePtr& message : added) all.push_back(std::move(message));
  for (const MessagePtr& message : messages_) all.push_back(message);
  const auto change = static_cast<std::int64_t>(bytes) - static_cast<std::int64_t>(bytes_);
  messages_ = std::move(all);
  events_ = events;
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
  events_ = 0;
  bytes_ = 0;
  return -before;
}

KeptMessages History::between(std::uint64_t after_seq, std::uint64_t before_seq, std::size_t limit) const {
  const std::uint64_t last_seq = before_seq - 1;
  if (after_seq >= last_seq) return {};
  auto first = above(after_seq);
  const auto end = above(last_seq);
  bool complete = after_seq >= dropped_seq_;
  if (limit != 0) {
    std::size_t counted = 0;
    for (auto next = end; next != first;) {
      --next;
      if (!is_message(*next)) continue;
      if (counted == limit) {
        first = std::next(next);
        complete = false;
        break;
      }
      ++counted;
    }
  }
  return {{first, end}, complete};
}

}  // namespace chat
