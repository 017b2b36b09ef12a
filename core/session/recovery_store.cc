// See recovery_store.h.
#include "session/recovery_store.h"

#include <iterator>
#include <utility>

#include "model/heap_bytes.h"

namespace chat::session {
namespace {
// A list node and a table node with links and hash, buckets of the table, and the headers of malloc.
constexpr std::size_t kNodeBytes = 16 * sizeof(void*);
}  // namespace

std::size_t RecoveryStore::memory_bytes(const Entry& entry) {
  const RecoveryRecord& record = entry.record;
  std::size_t bytes = sizeof(Entry) + kNodeBytes + record.log.memory_bytes() +
                      record.earlier.capacity() * sizeof(ClientId) + record.rooms.capacity() * sizeof(RoomHold);
  for (const std::string* text :
       {&entry.pid, &record.sid, &record.nsp, &record.identity.user_id, &record.identity.name})
    bytes += heap_bytes(*text);
  bytes += record.identity.attributes.capacity() * sizeof(Pair);
  for (const Pair& attribute : record.identity.attributes)
    bytes += heap_bytes(attribute.name) + heap_bytes(attribute.value);
  return bytes;
}

// The caller frees what is dropped, after it has released the lock.
void RecoveryStore::drop(Entries::iterator entry, Entries& dropped) {
  bytes_ -= entry->bytes;
  by_pid_.erase(entry->pid);
  dropped.splice(dropped.end(), entries_, entry);
}

void RecoveryStore::drop_old(std::int64_t now_ms, Entries& dropped) {
  while (!entries_.empty() && now_ms - entries_.front().put_at_ms > window_ms_) drop(entries_.begin(), dropped);
}

void RecoveryStore::begin(const std::string& pid, const std::string& nsp, ClientPtr client) {
  if (!enabled()) return;
  std::lock_guard lock(mutex_);
  holders_.insert_or_assign(pid, Holder{nsp, std::move(client)});
}

void RecoveryStore::end(std::string_view pid) {
  std::lock_guard lock(mutex_);
  if (const auto found = holders_.find(pid); found != holders_.end()) holders_.erase(found);
}

ClientPtr RecoveryStore::holder(std::string_view pid, std::string_view nsp) const {
  std::lock_guard lock(mutex_);
  const auto found = holders_.find(pid);
  return found == holders_.end() || found->second.nsp != nsp ? nullptr : found->second.client;
}

void RecoveryStore::put(std::string pid, RecoveryRecord record, std::int64_t now_ms) {
  if (!enabled()) return;
  end(pid);
  Entries added;
  added.push_back({std::move(pid), std::move(record), now_ms, 0});
  added.front().bytes = memory_bytes(added.front());
  Entries dropped;
  std::lock_guard lock(mutex_);
  drop_old(now_ms, dropped);
  if (auto before = by_pid_.find(added.front().pid); before != by_pid_.end()) drop(before->second, dropped);
  const std::size_t bytes = added.front().bytes;
  if (exceeds(static_cast<std::int64_t>(bytes), max_bytes_)) return;
  while (exceeds(static_cast<std::int64_t>(bytes_ + bytes), max_bytes_)) drop(entries_.begin(), dropped);
  by_pid_.emplace(added.front().pid, added.begin());  // the view and the iterator stay valid in the other list
  entries_.splice(entries_.end(), added);
  bytes_ += bytes;
}

std::optional<std::string> RecoveryStore::find_sid(std::string_view pid, std::string_view nsp,
                                                   std::int64_t now_ms) const {
  std::lock_guard lock(mutex_);
  const auto found = by_pid_.find(pid);
  if (found == by_pid_.end() || found->second->record.nsp != nsp) return std::nullopt;
  if (now_ms - found->second->put_at_ms > window_ms_) return std::nullopt;
  return found->second->record.sid;
}

std::optional<RecoveryRecord> RecoveryStore::take(std::string_view pid, std::string_view nsp, std::int64_t now_ms) {
  Entries dropped;
  std::lock_guard lock(mutex_);
  drop_old(now_ms, dropped);
  auto found = by_pid_.find(pid);
  if (found == by_pid_.end() || found->second->record.nsp != nsp) return std::nullopt;
  drop(found->second, dropped);
  return std::move(dropped.back().record);
}

void RecoveryStore::expire(std::int64_t now_ms) {
  Entries dropped;
  std::lock_guard lock(mutex_);
  drop_old(now_ms, dropped);
}

std::size_t RecoveryStore::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

std::size_t RecoveryStore::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace chat::session
