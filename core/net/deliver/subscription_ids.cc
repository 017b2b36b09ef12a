// See subscription_ids.h.
#include "net/deliver/subscription_ids.h"

namespace chat::net {

SubscriptionIds::Number SubscriptionIds::acquire(std::string_view id) {
  if (const auto found = numbers_.find(id); found != numbers_.end()) {
    ++ids_[found->second - 1].users;
    return found->second;
  }
  const bool reused = free_ != kNone;
  if (!reused) ids_.emplace_back();
  const Number number = reused ? free_ : static_cast<Number>(ids_.size());
  Id& entry = ids_[number - 1];
  try {
    entry.text = id;
    numbers_.emplace(entry.text, number);
  } catch (...) {
    if (!reused) ids_.pop_back();
    throw;
  }
  entry.users = 1;
  ++used_;
  if (reused) free_ = entry.next_free;
  return number;
}

void SubscriptionIds::release(Number number) noexcept {
  Id& entry = ids_[number - 1];
  if (--entry.users != 0) return;
  numbers_.erase(numbers_.find(entry.text));
  entry.text = std::string();
  --used_;
  entry.next_free = free_;
  free_ = number;
}

}  // namespace chat::net
