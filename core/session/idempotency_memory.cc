// See idempotency_memory.h.
#include "session/idempotency_memory.h"

#include <iterator>
#include <utility>

namespace chat::session {

IdempotencyMemory::Begun IdempotencyMemory::begin(const std::string& key, const std::string& source,
                                                  std::size_t request, std::int64_t now_ms, Answer& answer) {
  const std::lock_guard lock(mutex_);
  while (!answered_.empty() && entries_.find(*answered_.front())->second.until_ms <= now_ms) remove_oldest(answered_);
  if (const auto found = entries_.find(key); found != entries_.end()) {
    if (found->second.request != request) return Begun::differs;
    if (found->second.pending) return Begun::pending;
    answer = found->second.answer;
    return Begun::answered;
  }
  if (const auto own = sources_.find(source);
      own != sources_.end() && own->second.entries >= limits_.entries_per_source) {
    if (own->second.answered.empty()) return Begun::full;
    remove_oldest(own->second.answered);
  }
  if (entries_.size() >= limits_.entries) {
    if (answered_.empty()) return Begun::full;
    remove_oldest(answered_);
  }
  const auto own = sources_.try_emplace(source).first;
  Entry entry;
  entry.request = request;
  entry.source = &*own;
  try {
    entries_.emplace(key, std::move(entry));
  } catch (...) {
    if (own->second.entries == 0) sources_.erase(own);
    throw;
  }
  ++own->second.entries;
  return Begun::fresh;
}

void IdempotencyMemory::finish(const std::string& key, Answer answer, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end() || !found->second.pending) return;
  Entry& entry = found->second;
  if (answer.body.size() > kMaxAnswerBytes) answer.body = "{}";
  Order node;  // both before anything changes
  Order own_node;
  node.push_back(&found->first);
  own_node.push_back(&found->first);
  entry.pending = false;
  entry.until_ms = now_ms + limits_.window_ms;
  entry.answer = std::move(answer);
  Order& own = entry.source->second.answered;
  answered_.splice(answered_.end(), node);
  own.splice(own.end(), own_node);
  entry.in_all = std::prev(answered_.end());
  entry.in_source = std::prev(own.end());
}

void IdempotencyMemory::forget(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(key); found != entries_.end() && found->second.pending) remove(found);
}

std::size_t IdempotencyMemory::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void IdempotencyMemory::remove(Entries::iterator entry) {
  Sources::value_type& source = *entry->second.source;
  if (!entry->second.pending) {
    answered_.erase(entry->second.in_all);
    source.second.answered.erase(entry->second.in_source);
  }
  entries_.erase(entry);
  if (--source.second.entries == 0) sources_.erase(source.first);
}

}  // namespace chat::session
