// See far_requests.h.
#include "net/session/far_requests.h"

namespace chat::net {

FarRequests::Place FarRequests::forward(std::string source, std::optional<Refusal>& refusal) {
  Place place;
  const std::lock_guard lock(mutex_);
  const auto of_source = by_source_.find(source);
  const std::int64_t held = of_source == by_source_.end() ? 0 : of_source->second;
  if (!source.empty() && sessions_ != kUnlimited && held >= kPerSession * sessions_) {
    refusal = Refusal::sessions_per_address;
  } else if (forwarded_.load(std::memory_order_relaxed) >= kMax) {
    refusal = Refusal::sessions;
  } else {
    ++by_source_[source];
    forwarded_.fetch_add(1, std::memory_order_relaxed);
    place.of_ = this;
    place.source_ = std::move(source);
  }
  return place;
}

FarRequests::Place FarRequests::receive() {
  Place place;
  if (foreign_.fetch_add(1, std::memory_order_relaxed) < kMax) {
    place.of_ = this;
  } else {
    foreign_.fetch_sub(1, std::memory_order_relaxed);
  }
  return place;
}

void FarRequests::Place::release() noexcept {
  FarRequests* const of = std::exchange(of_, nullptr);
  if (of == nullptr) return;
  if (!source_) {
    of->foreign_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  const std::lock_guard lock(of->mutex_);
  of->forwarded_.fetch_sub(1, std::memory_order_relaxed);
  const auto found = of->by_source_.find(*source_);
  if (found != of->by_source_.end() && --found->second == 0) of->by_source_.erase(found);
}

}  // namespace chat::net
