// See message_ids.h.
#include "hub/message_ids.h"

#include <new>
#include <utility>

namespace chat {
namespace {

// How many old ids one claim forgets, so that their number falls while messages come.
constexpr std::size_t kForgottenByClaim = 4;
constexpr std::size_t kForgottenAtOnce = 1'000;

std::size_t mix(std::size_t seed, std::string_view text) {
  return (seed ^ std::hash<std::string_view>{}(text)) * 0x9E3779B97F4A7C15ULL + text.size();
}

// What the sender said. Never 0.
std::size_t content_of(const MessageDraft& message) {
  std::size_t content = mix(static_cast<std::size_t>(message.kind), message.event);
  content = mix(content, message.payload);
  for (const std::string& attachment : message.attachments) content = mix(content, attachment);
  for (const Pair& attribute : message.attributes) content = mix(mix(content, attribute.name), attribute.value);
  if (message.changes_message() || message.extra->reply_to != 0) {
    content = mix(content, std::to_string(static_cast<int>(message.event_kind)));
    content = mix(content, std::to_string(message.target_seq));
    content = mix(content, std::to_string(message.extra->reply_to));
    content = mix(content, message.extra->added ? "added" : "");
  }
  return content == 0 ? 1 : content;
}

}  // namespace

std::string id_key(const Sender& sender, std::string_view room, std::string_view id) {
  std::string key(id);  // visible ASCII
  key += '\n';
  key += room;  // without control characters
  key += '\n';
  if (sender.id == 0) key += "application\n";
  key += sender.user_id;
  return key;
}

MessageIds::Claim::~Claim() {
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(ids_.mutex_);
    waiters.swap(entry_.waiters);
    if (entry_.pending) {
      ids_.remove(entry_);
    } else {
      ids_.list(entry_);
    }
  }
  for (const Waiter& waiter : waiters) {
    try {
      ids_.wake_(waiter);
    } catch (const std::bad_alloc&) {  // its time limit ends the wait
    }
  }
}

void MessageIds::Claim::prepare(const std::string& epoch) {
  const std::lock_guard lock(ids_.mutex_);
  entry_.epoch = epoch;
}

void MessageIds::Claim::settle(std::uint64_t seq, std::int64_t now_ms) noexcept {
  const std::lock_guard lock(ids_.mutex_);
  entry_.pending = false;
  entry_.seq = seq;
  entry_.until_ms = now_ms + ids_.limits_.window_ms;
}

MessageIds::Answer MessageIds::claim(const MessageDraft& message, const std::string& source, std::int64_t now_ms,
                                     const Waiter* waiter) {
  const std::string key = id_key(message.sender, message.room, message.id);
  const std::size_t content = content_of(message);
  const std::lock_guard lock(mutex_);
  forget_old(now_ms, kForgottenByClaim);
  if (const auto found = entries_.find(key); found != entries_.end()) {
    Entry& entry = found->second;
    if (entry.content != 0 && entry.content != content) return {Found::differs};
    if (entry.pending) {
      if (waiter != nullptr) entry.waiters.push_back(*waiter);
      return {Found::pending};
    }
    return {Found::known, nullptr, {entry.epoch, entry.seq}};
  }
  if (!make_space(source)) return {Found::full};
  Entry& entry = add(key, source);
  entry.content = content;
  try {
    return {Found::fresh, std::make_shared<Claim>(*this, entry)};
  } catch (...) {
    remove(entry);
    throw;
  }
}

void MessageIds::restore(const KeptMessageId& kept, std::int64_t until_ms) {
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= limits_.ids) return;
  const std::string key = id_key(kept.sender, kept.room, kept.id);
  if (entries_.contains(key)) return;
  Entry& entry = add(key, {});
  try {
    entry.epoch = kept.epoch;
  } catch (...) {
    remove(entry);
    throw;
  }
  entry.pending = false;
  entry.seq = kept.seq;
  entry.until_ms = until_ms;
  list(entry);
}

bool MessageIds::expire(std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  return forget_old(now_ms, kForgottenAtOnce);
}

std::size_t MessageIds::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

bool MessageIds::forget_old(std::int64_t now_ms, std::size_t most) {
  for (std::size_t i = 0; i < most; ++i) {
    Entry* const oldest = known_.oldest();
    if (oldest == nullptr || oldest->until_ms > now_ms) return false;
    remove(*oldest);
  }
  return true;
}

bool MessageIds::make_space(const std::string& source) {
  if (!source.empty()) {
    const auto own = sources_.find(source);
    if (own != sources_.end() && own->second.ids >= limits_.ids_per_source) {
      Entry* const oldest = own->second.known.oldest();
      if (oldest == nullptr) return false;
      remove(*oldest);
    }
  }
  if (entries_.size() < limits_.ids) return true;
  Entry* const oldest = known_.oldest();
  if (oldest == nullptr) return false;
  remove(*oldest);
  return true;
}

MessageIds::Entry& MessageIds::add(const std::string& key, const std::string& source) {
  const auto own = sources_.try_emplace(source).first;
  own->second.key = &own->first;
  try {
    const auto added = entries_.try_emplace(key).first;
    Entry& entry = added->second;
    entry.key = &added->first;
    entry.source = &own->second;
    ++own->second.ids;
    return entry;
  } catch (...) {
    if (own->second.ids == 0) sources_.erase(own);
    throw;
  }
}

void MessageIds::remove(Entry& entry) {
  Source& source = *entry.source;
  entries_.erase(entries_.find(*entry.key));
  if (--source.ids == 0) sources_.erase(sources_.find(*source.key));
}

void MessageIds::list(Entry& entry) {
  known_.touch(entry.in_all);
  entry.source->known.touch(entry.in_source);
}

}  // namespace chat
