// See delivery_log.h.
//
// Why the ring is enough. What a client saw is the beginning of what it was sent, so "it last saw message seq of R" is a moment
// in the order of sending, and of another room it has what had been sent by then. While it is in one room nothing is written:
// for a moment of that time every other room that it is in now was joined later, and is to be replayed from where it was
// joined. When a second room comes, one entry for the first says how far it was.
#include "session/delivery_log.h"

#include <algorithm>
#include <utility>

#include "hub/heap_bytes.h"

namespace chat::session {
namespace {
constexpr std::size_t kFirstEntries = 16;
}

DeliveryLog::Room* DeliveryLog::find_member(std::string_view name) {
  for (const RoomIndex index : members_) {
    if (rooms_[index].name == name) return &rooms_[index];
  }
  return nullptr;
}

// With the same epoch it is the room that it left, and what the ring tells of it counts again.
DeliveryLog::RoomIndex DeliveryLog::find_or_add(std::string_view name, const std::string& epoch) {
  auto found = std::find_if(rooms_.begin(), rooms_.end(),
                            [&](const Room& room) { return room.name == name && room.since.epoch == epoch; });
  if (found == rooms_.end()) {
    found = std::find_if(rooms_.begin(), rooms_.end(), [](const Room& room) { return room.name.empty(); });
    if (found == rooms_.end()) found = rooms_.emplace(rooms_.end());
    *found = Room{};
    found->name = name;
  }
  return static_cast<RoomIndex>(found - rooms_.begin());
}

void DeliveryLog::join(std::string_view name, Position since) {
  if (find_member(name)) return;
  if (members_.size() == 1) {
    Room& only = rooms_[members_.front()];
    only.sent_seq = alone_seq_;
    if (only.sent_seq > std::max(only.since.seq, only.written_seq)) push(members_.front(), only.sent_seq);
  }
  const RoomIndex index = find_or_add(name, since.epoch);
  Room& room = rooms_[index];
  // It may be one that was forgotten, and have been told of up to here.
  if (forgot_room_ && room.entries == 0) room.forgotten_seq = since.seq;
  room.sent_seq = since.seq;
  room.since = std::move(since);
  room.member = true;
  members_.push_back(index);
  if (members_.size() == 1) alone_seq_ = room.sent_seq;
}

void DeliveryLog::leave(std::string_view name) {
  Room* room = find_member(name);
  if (room == nullptr) return;
  std::erase(members_, static_cast<RoomIndex>(room - rooms_.data()));
  room->member = false;
  free_if_unused(*room);
  if (members_.size() == 1) alone_seq_ = rooms_[members_.front()].sent_seq;
}

void DeliveryLog::write(const Message& message) {
  Room* room = find_member(message.room);
  if (room == nullptr || message.seq <= room->sent_seq) return;
  room->sent_seq = message.seq;
  push(static_cast<RoomIndex>(room - rooms_.data()), message.seq);
}

void DeliveryLog::push(RoomIndex index, std::uint64_t seq) {
  if (size_ == kMaxEntries) forget_oldest();
  if (size_ == ring_.size()) {
    std::vector<Entry> larger(std::max(kFirstEntries, 2 * size_));
    for (std::size_t i = 0; i < size_; ++i) larger[i] = entry(i);
    ring_ = std::move(larger);
    begin_ = 0;
  }
  ring_[(begin_ + size_) & (ring_.size() - 1)] = {index, seq};
  ++size_;
  rooms_[index].written_seq = seq;
  ++rooms_[index].entries;
}

void DeliveryLog::forget_oldest() {
  const Entry oldest = entry(0);
  begin_ = (begin_ + 1) & (ring_.size() - 1);
  --size_;
  Room& room = rooms_[oldest.room];
  room.forgotten_seq = oldest.seq;
  --room.entries;
  free_if_unused(room);
}

void DeliveryLog::free_if_unused(Room& room) {
  if (room.member || room.entries != 0) return;
  if (room.forgotten_seq != 0) forgot_room_ = true;
  room.name.clear();
}

std::optional<std::vector<RoomPosition>> DeliveryLog::positions_at(std::string_view name, const Position& last) const {
  const auto named =
      std::find_if(members_.begin(), members_.end(), [&](const RoomIndex index) { return rooms_[index].name == name; });
  if (named == members_.end()) return std::nullopt;
  const RoomIndex seen = *named;
  const Room& room = rooms_[seen];
  if (last.epoch != room.since.epoch || last.seq < room.since.seq) return std::nullopt;
  std::vector<RoomPosition> positions = {{room.name, last}};
  if (members_.size() == 1) return positions;
  if (last.seq > room.sent_seq) return std::nullopt;
  if (room.forgotten_seq != 0 && last.seq <= room.forgotten_seq) return std::nullopt;

  // What the ring tells up to that message. One that was sent while the client was alone in the room has no entry, but the
  // next of the room stands where that time ended.
  std::vector<std::uint64_t> told(rooms_.size());
  for (std::size_t i = 0; i < rooms_.size(); ++i) told[i] = rooms_[i].forgotten_seq;
  bool found = false;
  for (std::size_t i = 0; i < size_ && !found; ++i) {
    const Entry& one = entry(i);
    if (one.room == seen && one.seq >= last.seq) {
      if (one.seq != last.seq && last.seq == room.since.seq) break;
      found = true;
    }
    told[one.room] = one.seq;
  }
  // Where it joined and never told: it saw that message before it was in any other room, or in an earlier life.
  if (!found) std::fill(told.begin(), told.end(), 0);

  positions.reserve(members_.size());
  for (const RoomIndex index : members_) {
    if (index == seen) continue;
    const Room& other = rooms_[index];
    positions.push_back({other.name, {other.since.epoch, std::max(other.since.seq, told[index])}});
  }
  return positions;
}

std::size_t DeliveryLog::memory_bytes() const {
  std::size_t bytes =
      rooms_.capacity() * sizeof(Room) + members_.capacity() * sizeof(RoomIndex) + ring_.capacity() * sizeof(Entry);
  for (const Room& room : rooms_) bytes += heap_bytes(room.name) + heap_bytes(room.since.epoch);
  return bytes;
}

}  // namespace chat::session
