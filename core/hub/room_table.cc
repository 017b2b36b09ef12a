// See room_table.h.
#include "hub/room_table.h"

#include <algorithm>
#include <new>

#include "hub/names.h"

namespace chat {

RoomTable::RoomTable(const HubOptions& options, std::size_t loops)
    : history_limits_(options.history),
      max_history_bytes_(options.history_total_bytes),
      max_rooms_(options.max_rooms),
      epoch_seed_(options.epoch_seed),
      loops_(loops) {}

std::string RoomTable::next_epoch() {
  // SplitMix64 over a random seed: distinct within a run, and between runs as likely as the seed.
  std::uint64_t x = epoch_seed_ + (epochs_.fetch_add(1) + 1) * 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  x ^= x >> 31;
  static constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string epoch;
  for (; epoch.size() < 12; x /= kDigits.size()) epoch += kDigits[x % kDigits.size()];
  return epoch;
}

RoomPtr RoomTable::find(std::string_view name) const {
  std::shared_lock lock(mutex_);
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::vector<RoomPtr> RoomTable::all() const {
  std::shared_lock lock(mutex_);
  std::vector<RoomPtr> rooms;
  rooms.reserve(by_name_.size());
  for (const auto& [name, room] : by_name_) rooms.push_back(room);
  return rooms;
}

std::size_t RoomTable::size() const {
  std::shared_lock lock(mutex_);
  return by_name_.size();
}

bool RoomTable::full() const { return exceeds(static_cast<std::int64_t>(size()) + 1, max_rooms_); }

Result<RoomPtr> RoomTable::find_or_add(std::string_view name) {
  if (RoomPtr room = find(name)) return room;
  Status status = check_room_name(name);
  if (!status.ok()) return status;
  if (full()) forget_silent_rooms();
  std::unique_lock lock(mutex_);
  if (auto found = by_name_.find(name); found != by_name_.end()) return found->second;
  if (exceeds(static_cast<std::int64_t>(by_name_.size()) + 1, max_rooms_)) {
    return {Error::too_many, "the server has the maximum number of rooms"};
  }
  auto room = std::make_shared<Room>(std::string(name), next_epoch(), history_limits_, loops_);
  by_name_.emplace(room->name, room);
  return room;
}

void RoomTable::remove_if_idle(const RoomPtr& room) {
  std::unique_lock table(mutex_);
  std::lock_guard lock(room->mutex);
  if (!room->idle() || room->removed) return;
  room->removed = true;
  by_name_.erase(room->name);
}

std::vector<RoomTable::Silence> RoomTable::by_silence() const {
  std::vector<Silence> rooms;
  {
    std::shared_lock lock(mutex_);
    rooms.reserve(by_name_.size());
    for (const auto& [name, room] : by_name_) rooms.emplace_back(room->last_published_ms.load(), room);
  }
  std::sort(rooms.begin(), rooms.end(), [](const Silence& a, const Silence& b) { return a.first < b.first; });
  return rooms;
}

// Rooms that nobody is in live on for their history; they must not keep others from having a room. A hundredth goes at
// once, those that were silent longest, so that this is rare; and where there was none, it is not looked for again before
// there may be one.
void RoomTable::forget_silent_rooms() {
  std::lock_guard turn(forgetting_);
  if (!full() || !may_forget_.exchange(false)) return;
  std::int64_t wanted = max_rooms_ / 100 + 1;
  for (const auto& [time_ms, room] : by_silence()) {
    if (wanted == 0) break;
    with(room, [&](Room& silent) {
      if (!silent.unused()) return;
      count_history(silent.history.clear());
      silent.held.reset();
      --wanted;
    });
  }
}

// History of the rooms that were silent longest goes first, until a tenth is free: then this is rare.
void RoomTable::limit_history() {
  if (history_bytes() <= max_history_bytes_) return;
  std::unique_lock turn(shrinking_, std::try_to_lock);
  if (!turn) return;
  const std::int64_t target = max_history_bytes_ / 10 * 9;
  try {
    for (const auto& [time_ms, room] : by_silence()) {
      const std::int64_t excess = history_bytes() - target;
      if (excess <= 0) break;
      with(room, [&](Room& silent) { count_history(silent.history.shrink(static_cast<std::size_t>(excess))); });
    }
  } catch (const std::bad_alloc&) {  // the message that made it too much is published: it is tried again with the next
  }
}

void RoomTable::expire(std::int64_t now_ms) {
  for (const RoomPtr& room : all()) {
    with(room, [&](Room& aging) {
      count_history(aging.history.expire(now_ms));
      std::erase_if(aging.banned_until_ms, [&](const auto& ban) { return ban.second <= now_ms; });
    });
  }
}

}  // namespace chat
