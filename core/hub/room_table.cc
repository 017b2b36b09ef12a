// See room_table.h.
#include "hub/room_table.h"

#include <algorithm>
#include <utility>

#include "hub/epoch.h"
#include "hub/kept_rules.h"
#include "hub/memory_log.h"
#include "model/names.h"

namespace chat {
namespace {

// So many rooms are tried when one of them has to give way.
constexpr int kMakeWayTries = 16;
constexpr std::int64_t kHistorySlackBytes = 64 << 10;

PresenceQueue::Calls presence_calls(const HubOptions& options) {
  PresenceQueue::Calls calls{options.wake_presence};
  RoomStore* const store = options.store;
  if (store == nullptr || !store->is_shared()) return calls;
  calls.tell_others = [store](const std::string& room) { return store->presence_changed(room); };
  calls.uses_names = options.unique_names;
  return calls;
}

}  // namespace

RoomTable::RoomTable(const HubOptions& options, std::size_t loops)
    : store_(options.store),
      tap_(options.tap),
      make_log_(options.make_log),
      history_limits_(options.history),
      max_history_bytes_(options.history_total_bytes),
      max_rooms_(options.max_rooms),
      default_room_(options.default_room),
      epoch_seed_(options.epoch_seed),
      loops_(loops),
      presence_(options.presence),
      unique_names_(options.unique_names),
      presence_queue_(std::make_shared<PresenceQueue>(presence_calls(options))) {}

std::string RoomTable::next_epoch() { return make_epoch(epoch_seed_, epochs_.fetch_add(1) + 1); }

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
  if (store_ != nullptr) return store_->open_log(room, next_epoch());
  if (make_log_) return make_log_(room, next_epoch());
  return std::make_unique<MemoryLog>(history_limits_, next_epoch());
}

Result<RoomPtr> RoomTable::find_or_add(std::string_view name, const SourcePtr& creator,
                                       std::optional<Refusal>& refusal) {
  if (RoomPtr room = find(name)) return room;
  Status status = check_room_name(name);
  if (!status.ok()) return status;
  const bool reserved = name == default_room_;
  for (int tries = kMakeWayTries;; --tries) {
    Share share;
    if (!reserved && full()) forget_unused_room(nullptr);
    if (!reserved && creator) {
      if (creator->at_limit(Resource::rooms)) forget_unused_room(creator.get());
      share = Share::take(creator, Resource::rooms, refusal);
      if (refusal) return {Error::too_many, "too many rooms were created from this address"};
    }
    std::unique_lock lock(mutex_);
    if (auto found = by_name_.find(name); found != by_name_.end()) return found->second;
    if (reserved || !exceeds(static_cast<std::int64_t>(by_name_.size()) + 1, max_rooms_)) {
      auto room = std::make_shared<Room>(std::string(name), make_log(std::string(name)), loops_);
      room->lasting = reserved;
      room->share = std::move(share);
      if (unique_names_) room->names = std::make_unique<RoomNames>();
      if (presence_ != PresenceLevel::off) {
        room->presence = std::make_unique<Presence>(*room, presence_, presence_queue_);
      }
      by_name_.emplace(room->name, room);
      if (tap_ != nullptr) tap_->on_room(room->name, true);
      return room;
    }
    lock.unlock();
    // Another thread may have taken the place that was made.
    if (tries == 0 || !forget_unused_room(nullptr)) break;
  }
  refusal = Refusal::rooms;
  return {Error::too_many, "the server has the maximum number of rooms"};
}

RoomTable::InUse::~InUse() {
  const bool idle = room_->idle();
  if (!idle) table_.ages_->settle(*room_);
  lock_.unlock();
  if (idle) table_.remove_if_idle(room_);
}

void RoomTable::remove_if_idle(const RoomPtr& room) {
  std::unique_lock table(mutex_);
  std::lock_guard lock(room->mutex);
  if (!room->idle() || room->removed) return;
  ages_->remove(*room);
  room->removed = true;
  room->share.give_back();
  by_name_.erase(room->name);
  if (tap_ != nullptr) tap_->on_room(room->name, false);
}

// Rooms without members stay for their history, but must not prevent new rooms.
bool RoomTable::forget_unused_room(Source* of) {
  for (int tries = kMakeWayTries; tries > 0; --tries) {
    const RoomPtr room = ages_->longest_unused(of);
    if (!room) return false;
    bool forgotten = false;
    with(room, [&](Room& unused) {
      if (!unused.unused() || unused.submitted != 0) return;
      count_history(unused.log->clear());
      unused.held.reset();
      if (unused.presence) unused.presence->clear();
      if (unused.markers) unused.markers->keep_all();
      unused.markers.reset();
      forgotten = true;
    });
    if (forgotten) return true;
  }
  return false;
}

// Drops the history of the longest silent rooms first, and a little more than it has to.
void RoomTable::limit_history() {
  if (history_bytes() <= max_history_bytes_) return;
  std::unique_lock turn(shrinking_, std::try_to_lock);
  if (!turn) return;
  const std::int64_t target = max_history_bytes_ - std::min(max_history_bytes_ / 10, kHistorySlackBytes);
  // A log may keep what it is asked to drop.
  for (int tries = kMakeWayTries; tries > 0;) {
    const std::int64_t excess = history_bytes() - target;
    if (excess <= 0) return;
    const RoomPtr room = ages_->longest_silent();
    if (!room) return;
    std::int64_t change = 0;
    with(room, [&](Room& silent) {
      change = silent.log->shrink(static_cast<std::size_t>(excess));
      count_history(change);
    });
    if (change == 0) --tries;
  }
}

// The holder of a room.
class RoomTable::Hold {
 public:
  Hold(std::shared_ptr<RoomAges> ages, const RoomPtr& room) : ages_(std::move(ages)), room_(room) {}
  ~Hold() {
    if (const RoomPtr room = room_.lock()) ages_->released(*room);
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  const std::shared_ptr<RoomAges> ages_;
  const std::weak_ptr<Room> room_;
};

RoomHold RoomTable::hold(const RoomPtr& room) {
  if (RoomHold hold = room->held.lock()) return hold;
  RoomHold hold = std::make_shared<const Hold>(ages_, room);
  room->held = hold;
  return hold;
}

// What cannot be removed now is removed after the next start; see Hub::load().
void RoomTable::forget_rule(const std::string& room, const RoomRules::Ended& ended, Moment now) noexcept try {
  (void)store_->keep_value(room, kept_key(ended), {}, now);
} catch (const std::bad_alloc&) {
}

bool RoomTable::expire(Moment now) {
  for (int rooms = 0; rooms < kExpireSlice; ++rooms) {
    const RoomPtr room = ages_->next_due(now.age_ms);
    if (!room) return false;
    with(room, [&](Room& aging) {
      count_history(aging.log->expire(now.age_ms));
      aging.rules.expire(now.age_ms, [&](const RoomRules::Ended& ended) {
        if (store_ != nullptr) forget_rule(aging.name, ended, now);
      });
      if (aging.markers && aging.markers->keep_due_ms() <= now.age_ms) aging.markers->keep(now);
    });
  }
  return true;
}

}  // namespace chat
