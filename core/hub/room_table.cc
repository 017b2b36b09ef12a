// See room_table.h.
#include "hub/room_table.h"

#include <algorithm>
#include <new>

#include "hub/memory_log.h"
#include "model/names.h"

namespace chat {

RoomTable::RoomTable(const HubOptions& options, std::size_t loops)
    : make_log_(options.make_log),
      history_limits_(options.history),
      max_history_bytes_(options.history_total_bytes),
      max_rooms_(options.max_rooms),
      max_rooms_per_source_(options.max_rooms_per_address),
      default_room_(options.default_room),
      epoch_seed_(options.epoch_seed),
      loops_(loops) {}

std::string RoomTable::next_epoch() {
  // SplitMix64 with a random seed: values are distinct within a run, and as unlikely to repeat between runs as the
  // seed.
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

std::vector<RoomPtr> RoomTable::largest(std::size_t count, bool& all) const {
  struct Entry {
    std::uint32_t members;
    const RoomPtr* room;
    // Ties are ordered by name, so the list is stable.
    bool operator<(const Entry& other) const {
      return members != other.members ? members > other.members : (*room)->name < (*other.room)->name;
    }
  };
  std::shared_lock lock(mutex_);
  std::vector<Entry> entries;
  entries.reserve(by_name_.size());
  for (const auto& [name, room] : by_name_)
    entries.push_back({room->member_count.load(std::memory_order_relaxed), &room});
  all = entries.size() <= count;
  if (!all) {
    std::nth_element(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(count), entries.end());
    entries.resize(count);
  }
  std::vector<RoomPtr> rooms;
  rooms.reserve(entries.size());
  for (const Entry& entry : entries) rooms.push_back(*entry.room);
  return rooms;
}

std::size_t RoomTable::size() const {
  std::shared_lock lock(mutex_);
  return by_name_.size();
}

bool RoomTable::full() const { return exceeds(static_cast<std::int64_t>(size()) + 1, max_rooms_); }

std::unique_ptr<RoomLog> RoomTable::make_log(const std::string& room) {
  if (make_log_) return make_log_(room, next_epoch());
  return std::make_unique<MemoryLog>(history_limits_, next_epoch());
}

Result<RoomPtr> RoomTable::find_or_add(std::string_view name, const SourcePtr& creator,
                                       std::optional<Refusal>& refusal) {
  if (RoomPtr room = find(name)) return room;
  Status status = check_room_name(name);
  if (!status.ok()) return status;
  const bool reserved = name == default_room_;
  Share share;
  if (!reserved) {
    if (full()) forget_silent_rooms(nullptr, max_rooms_, unused_);
    if (creator) {
      if (creator->at_limit(Resource::rooms)) {
        forget_silent_rooms(creator.get(), max_rooms_per_source_, creator->unused_rooms);
      }
      share = Share::take(creator, Resource::rooms, refusal);
      if (refusal) return {Error::too_many, "too many rooms were created from this address"};
    }
  }
  std::unique_lock lock(mutex_);
  if (auto found = by_name_.find(name); found != by_name_.end()) return found->second;
  if (!reserved && exceeds(static_cast<std::int64_t>(by_name_.size()) + 1, max_rooms_)) {
    refusal = Refusal::rooms;
    return {Error::too_many, "the server has the maximum number of rooms"};
  }
  auto room = std::make_shared<Room>(std::string(name), make_log(std::string(name)), loops_);
  room->share = std::move(share);
  by_name_.emplace(room->name, room);
  return room;
}

void RoomTable::remove_if_idle(const RoomPtr& room) {
  std::unique_lock table(mutex_);
  std::lock_guard lock(room->mutex);
  if (!room->idle() || room->removed) return;
  room->removed = true;
  room->share.give_back();
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

void RoomTable::note_unused(const Room& room) {
  unused_.fetch_add(1, std::memory_order_relaxed);
  if (const SourcePtr& creator = room.share.source()) creator->unused_rooms.fetch_add(1, std::memory_order_relaxed);
}

// Rooms without members stay for their history, but must not prevent new rooms. A hundredth of them is removed at a
// time, longest silent first, so this search is rare. When the search finds none, it is repeated only after some rooms
// have become unused.
void RoomTable::forget_silent_rooms(const Source* of, std::int64_t limit, std::atomic<std::int64_t>& unused) {
  constexpr std::int64_t kMinUnused = 100;
  const std::lock_guard turn(forgetting_);
  std::int64_t wanted = limit / 100 + 1;
  const std::int64_t enough = std::min(wanted, kMinUnused);
  if (!(of != nullptr ? of->at_limit(Resource::rooms) : full()) || unused.load() < enough) return;
  unused.store(0);
  for (const auto& [time_ms, room] : by_silence()) {
    if (wanted == 0) break;
    if (room->name == default_room_) continue;
    with(room, [&](Room& silent) {
      if (!silent.unused() || (of != nullptr && silent.share.source().get() != of)) return;
      count_history(silent.log->clear());
      silent.held.reset();
      --wanted;
    });
  }
  unused.store(wanted == 0 ? enough : 0);  // there may be more unused rooms
}

// Drops the history of the longest silent rooms first, until a tenth of the limit is free, so this is rare.
void RoomTable::limit_history() {
  if (history_bytes() <= max_history_bytes_) return;
  std::unique_lock turn(shrinking_, std::try_to_lock);
  if (!turn) return;
  const std::int64_t target = max_history_bytes_ / 10 * 9;
  try {
    for (const auto& [time_ms, room] : by_silence()) {
      const std::int64_t excess = history_bytes() - target;
      if (excess <= 0) break;
      with(room, [&](Room& silent) { count_history(silent.log->shrink(static_cast<std::size_t>(excess))); });
    }
  } catch (const std::bad_alloc&) {  // the message itself is already published; the next one tries again
  }
}

void RoomTable::expire(Moment now) {
  for (const RoomPtr& room : all()) {
    with(room, [&](Room& aging) {
      count_history(aging.log->expire(now.age_ms));
      aging.rules.expire(now.age_ms);
    });
  }
}

}  // namespace chat
