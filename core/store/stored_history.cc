// See stored_history.h.
#include "store/stored_history.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "hub/failed_range.h"
#include "store/stored_log.h"

namespace chat::store {
namespace {

// Messages in one transaction.
constexpr std::size_t kMaxGroup = 2'000;
// Rooms in one transaction of a sweep.
constexpr std::size_t kSweepRooms = 100;
constexpr std::size_t kMaxReads = 1'024;
constexpr std::size_t kMaxSearches = 64;  // of them; one takes longer
constexpr std::size_t kMaxMessageIds = MessageIds::Limits{}.ids;
// A log holds at most so much in memory, also when more is kept.
constexpr std::int64_t kMemoryBytes = 4 << 20;
constexpr std::int64_t kLogIntervalMs = 10'000;
constexpr std::chrono::milliseconds kRetryMemory{1};

HistoryLimits memory_limits(HistoryLimits limits) {
  if (limits.bytes < 0 || limits.bytes > kMemoryBytes) limits.bytes = kMemoryBytes;
  return limits;
}

std::size_t bytes_of(std::string_view key, std::string_view value) {
  return key.size() + value.size() + RoomStore::kValueBytes;
}

// Which of the two kinds of values, with limits of their own.
std::size_t kind_of(std::string_view key) { return RoomStore::is_minor(key) ? 1 : 0; }

// Moves `from` over the values in `to`, without allocations.
void move_values(RoomValues& from, RoomValues& to) noexcept {
  while (!from.empty()) {
    auto inserted = to.insert(from.extract(from.begin()));
    if (!inserted.inserted) inserted.position->second = std::move(inserted.node.mapped());
  }
}

void add_values(const RoomValues& values, RoomChange& change) {
  for (const auto& [key, one] : values) change.values.push_back({key, one.value, one.time_ms});
}

}  // namespace

StoredHistory::StoredHistory(std::unique_ptr<StoreBackend> backend, StoredHistoryOptions options, Clock clock, Log log)
    : backend_(std::move(backend)),
      options_(options),
      memory_limits_(memory_limits(options.limits)),
      clock_(std::move(clock)),
      log_(std::move(log)) {}

StoredHistory::~StoredHistory() { stop(); }

Status StoredHistory::load() {
  Result<StoredRooms> loaded = backend_->load();
  if (!loaded.ok()) return loaded.status();
  last_client_number_ = loaded->last_client_number;
  rooms_.reserve(loaded->rooms.size());
  std::vector<KeptRoomPtr> rooms;
  rooms.reserve(loaded->rooms.size());
  for (StoredRoom& stored : loaded->rooms) {
    auto room = std::make_shared<KeptRoom>(stored.name, stored.epoch);
    room->seq = stored.seq;
    room->dropped_seq = stored.dropped_seq;
    room->count = stored.count;
    total_bytes_ += stored.bytes;
    room->stored = std::move(stored);
    rooms.push_back(room);
    rooms_.emplace(room->name, std::move(room));
  }
  for (auto& [index, value] : loaded->values) {
    KeptRoom& room = *rooms[index];
    const std::size_t bytes = bytes_of(value.key, value.value);
    const std::size_t kind = kind_of(value.key);
    room.values.insert_or_assign(std::move(value.key), TimedValue{std::move(value.value), value.time_ms});
    room.value_bytes[kind] += bytes;
    room.had_values = true;
    value_bytes_[kind] += bytes;
  }
  return {};
}

void StoredHistory::start(Commit commit, const std::function<void(const char* name)>& prepare) {
  commit_ = std::move(commit);
  stopped_ = stopping_ = reads_ended_ = false;
  writer_ = std::thread([this, prepare] {
    if (prepare) prepare("chat-store");
    run_writer();
  });
  reader_ = std::thread([this, prepare] {
    if (prepare) prepare("chat-read");
    run_reader();
  });
}

void StoredHistory::stop() {
  {
    const std::lock_guard lock(queue_mutex_);
    stopping_ = true;
    queue_changed_.notify_all();
  }
  if (writer_.joinable()) writer_.join();
  {
    const std::lock_guard lock(reads_mutex_);
    reads_ended_ = true;
    reads_changed_.notify_all();
  }
  if (reader_.joinable()) reader_.join();
  const std::lock_guard lock(reader_mutex_);
  reads_.clear();
  backend_->close(dirty_.empty());
}

StoredHistoryStats StoredHistory::stats() const {
  return {stored_.load(), failed_.load(), forgotten_.load(), static_cast<std::uint64_t>(backend_->file_bytes())};
}

// Rooms -------------------------------------------------------------------------------------------------------------------

std::unique_ptr<RoomLog> StoredHistory::open_log(const std::string& name, std::string epoch) {
  std::unique_lock lock(rooms_mutex_);
  KeptRoomPtr room;
  if (const auto found = rooms_.find(name); found != rooms_.end()) {
    room = found->second;
    epoch = room->epoch;
  } else {
    room = std::make_shared<KeptRoom>(name, epoch);
    rooms_.emplace(name, room);
  }
  ++room->open_logs;
  lock.unlock();
  try {
    return std::make_unique<StoredLog>(*this, room, std::move(epoch), memory_limits_);
  } catch (...) {
    log_closed(room);
    throw;
  }
}

bool StoredHistory::has(std::string_view name) const {
  const std::lock_guard lock(rooms_mutex_);
  const auto found = rooms_.find(name);
  return found != rooms_.end() && found->second->count.load(std::memory_order_relaxed) != 0;
}

std::vector<RoomInfo> StoredHistory::closed_rooms(std::size_t limit) const {
  std::vector<RoomInfo> result;
  const std::lock_guard lock(rooms_mutex_);
  for (const auto& [name, room] : rooms_) {
    const auto count = static_cast<std::size_t>(room->count.load(std::memory_order_relaxed));
    if (room->open_logs != 0 || count == 0) continue;
    result.push_back({name, room->epoch, room->seq.load(std::memory_order_relaxed), 0, count});
    if (result.size() == limit) break;
  }
  return result;
}

Result<std::vector<KeptMessageId>> StoredHistory::message_ids(std::int64_t since_ms) {
  return backend_->message_ids(since_ms, kMaxMessageIds);
}

void StoredHistory::log_closed(const KeptRoomPtr& room) noexcept {
  const std::lock_guard lock(rooms_mutex_);
  --room->open_logs;
  if (room->open_logs != 0 || room->seq.load(std::memory_order_relaxed) != 0 || room->had_values) return;
  // Nothing is kept of it, or it was closed; then the step that waits has the room.
  if (const auto found = rooms_.find(room->name); found != rooms_.end() && found->second == room) rooms_.erase(found);
}

bool StoredHistory::forget_room(const KeptRoomPtr& room, bool only_empty) {
  const std::lock_guard lock(rooms_mutex_);
  const auto found = rooms_.find(room->name);
  if (found == rooms_.end() || found->second != room || room->open_logs != 0 || room->dirty) return false;
  if (room->has_major_values() || room->waiting_values != 0) return false;
  if (only_empty && !room->stored.is_empty()) return false;
  if (room->seq.load(std::memory_order_relaxed) != room->stored.seq) return false;  // a step of it waits
  drop_values(*room);
  rooms_.erase(found);
  return true;
}

// Values ------------------------------------------------------------------------------------------------------------------

Status StoredHistory::keep_value(std::string_view name, std::string_view key, std::string_view value, Moment now) {
  if (key.empty() || key.size() > kMaxKeyBytes)
    return {Error::invalid_argument, "the key of a value is empty or too long"};
  if (value.size() > kMaxValueBytes) return {Error::too_large, "the value of a room is too long"};
  const std::size_t bytes = bytes_of(key, value);
  RoomValues shown;
  shown.emplace(key, TimedValue{std::string(value), now.time_ms});
  Step step;
  step.values = shown;
  step.bytes = bytes;
  // The writer takes the step after all of this.
  const std::lock_guard queue_lock(queue_mutex_);
  if (stopping_ || stopped_) return {Error::stopped, "the server is stopping"};
  if (queued_bytes_ != 0 && exceeds(queued_bytes_ + static_cast<std::int64_t>(bytes), options_.queue_bytes)) {
    return {Error::unavailable, "too much waits for the disk"};
  }
  const std::lock_guard lock(rooms_mutex_);
  const auto found = rooms_.find(name);
  if (found == rooms_.end()) return {Error::no_such_room, "there is no such room"};
  KeptRoom& room = *found->second;
  const auto old = room.values.find(key);
  if (old == room.values.end() && value.empty()) return {};
  const std::size_t added = value.empty() ? 0 : bytes;
  const std::size_t removed = old == room.values.end() ? 0 : bytes_of(key, old->second.value);
  std::size_t& of_room = room.value_bytes[kind_of(key)];
  std::size_t& of_all = value_bytes_[kind_of(key)];
  // What becomes smaller is always accepted.
  if (added > removed &&
      (of_room - removed + added > kMaxRoomValueBytes || of_all - removed + added > kMaxAllValueBytes)) {
    return {Error::too_many, "the room has the maximum number of values"};
  }
  step.room = found->second;
  queue_.push_back(std::move(step));
  queued_bytes_ += static_cast<std::int64_t>(bytes);
  if (queue_.size() == 1) queue_changed_.notify_one();
  room.had_values = true;
  ++room.waiting_values;
  if (value.empty()) {
    room.values.erase(old);
  } else {
    move_values(shown, room.values);
  }
  of_room += added - removed;
  of_all += added - removed;
  return {};
}

std::vector<RoomValue> StoredHistory::values(std::string_view name) const {
  std::vector<RoomValue> result;
  const std::lock_guard lock(rooms_mutex_);
  const auto found = rooms_.find(name);
  if (found == rooms_.end()) return result;
  for (const auto& [key, one] : found->second->values) result.push_back({key, one.value, one.time_ms});
  return result;
}

std::vector<std::string> StoredHistory::rooms_with_values() const {
  std::vector<std::string> result;
  const std::lock_guard lock(rooms_mutex_);
  for (const auto& [name, room] : rooms_) {
    if (room->has_major_values()) result.push_back(name);
  }
  return result;
}

// The queue ---------------------------------------------------------------------------------------------------------------

Status StoredHistory::submit(const KeptRoomPtr& room, Submission& submission) {
  if (submission.message->changes_message() && !applies_changes()) {
    return {Error::unsupported, "the store of the application cannot change kept messages"};
  }
  const std::size_t bytes = submission.message->memory_bytes();
  const std::lock_guard lock(queue_mutex_);
  if (stopping_ || stopped_) return {Error::stopped, "the server is stopping"};
  if (queued_bytes_ != 0 && exceeds(queued_bytes_ + static_cast<std::int64_t>(bytes), options_.queue_bytes)) {
    failed_.fetch_add(1, std::memory_order_release);
    return {Error::unavailable, "too many messages wait for the disk"};
  }
  Step& step = queue_.emplace_back();
  step.room = room;
  step.submission = std::move(submission);
  step.bytes = bytes;
  queued_bytes_ += static_cast<std::int64_t>(bytes);
  if (queue_.size() == 1) queue_changed_.notify_one();
  return {};
}

void StoredHistory::push(Step step, std::uint64_t seq, bool keeps_values) {
  std::string epoch = step.restart->epoch;
  const KeptRoomPtr room = step.room;
  // The writer takes the step after all of this.
  const std::lock_guard queue_lock(queue_mutex_);
  const std::lock_guard lock(rooms_mutex_);
  if (keeps_values) step.values = room->values;
  queue_.push_back(std::move(step));
  if (queue_.size() == 1) queue_changed_.notify_one();
  if (!keeps_values) drop_values(*room);
  room->epoch = std::move(epoch);
  room->seq.store(seq, std::memory_order_relaxed);
  room->count.store(0, std::memory_order_relaxed);
}

void StoredHistory::restart(const KeptRoomPtr& room, const std::string& epoch) {
  Step step;
  step.room = room;
  step.restart = std::make_unique<Restart>(Restart{epoch, 0, {}});
  push(std::move(step), 0, false);
}

void StoredHistory::restore(const KeptRoomPtr& room, const std::string& epoch, std::uint64_t seq,
                            std::vector<MessagePtr> messages) {
  Step step;
  step.room = room;
  step.restart = std::make_unique<Restart>(Restart{epoch, seq, std::move(messages)});
  push(std::move(step), seq, true);
}

// The writer --------------------------------------------------------------------------------------------------------------

void StoredHistory::run_writer() {
  std::vector<Step> steps;
  auto next_sweep = std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.sweep_ms);
  for (;;) {
    {
      std::unique_lock lock(queue_mutex_);
      queue_changed_.wait_until(lock, next_sweep, [this] { return !queue_.empty() || stopping_; });
      if (stopping_ && queue_.empty()) {
        stopped_ = true;
        break;
      }
      steps.swap(queue_);
    }
    for (std::size_t first = 0; first < steps.size();) {
      const std::size_t last = std::min(steps.size(), first + kMaxGroup);
      store(steps, first, last);
      first = last;
    }
    steps.clear();
    if (std::chrono::steady_clock::now() < next_sweep) continue;
    const bool more = sweep();
    next_sweep = std::chrono::steady_clock::now() + std::chrono::milliseconds(more ? 1 : options_.sweep_ms);
  }
  std::vector<Step> none;
  if (!dirty_.empty()) store(none, 0, 0);
}

void StoredHistory::store(std::vector<Step>& steps, std::size_t first, std::size_t last) {
  Status status;
  try {
    status = write(steps, first, last);
  } catch (const std::bad_alloc&) {
    status = {Error::no_memory, "out of memory"};
  }
  for (const KeptRoomPtr& room : changed_) room->change = KeptRoom::kNoChange;
  const bool forgets = !status.ok() && options_.forget;
  if (!status.ok()) {
    note_failure(status, static_cast<std::size_t>(
                             std::count_if(steps.begin() + static_cast<std::ptrdiff_t>(first),
                                           steps.begin() + static_cast<std::ptrdiff_t>(last),
                                           [](const Step& step) { return step.submission.message != nullptr; })));
  }
  std::int64_t bytes = 0;
  for (std::size_t i = first; i < last; ++i) {
    Step& step = steps[i];
    bytes += static_cast<std::int64_t>(step.bytes);
    if (step.restart) {
      if (!status.ok()) keep_restart(step);
      continue;
    }
    if (!step.submission.message) {
      if (!status.ok()) {
        keep_values(step);
        keep_dirty(step.room);
      }
      const std::lock_guard lock(rooms_mutex_);
      --step.room->waiting_values;
      continue;
    }
    if (step.overtaken) {
      finish(step, Status{Error::no_such_room, "the room was closed"});
    } else if (status.ok()) {
      finish(step, Position{step.submission.message->epoch, step.submission.message->seq});
      stored_.fetch_add(1, std::memory_order_release);
    } else if (forgets && !step.submission.message->changes_message()) {  // a change must not come undone
      StoredRoom& stored = step.room->stored;
      stored.dropped_seq = ++stored.seq;
      step.room->dropped_seq.store(stored.seq, std::memory_order_relaxed);
      keep_dirty(step.room);
      finish(step, Position{stored.epoch, stored.seq});
      forgotten_.fetch_add(1, std::memory_order_release);
    } else {
      finish(step, status);
      failed_.fetch_add(1, std::memory_order_release);
    }
    step = {};
  }
  changes_.clear();
  changed_.clear();
  const std::lock_guard lock(queue_mutex_);
  queued_bytes_ -= bytes;
}

Status StoredHistory::write(std::vector<Step>& steps, std::size_t first, std::size_t last) {
  changes_.clear();
  changed_.clear();
  for (KeptRoomPtr& room : dirty_) {
    {
      const std::lock_guard lock(rooms_mutex_);
      const auto found = rooms_.find(room->name);
      if (found != rooms_.end() && found->second != room) {
        // A room of this name was made later, which clears the database instead.
        room->dirty = false;
        room = found->second;
        room->dirty = true;
        room->clear = room->clear || room->stored.id == 0;
      }
    }
    change_of(room);
  }
  for (std::size_t i = first; i < last; ++i) add(steps, first, i);
  if (changes_.empty()) return {};
  return write_changes();
}

RoomChange& StoredHistory::change_of(const KeptRoomPtr& room) {
  if (room->change == KeptRoom::kNoChange) {
    changed_.reserve(changes_.size() + 1);
    RoomChange& change = changes_.emplace_back();
    change.room = room->stored;
    change.clear = room->clear;
    change.messages = room->restored;
    add_values(room->unwritten, change);
    changed_.push_back(room);
    room->change = changes_.size() - 1;
  }
  return changes_[room->change];
}

void StoredHistory::add(std::vector<Step>& steps, std::size_t first, std::size_t index) {
  Step& step = steps[index];
  RoomChange& change = change_of(step.room);
  if (step.restart) {
    for (std::size_t i = first; i < index; ++i) steps[i].overtaken = steps[i].overtaken || steps[i].room == step.room;
    restart_stored(step);
    change.room = step.room->stored;
    change.clear = true;
    change.messages = step.room->restored;
    change.values.clear();
    add_values(step.room->unwritten, change);
    return;
  }
  if (!step.submission.message) {
    add_values(step.values, change);
    keep_values(step);
    return;
  }
  Message& message = *step.submission.message;
  std::uint64_t seq = change.room.seq;
  if (!change.messages.empty()) seq = std::max(seq, change.messages.back()->seq);
  change.messages.push_back(step.submission.message);
  message.seq = seq + 1;
  message.epoch = change.room.epoch;
  const ClientId sender = message.sender.id;
  if (sender != 0 && node_of(sender) == options_.node) {
    last_client_number_ = std::max(last_client_number_, sender - make_client_id(options_.node, 0));
  }
}

void StoredHistory::restart_stored(Step& step) {
  KeptRoom& room = *step.room;
  StoredRoom stored{room.stored.id, room.name, step.restart->epoch, step.restart->seq, 0, 0, 0, 0, 0};
  if (!step.restart->messages.empty()) stored.dropped_seq = step.restart->messages.front()->seq - 1;
  total_bytes_ -= room.stored.bytes;
  room.stored = std::move(stored);
  room.clear = true;
  room.restored = std::move(step.restart->messages);
  room.unwritten = std::move(step.values);
  step.restart->done = true;
}

Status StoredHistory::write_changes() {
  Status status = backend_->write(changes_, last_client_number_);
  if (!status.ok()) return status;
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    KeptRoom& room = *changed_[i];
    total_bytes_ += changes_[i].room.bytes - room.stored.bytes;
    room.stored = std::move(changes_[i].room);
    room.clear = false;
    room.restored.clear();
    room.unwritten.clear();
    room.count.store(room.stored.count, std::memory_order_relaxed);
    room.dropped_seq.store(room.stored.dropped_seq, std::memory_order_relaxed);
  }
  for (const KeptRoomPtr& room : dirty_) room->dirty = false;
  dirty_.clear();
  if (std::exchange(failing_, false)) note(LogLevel::info, "the history is written again");
  if (backend_->needs_upkeep()) {
    const std::lock_guard lock(reads_mutex_);
    reads_changed_.notify_one();
  }
  return {};
}

void StoredHistory::finish(const Step& step, const Result<Position>& place) {
  for (;;) {
    try {
      commit_(step.submission, place);
      return;
    } catch (const std::bad_alloc&) {
      std::this_thread::sleep_for(kRetryMemory);
    }
  }
}

void StoredHistory::keep_restart(Step& step) {
  while (!step.restart->done) {
    try {
      restart_stored(step);
    } catch (const std::bad_alloc&) {
      std::this_thread::sleep_for(kRetryMemory);
    }
  }
  keep_dirty(step.room);
}

void StoredHistory::keep_values(Step& step) noexcept { move_values(step.values, step.room->unwritten); }

// With rooms_mutex_ held.
void StoredHistory::drop_values(KeptRoom& room) noexcept {
  for (std::size_t kind = 0; kind < value_bytes_.size(); ++kind) {
    value_bytes_[kind] -= std::exchange(room.value_bytes[kind], 0);
  }
  room.values.clear();
}

void StoredHistory::keep_dirty(const KeptRoomPtr& room) {
  if (room->dirty) return;
  for (;;) {
    try {
      dirty_.push_back(room);
      room->dirty = true;
      return;
    } catch (const std::bad_alloc&) {
      std::this_thread::sleep_for(kRetryMemory);
    }
  }
}

void StoredHistory::note(LogLevel level, std::string_view text) noexcept {
  try {
    log_(level, text);
  } catch (const std::bad_alloc&) {  // the counters tell it too
  }
}

void StoredHistory::note_failure(const Status& status, std::size_t messages) {
  failures_since_ += messages;
  const std::int64_t now_ms = clock_().age_ms;
  if (failing_ && now_ms - logged_ms_ < kLogIntervalMs) return;
  failing_ = true;
  logged_ms_ = now_ms;
  try {
    const std::string count = std::to_string(failures_since_);
    log_(LogLevel::error, "the history cannot be written: " + status.detail + "; " + count +
                              (options_.forget ? " messages are not kept" : " messages are refused"));
    failures_since_ = 0;
  } catch (const std::bad_alloc&) {  // the next line has the number
  }
}

// Limits ------------------------------------------------------------------------------------------------------------------

bool StoredHistory::sweep() try {
  std::vector<Step> none;
  if (!dirty_.empty()) store(none, 0, 0);
  if (!dirty_.empty()) return false;  // the disk fails
  changes_.clear();
  changed_.clear();
  bool more = sweep_old(clock_());
  more = sweep_excess() || more;
  if (!changes_.empty()) {
    const Status status = write_changes();
    if (!status.ok()) {
      note_failure(status, 0);
      more = false;
    }
  }
  for (const KeptRoomPtr& room : changed_) room->change = KeptRoom::kNoChange;
  return backend_->release_space() || more;
} catch (const std::bad_alloc&) {
  for (const KeptRoomPtr& room : changed_) room->change = KeptRoom::kNoChange;
  return false;
}

bool StoredHistory::sweep_old(Moment now) {
  if (to_sweep_.empty()) {
    const std::lock_guard lock(rooms_mutex_);
    to_sweep_.reserve(rooms_.size());
    for (const auto& [name, room] : rooms_) to_sweep_.push_back(room);
  }
  const std::int64_t age_ms = options_.limits.age_ms;
  while (!to_sweep_.empty() && changes_.size() < kSweepRooms) {
    const KeptRoomPtr room = std::move(to_sweep_.back());
    to_sweep_.pop_back();
    const StoredRoom& stored = room->stored;
    if (!stored.is_empty() && exceeds(now.time_ms - stored.oldest_ms, age_ms)) {
      change_of(room).drop_before_ms = now.time_ms - age_ms;
    } else if (stored.is_empty() && forget_room(room, true) && stored.id != 0) {
      change_of(room).remove = true;
    }
  }
  return !to_sweep_.empty();
}

std::vector<KeptRoomPtr> StoredHistory::longest_silent(std::size_t count, bool closed_only) {
  std::vector<KeptRoomPtr> rooms;
  {
    const std::lock_guard lock(rooms_mutex_);
    for (const auto& [name, room] : rooms_) {
      const bool kept = room->stored.id != 0 && room->change == KeptRoom::kNoChange;
      if (kept && (!closed_only || (room->open_logs == 0 && !room->has_major_values()))) rooms.push_back(room);
    }
  }
  count = std::min(count, rooms.size());
  std::partial_sort(rooms.begin(), rooms.begin() + static_cast<std::ptrdiff_t>(count), rooms.end(),
                    [](const auto& a, const auto& b) { return a->stored.newest_ms < b->stored.newest_ms; });
  rooms.resize(count);
  return rooms;
}

bool StoredHistory::sweep_excess() {
  bool more = false;
  std::size_t count = 0;
  {
    const std::lock_guard lock(rooms_mutex_);
    count = rooms_.size();
  }
  if (exceeds(static_cast<std::int64_t>(count), options_.max_rooms)) {
    const std::size_t excess = count - static_cast<std::size_t>(options_.max_rooms);
    more = excess > kSweepRooms;
    for (const KeptRoomPtr& room : longest_silent(std::min(excess, kSweepRooms), true)) {
      if (forget_room(room, false)) change_of(room).remove = true;
    }
  }
  if (!exceeds(total_bytes_, options_.total_bytes)) return more;
  std::int64_t excess = total_bytes_ - options_.total_bytes;
  for (const KeptRoomPtr& room : longest_silent(kSweepRooms, false)) {
    if (excess <= 0) break;
    const std::int64_t bytes = std::min(excess, room->stored.bytes);
    change_of(room).drop_bytes = bytes;
    excess -= bytes;
  }
  return more || excess > 0;
}

// The reader --------------------------------------------------------------------------------------------------------------

void StoredHistory::read(KeptQuery query, Done done) {
  Status status;
  {
    const std::lock_guard lock(reads_mutex_);
    if (reads_ended_) {
      status = {Error::stopped, "the server is stopping"};
    } else if (reads_.size() >= kMaxReads || (!query.text.empty() && searches_ >= kMaxSearches)) {
      status = {Error::unavailable, "too many requests wait for the disk"};
    } else {
      const bool is_search = !query.text.empty();
      const auto place = is_search ? reads_.end() : reads_.end() - static_cast<std::ptrdiff_t>(searches_);
      reads_.insert(place, {std::move(query), std::move(done)});
      if (is_search) ++searches_;
      reads_changed_.notify_one();
      return;
    }
  }
  done(failed_range(query, std::move(status)));
}

KeptRangePtr StoredHistory::read_locked(const KeptQuery& query) {
  const std::lock_guard lock(reader_mutex_);
  return std::make_shared<const KeptRange>(backend_->read(query, clock_()));
}

KeptRangePtr StoredHistory::read_now(const KeptQuery& query) {
  {
    const std::lock_guard lock(reads_mutex_);
    if (reads_ended_) return failed_range(query, {Error::stopped, "the server is stopping"});
  }
  return read_locked(query);
}

void StoredHistory::run_reader() {
  std::vector<Read> same;
  for (;;) {
    {
      std::unique_lock lock(reads_mutex_);
      reads_changed_.wait(lock, [this] { return !reads_.empty() || reads_ended_ || backend_->needs_upkeep(); });
      if (reads_ended_) return;
      if (!reads_.empty()) {
        // Many clients that come back ask for the same.
        const KeptQuery query = reads_.front().query;
        const auto rest =
            std::stable_partition(reads_.begin(), reads_.end(), [&](const Read& one) { return !(one.query == query); });
        same.assign(std::make_move_iterator(rest), std::make_move_iterator(reads_.end()));
        if (!query.text.empty()) searches_ -= same.size();
        reads_.erase(rest, reads_.end());
      }
    }
    if (!same.empty()) answer(same);
    same.clear();
    const std::lock_guard lock(reader_mutex_);
    if (backend_->needs_upkeep()) backend_->upkeep();
  }
}

// A client whose answer is lost for lack of memory is refused when its time is over.
void StoredHistory::answer(std::vector<Read>& reads) {
  KeptRangePtr range;
  try {
    range = read_locked(reads.front().query);
    if (!range->status.ok()) note(LogLevel::error, "the history cannot be read: " + range->status.detail);
  } catch (const std::bad_alloc&) {
    if (!range) return;
  }
  for (Read& one : reads) {
    try {
      one.done(range);
    } catch (const std::bad_alloc&) {
    }
  }
}

}  // namespace chat::store
