// See ready_sockets.h. A key is the index of a place, with the place's use count in the higher bits.
#include "net/socket/ready_sockets.h"

#include <algorithm>

namespace chat::net {
namespace {

constexpr std::size_t kFirstPlaces = 64;
constexpr std::uint64_t kLoopKey = Poller::kTimerKey - 1;

}  // namespace

bool ReadySockets::open(int loop_fd, bool for_host) {
  buffer_ = std::make_unique_for_overwrite<char[]>(kReadBufferBytes);
  return poller_.open(for_host) && poller_.watch(loop_fd, kLoopKey, 0, Poller::kRead);
}

std::uint64_t ReadySockets::add(ReadySocket& socket) {
  if (free_.empty()) {
    if (places_.size() == free_.capacity()) free_.reserve(std::max(kFirstPlaces, 2 * places_.size()));
    places_.push_back({nullptr, 0});
    free_.push_back(static_cast<std::uint32_t>(places_.size() - 1));
  }
  const std::uint32_t place = free_.back();
  free_.pop_back();
  places_[place].socket = &socket;
  return static_cast<std::uint64_t>(++places_[place].uses) << 32 | place;
}

void ReadySockets::forget(std::uint64_t key) {
  if (!find(key)) return;
  const auto place = static_cast<std::uint32_t>(key);
  places_[place].socket = nullptr;
  free_.push_back(place);
}

ReadySocket* ReadySockets::find(std::uint64_t key) const {
  const auto place = static_cast<std::uint32_t>(key);
  return place < places_.size() && places_[place].uses == key >> 32 ? places_[place].socket : nullptr;
}

void ReadySockets::wait(int timeout_ms) {
  if (pending()) return;
  next_ = 0;
  end_ = poller_.wait(ready_, timeout_ms);
  const auto ready = std::span(ready_).first(end_);
  loop_is_ready_ = std::ranges::any_of(ready, [](const Poller::Ready& one) { return one.key == kLoopKey; });
}

bool ReadySockets::serve(TimeBudget& budget) {
  while (next_ < end_ && !closing_enough(budget)) {
    const Poller::Ready& ready = ready_[next_++];
    ReadySocket* const socket = find(ready.key);
    if (!socket) continue;
    socket->on_ready(ready.events, ready.ended);
    if (next_ < end_ && budget.over()) return false;
  }
  return true;
}

}  // namespace chat::net
