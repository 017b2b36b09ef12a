// See room.h.
#include "hub/room.h"

namespace chat {

Room::Members::iterator Room::add_member(const ClientPtr& client, std::size_t loop) {
  const auto [member, added] = members.emplace(client->id(), Member{client, loop});
  if (added) {
    ++members_by_loop[loop];
    member_count.store(static_cast<std::uint32_t>(members.size()), std::memory_order_relaxed);
  }
  return member;
}

Room::Members::iterator Room::remove_member(Members::iterator member) {
  --members_by_loop[member->second.loop];
  if (member->second.person != nullptr) presence->leave(member->second.person);
  if (names) names->remove(member->first);
  if (waiting) waiting->remove_client(member->first);
  const auto next = members.erase(member);
  member_count.store(static_cast<std::uint32_t>(members.size()), std::memory_order_relaxed);
  if (members.empty()) list.reset();
  return next;
}

void Room::move_member(Member& member, std::size_t loop) {
  --members_by_loop[member.loop];
  ++members_by_loop[loop];
  member.loop = loop;
}

bool Room::continues(const Position& position) const {
  const std::uint64_t seq = log->seq();
  // A position with seq 0 in a room without messages matches even when the room was forgotten and recreated.
  return (position.epoch == log->epoch() && position.seq <= seq) || (position.seq == 0 && seq == 0);
}

KeptMessages Room::missed_since(const Position& position) const {
  const bool same_numbering = continues(position);
  KeptMessages missed = log->after(same_numbering ? position.seq : 0, 0);
  missed.complete = same_numbering && missed.complete;
  return missed;
}

}  // namespace chat
