// See rest_idle.h.
#include "net/endpoint/rest/rest_idle.h"

#include <iterator>
#include <utility>

namespace chat::net {

void RestIdle::add(Entry entry) {
  const std::lock_guard lock(mutex_);
  const auto [place, added] = places_.try_emplace(entry.number, order_.end());
  if (!added) return;
  try {
    order_.push_back(std::move(entry));
  } catch (...) {
    places_.erase(place);
    throw;
  }
  place->second = std::prev(order_.end());
}

void RestIdle::remove(SessionNumber number) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(number);
  if (found == places_.end()) return;
  order_.erase(found->second);
  places_.erase(found);
}

void RestIdle::take_from(std::vector<Entry>& taken, std::string_view source, bool any, std::size_t count) {
  for (auto next = order_.begin(); next != order_.end() && taken.size() < count;) {
    const auto entry = next++;
    if (!any && entry->source != source) continue;
    places_.erase(entry->number);
    taken.push_back(std::move(*entry));
    order_.erase(entry);
  }
}

std::vector<RestIdle::Entry> RestIdle::take(std::string_view source, bool of_others, std::size_t count) {
  std::vector<Entry> taken;
  taken.reserve(count);
  const std::lock_guard lock(mutex_);
  if (!source.empty()) take_from(taken, source, false, count);
  if (taken.empty() && of_others) take_from(taken, source, true, count);
  return taken;
}

std::size_t RestIdle::size() const {
  const std::lock_guard lock(mutex_);
  return order_.size();
}

}  // namespace chat::net
