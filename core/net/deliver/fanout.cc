// See fanout.h.
#include "net/deliver/fanout.h"

#include <algorithm>

namespace chat::net {
namespace {

// The clock is read once for so many receivers.
constexpr std::size_t kReceiversPerLook = 16;

template <class Element>
void shrink_after_peak(std::vector<Element>& elements) {
  constexpr std::size_t kSmall = 256;
  if (elements.capacity() > kSmall && elements.size() < elements.capacity() / 4) elements.shrink_to_fit();
}

}  // namespace

const FramePtr& EncodedMessage::frame_for(const Receiver& receiver) {
  const wire::WireForm form = receiver.form();
  const Carrier* const carrier = &receiver.carrier();
  for (const Entry& entry : entries_) {
    if (entry.form == form && entry.carrier == carrier) return entry.frame;
  }
  FramePtr frame = make_frame(receiver.codec().encode(*message_), *carrier, message_);
  return entries_.emplace_back(Entry{form, carrier, std::move(frame)}).frame;
}

// Members -------------------------------------------------------------------------------------------------------------

bool Fanout::add(Receiver& receiver, std::string_view room) {
  auto found = rooms_.find(room);
  if (found == rooms_.end()) {
    auto local = std::make_unique<LocalRoom>();
    local->name = room;
    found = rooms_.emplace(local->name, std::move(local)).first;
  }
  LocalRoom& local = *found->second;
  for (const auto& membership : receiver.memberships_) {
    if (membership->room == &local) return false;
  }
  try {
    receiver.memberships_.push_back(std::make_unique<Membership>(Membership{&local, local.members.size()}));
    local.members.push_back({&receiver, receiver.memberships_.back().get()});
  } catch (...) {
    // Room and receiver must agree on who is in.
    if (!receiver.memberships_.empty() && receiver.memberships_.back()->room == &local)
      receiver.memberships_.pop_back();
    if (local.members.empty()) rooms_.erase(found);
    throw;
  }
  return true;
}

bool Fanout::remove(Receiver& receiver, std::string_view room) {
  auto membership = std::find_if(receiver.memberships_.begin(), receiver.memberships_.end(),
                                 [&](const auto& m) { return m->room->name == room; });
  if (membership == receiver.memberships_.end()) return false;
  unlink(receiver, membership);
  return true;
}

void Fanout::forget(Receiver& receiver) noexcept {
  remove_from_everyone(receiver);
  while (!receiver.memberships_.empty()) unlink(receiver, std::prev(receiver.memberships_.end()));
}

std::string Fanout::remove_any(Receiver& receiver) {
  if (receiver.memberships_.empty()) return {};
  std::string room = receiver.memberships_.back()->room->name;
  unlink(receiver, std::prev(receiver.memberships_.end()));
  return room;
}

void Fanout::set_member(LocalRoom& room, std::size_t index, const LocalRoom::Member& member) {
  room.members[index] = member;
  member.membership->index = index;
}

// The last takes the place that becomes free. In an interrupted delivery the last of those that have the message does, and the
// last of all takes its place: all before `next` have it still, and the others do not.
void Fanout::unlink(Receiver& receiver, std::vector<std::unique_ptr<Membership>>::iterator membership) {
  LocalRoom& room = *(*membership)->room;
  std::size_t index = (*membership)->index;
  if (interrupted_ && interrupted_->room == &room && index < interrupted_->next) {
    --interrupted_->next;
    set_member(room, index, room.members[interrupted_->next]);
    index = interrupted_->next;
  }
  set_member(room, index, room.members.back());
  room.members.pop_back();
  shrink_after_peak(room.members);
  receiver.memberships_.erase(membership);
  if (!room.members.empty()) return;
  if (interrupted_ && interrupted_->room == &room) interrupted_.reset();
  rooms_.erase(rooms_.find(room.name));
}

void Fanout::add_to_everyone(Receiver& receiver) {
  everyone_.push_back(&receiver);
  try {
    everyone_index_.emplace(&receiver, everyone_.size() - 1);
  } catch (...) {
    everyone_.pop_back();
    throw;
  }
}

void Fanout::set_everyone(std::size_t index, Receiver* receiver) {
  everyone_[index] = receiver;
  everyone_index_[receiver] = index;
}

// As unlink().
void Fanout::remove_from_everyone(Receiver& receiver) {
  auto found = everyone_index_.find(&receiver);
  if (found == everyone_index_.end()) return;
  std::size_t index = found->second;
  if (interrupted_ && !interrupted_->room && index < interrupted_->next) {
    --interrupted_->next;
    set_everyone(index, everyone_[interrupted_->next]);
    index = interrupted_->next;
  }
  set_everyone(index, everyone_.back());
  everyone_.pop_back();
  everyone_index_.erase(&receiver);
  shrink_after_peak(everyone_);
}

// Delivery ------------------------------------------------------------------------------------------------------------

bool Fanout::deliver(const MessagePtr& message, TimeBudget& budget) {
  auto found = rooms_.find(message->room);
  return found == rooms_.end() || begin({EncodedMessage(message), found->second.get(), 0}, budget);
}

bool Fanout::deliver_to_everyone(const MessagePtr& message, TimeBudget& budget) {
  return begin({EncodedMessage(message), nullptr, 0}, budget);
}

bool Fanout::begin(Delivery delivery, TimeBudget& budget) {
  bool done = false;
  try {
    done = run(delivery, budget);
  } catch (...) {
    interrupted_ = std::move(delivery);
    throw;
  }
  if (!done) interrupted_ = std::move(delivery);
  return done;
}

bool Fanout::go_on(TimeBudget& budget) {
  if (interrupted_ && !run(*interrupted_, budget)) return false;
  interrupted_.reset();
  return true;
}

bool Fanout::run(Delivery& delivery, TimeBudget& budget) {
  EncodedMessage& encoded = delivery.encoded;
  const MessagePtr& message = encoded.message();
  const ClientId except = message->except;
  LocalRoom* const room = delivery.room;
  const std::size_t count = room ? room->members.size() : everyone_.size();
  while (delivery.next < count) {
    const std::size_t end = std::min(count, delivery.next + kReceiversPerLook);
    for (; delivery.next < end; ++delivery.next) {
      Receiver& receiver = room ? *room->members[delivery.next].receiver : *everyone_[delivery.next];
      if (receiver.id() != except) {
        receiver.deliver(encoded.frame_for(receiver));
      } else if (room) {
        receiver.note_own(message);
      }
    }
    if (end < count && budget.over()) return false;
  }
  return true;
}

}  // namespace chat::net
