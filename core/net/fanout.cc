// See fanout.h.
#include "net/fanout.h"

#include <algorithm>

#include "net/peer.h"

namespace chat::net {
namespace {

// The frames of one message, made when the first receiver needs them.
class EncodedMessage {
 public:
  explicit EncodedMessage(const MessagePtr& message) : message_(message) {}

  const FramePtr& frame_for(Peer& peer) {
    const wire::WireForm form = peer.form();
    const Framing framing = peer.link().framing();
    for (const Entry& entry : entries_) {
      if (entry.form == form && entry.framing == framing) return entry.frame;
    }
    FramePtr frame = make_frame(peer.codec().encode(*message_), framing, message_);
    return entries_.emplace_back(Entry{form, framing, std::move(frame)}).frame;
  }

 private:
  struct Entry {
    wire::WireForm form;
    Framing framing;
    FramePtr frame;
  };
  const MessagePtr& message_;
  std::vector<Entry> entries_;
};

template <class Element>
void shrink_after_peak(std::vector<Element>& elements) {
  constexpr std::size_t kSmall = 256;
  if (elements.capacity() > kSmall && elements.size() < elements.capacity() / 4) elements.shrink_to_fit();
}

}  // namespace

bool Fanout::add(Peer& peer, std::string_view room) {
  auto found = rooms_.find(room);
  if (found == rooms_.end()) {
    auto local = std::make_unique<LocalRoom>();
    local->name = room;
    found = rooms_.emplace(local->name, std::move(local)).first;
  }
  LocalRoom& local = *found->second;
  for (const auto& membership : peer.memberships_) {
    if (membership->room == &local) return false;
  }
  auto membership = std::make_unique<Membership>(Membership{&local, local.members.size()});
  local.members.push_back({&peer, membership.get()});
  peer.memberships_.push_back(std::move(membership));
  return true;
}

bool Fanout::remove(Peer& peer, std::string_view room) {
  auto membership = std::find_if(peer.memberships_.begin(), peer.memberships_.end(),
                                 [&](const auto& m) { return m->room->name == room; });
  if (membership == peer.memberships_.end()) return false;
  unlink(peer, membership);
  return true;
}

std::string Fanout::remove_any(Peer& peer) {
  if (peer.memberships_.empty()) return {};
  std::string room = peer.memberships_.back()->room->name;
  unlink(peer, std::prev(peer.memberships_.end()));
  return room;
}

void Fanout::unlink(Peer& peer, Memberships::iterator membership) {
  LocalRoom& room = *(*membership)->room;
  const std::size_t index = (*membership)->index;
  room.members[index] = room.members.back();
  room.members[index].membership->index = index;
  room.members.pop_back();
  shrink_after_peak(room.members);
  peer.memberships_.erase(membership);
  if (room.members.empty()) rooms_.erase(rooms_.find(room.name));
}

void Fanout::add_to_everyone(Peer& peer) {
  everyone_index_.emplace(&peer, everyone_.size());
  everyone_.push_back(&peer);
}

void Fanout::remove_from_everyone(Peer& peer) {
  auto found = everyone_index_.find(&peer);
  if (found == everyone_index_.end()) return;
  const std::size_t index = found->second;
  everyone_index_.erase(found);
  Peer* last = everyone_.back();
  everyone_.pop_back();
  shrink_after_peak(everyone_);
  if (last == &peer) return;
  everyone_[index] = last;
  everyone_index_[last] = index;
}

void Fanout::deliver(const MessagePtr& message) {
  auto found = rooms_.find(message->room);
  if (found == rooms_.end()) return;
  EncodedMessage encoded(message);
  for (const LocalRoom::Member& member : found->second->members) {
    if (member.peer->id() == message->except) {
      member.peer->skip(message);
    } else {
      member.peer->deliver(encoded.frame_for(*member.peer));
    }
  }
}

void Fanout::deliver_to_everyone(const MessagePtr& message) {
  EncodedMessage encoded(message);
  for (Peer* peer : everyone_) {
    if (peer->id() == message->except) continue;
    peer->deliver(encoded.frame_for(*peer));
  }
}

}  // namespace chat::net
