// See delivery_log.h.
//
// Why the ring is enough: a client has received a beginning of what it was sent. So "the client last saw message seq of room
// R" is a moment in the order of sending, and of every other room the client has what was sent before that moment. While the
// client is in one room, nothing is written to the ring. At any moment of that time, all other rooms in which the client is
// now were joined later, and are replayed from where they were joined. When the client joins a second room or leaves its only
// one, an entry records how far it was in the one room.
//
// A client's own messages may have been published without a copy for the client. It has them anyway, so a position advances
// over own messages that follow directly, and the history does not need to have kept them.
#include "session/delivery_log.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "model/heap_bytes.h"

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

// A room with the same epoch is the one that the client left before. The entries of the ring about it are valid again.
DeliveryLog::RoomIndex DeliveryLog::find_or_add(std::string_view name, std::string epoch, std::uint64_t since) {
  auto found = std::find_if(rooms_.begin(), rooms_.end(),
                            [&](const Room& room) { return room.name == name && room.epoch == epoch; });
  if (found == rooms_.end()) {
    found = std::find_if(rooms_.begin(), rooms_.end(), [](const Room& room) { return room.name.empty(); });
    if (found == rooms_.end()) found = rooms_.emplace(rooms_.end());
    *found = Room{};
    found->name = name;
    found->epoch = std::move(epoch);
    // If a room was forgotten, it may be this one, and the client may have been sent everything up to here.
    (forgot_room_ ? found->forgotten_seq : found->first_since) = since;
    found->since = found->sent_seq = found->marked_seq = found->proven_seq = since;
  } else if (found->sent_seq != since) {
    found->since = found->sent_seq = found->marked_seq = found->proven_seq = since;
  }
  return static_cast<RoomIndex>(found - rooms_.begin());
}

void DeliveryLog::join(std::string_view name, Position since) {
  if (find_member(name)) return;
  if (members_.size() == 1) write_down_only_member();
  const RoomIndex index = find_or_add(name, std::move(since.epoch), since.seq);
  rooms_[index].member = true;
  members_.push_back(index);
}

void DeliveryLog::leave(std::string_view name) {
  if (find_member(name) == nullptr) return;
  if (members_.size() == 1) write_down_only_member();
  Room* const room = find_member(name);
  std::erase(members_, static_cast<RoomIndex>(room - rooms_.data()));
  room->member = false;
  free_if_unused(*room);
}

void DeliveryLog::write(const Message& message, bool own) {
  Room* room = find_member(message.room);
  if (room == nullptr || message.seq <= room->sent_seq) return;
  if (own) {
    if (room->proven_seq == room->sent_seq) room->proven_seq = message.seq;
    if (room->marked_seq == room->sent_seq) room->marked_seq = message.seq;
  } else {
    room->heard_seq = message.seq;
  }
  room->sent_seq = message.seq;
  if (members_.size() > 1) push(static_cast<RoomIndex>(room - rooms_.data()), message.seq, own);
}

void DeliveryLog::write_down_only_member() {
  const RoomIndex index = members_.front();
  const Room& room = rooms_[index];
  if (room.heard_seq > room.written_seq) push(index, room.heard_seq, false);
  if (room.sent_seq > std::max(room.written_seq, room.since)) push(index, room.sent_seq, true);
}

void DeliveryLog::push(RoomIndex index, std::uint64_t seq, bool own) {
  rooms_[index].written_seq = seq;
  if (own && size_ != 0) {
    Entry& newest = ring_[(begin_ + size_ - 1) & (ring_.size() - 1)];
    if (newest.own && newest.room == index) {
      newest.seq = seq;
      return;
    }
  }
  if (size_ == kMaxEntries) forget_oldest();
  if (size_ == ring_.size()) {
    std::vector<Entry> larger(std::max(kFirstEntries, 2 * size_));
    for (std::size_t i = 0; i < size_; ++i) larger[i] = entry(i);
    ring_ = std::move(larger);
    begin_ = 0;
  }
  ring_[(begin_ + size_) & (ring_.size() - 1)] = {seq, index, own};
  ++size_;
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

void DeliveryLog::ping_sent() {
  for (Room& room : rooms_)
    room.marked_seq = room.sent_seq;  // also for rooms that the client has left: it may join them again
  ping_is_out_ = true;
}

void DeliveryLog::ping_answered() {
  if (!std::exchange(ping_is_out_, false)) return;
  for (Room& room : rooms_) room.proven_seq = room.marked_seq;
}

std::vector<RoomPosition> DeliveryLog::positions_proven() const {
  std::vector<RoomPosition> positions;
  positions.reserve(members_.size());
  for (const RoomIndex index : members_) {
    const Room& room = rooms_[index];
    positions.push_back({room.name, {room.epoch, room.proven_seq}});
  }
  return positions;
}

std::optional<std::vector<RoomPosition>> DeliveryLog::positions_at(std::string_view name, const Position& last) const {
  if (members_.empty()) return std::nullopt;
  const auto named = std::find_if(rooms_.begin(), rooms_.end(),
                                  [&](const Room& room) { return room.name == name && room.epoch == last.epoch; });
  if (name.empty() || named == rooms_.end()) {
    if (forgot_room_) return std::nullopt;
    return positions_proven();
  }
  if (last.seq > named->sent_seq) return std::nullopt;
  if (last.seq <= named->first_since) return positions_proven();
  if (last.seq <= named->forgotten_seq) return std::nullopt;

  const auto seen = static_cast<RoomIndex>(named - rooms_.begin());
  const std::vector<std::uint64_t> told = told_at(seen, last.seq);
  std::vector<RoomPosition> positions;
  positions.reserve(members_.size());
  for (const RoomIndex index : members_) {
    const Room& room = rooms_[index];
    positions.push_back({room.name, {room.epoch, std::max(room.since, told[index])}});
    if (index == seen) std::rotate(positions.begin(), std::prev(positions.end()), positions.end());
  }
  return positions;
}

// How far the client was in each room when it saw this message: what the ring has up to the message, and own messages that
// follow directly. A message that was sent while the client was in one room only has no entry. The next entry of the room
// marks the end of that time.
std::vector<std::uint64_t> DeliveryLog::told_at(RoomIndex seen, std::uint64_t seq) const {
  std::vector<std::uint64_t> told(rooms_.size());
  for (std::size_t i = 0; i < rooms_.size(); ++i) told[i] = rooms_[i].forgotten_seq;
  std::size_t next = 0;
  while (next < size_) {
    const Entry& one = entry(next++);
    told[one.room] = one.seq;
    if (one.room == seen && one.seq >= seq) break;
  }
  std::vector<bool> missed(
      rooms_.size());  // the client was sent a message of the room after this one, and has not seen it
  missed[seen] = told[seen] > seq;
  told[seen] = seq;
  for (; next < size_; ++next) {
    const Entry& one = entry(next);
    if (!one.own && one.seq > rooms_[one.room].since) missed[one.room] = true;
    if (!missed[one.room]) told[one.room] = one.seq;
  }
  if (members_.size() == 1) {  // messages that are not in the ring belong to this room
    const RoomIndex only = members_.front();
    const Room& room = rooms_[only];
    const bool heard_more = room.heard_seq > std::max(told[only], room.since);
    if (!missed[only] && !heard_more) told[only] = room.sent_seq;
  }
  return told;
}

std::size_t DeliveryLog::memory_bytes() const {
  std::size_t bytes =
      rooms_.capacity() * sizeof(Room) + members_.capacity() * sizeof(RoomIndex) + ring_.capacity() * sizeof(Entry);
  for (const Room& room : rooms_) bytes += heap_bytes(room.name) + heap_bytes(room.epoch);
  return bytes;
}

void DeliveryLog::pack(std::string& out) const {
  pack_number(out, rooms_.size());
  for (const Room& room : rooms_) {
    pack_text(out, room.name);
    pack_text(out, room.epoch);
    for (const std::uint64_t seq : {room.first_since, room.since, room.sent_seq, room.heard_seq, room.written_seq,
                                    room.forgotten_seq, room.marked_seq, room.proven_seq}) {
      pack_number(out, seq);
    }
  }
  pack_number(out, members_.size());
  for (const RoomIndex index : members_) pack_number(out, index);
  pack_number(out, forgot_room_ ? 1 : 0);
  pack_number(out, size_);
  for (std::size_t i = 0; i < size_; ++i) {
    pack_number(out, entry(i).room);
    pack_number(out, entry(i).own ? 1 : 0);
    pack_number(out, entry(i).seq);
  }
}

std::optional<DeliveryLog> DeliveryLog::unpack(PackedReader& in) {
  DeliveryLog log;
  std::uint64_t count = 0;
  if (!in.read(count)) return std::nullopt;
  for (; count != 0; --count) {  // each one takes bytes, so their size is the bound
    Room room;
    bool complete = in.read(room.name) && in.read(room.epoch);
    for (std::uint64_t* seq : {&room.first_since, &room.since, &room.sent_seq, &room.heard_seq, &room.written_seq,
                               &room.forgotten_seq, &room.marked_seq, &room.proven_seq}) {
      complete = complete && in.read(*seq);
    }
    if (!complete) return std::nullopt;
    log.rooms_.push_back(std::move(room));
  }
  if (!in.read(count)) return std::nullopt;
  for (; count != 0; --count) {
    const std::optional<std::uint64_t> index = in.number();
    if (!index || *index >= log.rooms_.size() || log.rooms_[*index].member) return std::nullopt;
    log.rooms_[*index].member = true;
    log.members_.push_back(static_cast<RoomIndex>(*index));
  }
  std::uint64_t forgot = 0;
  if (!in.read(forgot) || !in.read(count) || count > kMaxEntries) return std::nullopt;
  log.forgot_room_ = forgot != 0;
  if (count != 0) log.ring_.resize(std::bit_ceil(std::max<std::size_t>(count, kFirstEntries)));
  for (; log.size_ < count; ++log.size_) {
    const std::optional<std::uint64_t> index = in.number();
    std::uint64_t own = 0;
    std::uint64_t seq = 0;
    if (!index || *index >= log.rooms_.size() || !in.read(own) || !in.read(seq)) return std::nullopt;
    log.ring_[log.size_] = {seq, static_cast<RoomIndex>(*index), own != 0};
    ++log.rooms_[*index].entries;
  }
  return log;
}

}  // namespace chat::session
