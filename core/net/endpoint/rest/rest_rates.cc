// See rest_rates.h.
#include "net/endpoint/rest/rest_rates.h"

namespace chat::net {
namespace {

// So many entries are kept without looking for idle ones.
constexpr std::size_t kFewSources = 1'024;
constexpr std::int64_t kSweepMs = 1'000;

}  // namespace

RestRates::Entry& RestRates::entry(const std::string& source, std::int64_t now_ms) {
  auto found = entries_.find(source);
  if (found == entries_.end()) {
    if (entries_.size() >= kFewSources) forget_idle(now_ms);
    // No source has this name.
    static const std::string others = "others";
    const std::string& name = entries_.size() >= kMaxSources ? others : source;
    found =
        entries_.try_emplace(name, Entry{TokenBucket(rate_, burst_, now_ms), TokenBucket(rate_, burst_, now_ms)}).first;
  }
  return found->second;
}

// An idle entry has its whole burst again.
void RestRates::forget_idle(std::int64_t now_ms) {
  if (now_ms - swept_ms_ < kSweepMs) return;
  swept_ms_ = now_ms;
  for (auto next = entries_.begin(); next != entries_.end();) {
    const auto one = next++;
    Entry& found = one->second;
    if (found.requests.wait_ms(burst_, now_ms) == 0 && found.replies.wait_ms(burst_, now_ms) == 0) entries_.erase(one);
  }
}

RestRates::Verdict RestRates::take(const std::string& source, bool asks_for_much, std::int64_t now_ms,
                                   std::int64_t& wait_ms) {
  wait_ms = 0;
  if (source.empty() || rate_ < 0) return Verdict::allowed;
  const std::lock_guard lock(mutex_);
  Entry& one = entry(source, now_ms);
  if (asks_for_much && !one.replies.has_token(now_ms)) {
    wait_ms = one.replies.wait_ms(1, now_ms);
    return Verdict::too_many_reply_bytes;
  }
  if (one.requests.take(now_ms)) return Verdict::allowed;
  wait_ms = one.requests.wait_ms(1, now_ms);
  return Verdict::too_many_requests;
}

void RestRates::charge_reply(const std::string& source, std::size_t bytes, std::int64_t now_ms) {
  const auto tokens = static_cast<std::int64_t>(bytes / kReplyTokenBytes);
  if (source.empty() || rate_ < 0 || tokens == 0) return;
  const std::lock_guard lock(mutex_);
  entry(source, now_ms).replies.take_in_advance(tokens);
}

std::size_t RestRates::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace chat::net
