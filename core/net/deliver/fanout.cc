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

void release(LocalRoom& room, SubscriptionIds::Number subscription) noexcept {
  room.subscriptions->release(subscription);
  if (room.subscriptions->empty()) room.subscriptions.reset();
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

EncodedMessage::SubscribedEntry& EncodedMessage::subscribed_entry(const Receiver& receiver, wire::WireForm form,
                                                                  std::size_t max_number) {
  const Carrier* const carrier = &receiver.carrier();
  for (SubscribedEntry& entry : subscribed_) {
    if (entry.form == form && entry.carrier == carrier) return entry;
  }
  SubscribedEntry made{form, carrier, {}, std::vector<FramePtr>(max_number + 1)};
  if (std::optional<wire::Packet> body = receiver.codec().encode_body(*message_, form)) {
    made.body = carrier->share(std::move(*body));
  }
  return subscribed_.emplace_back(std::move(made));
}

const FramePtr& EncodedMessage::frame_for(const Receiver& receiver, const Membership& membership) {
  const SubscriptionIds& ids = *membership.room->subscriptions;
  SubscribedEntry& entry = subscribed_entry(receiver, membership.form, ids.max_number());
  FramePtr& frame = entry.frames[membership.subscription];
  if (!frame && entry.body) {
    const std::string head = receiver.codec().encode_head(*message_, membership.form, ids.id(membership.subscription));
    frame = make_frame(head, *entry.body, *entry.carrier, message_);
  }
  return frame;
}

const SharedBody* EncodedMessage::body_for(const Receiver& receiver, const Membership& membership) {
  const std::size_t max_number = membership.room->subscriptions->max_number();
  const SubscribedEntry& entry = subscribed_entry(receiver, membership.form, max_number);
  return entry.body ? &*entry.body : nullptr;
}

const SharedBody* EncodedMessage::direct_body_for(const Receiver& receiver) {
  const SubscribedEntry& entry = subscribed_entry(receiver, receiver.direct_form(), 0);
  return entry.body ? &*entry.body : nullptr;
}

// Members -------------------------------------------------------------------------------------------------------------

Fanout::Memberships::iterator Fanout::find(Receiver& receiver, const LocalRoom& room,
                                           std::string_view subscription_id) {
  return std::find_if(receiver.memberships_.begin(), receiver.memberships_.end(), [&](const auto& membership) {
    if (membership->room != &room) return false;
    const SubscriptionIds::Number number = membership->subscription;
    return (number == SubscriptionIds::kNone ? std::string_view() : room.subscriptions->id(number)) == subscription_id;
  });
}

bool Fanout::add(Receiver& receiver, std::string_view room, const Subscription& subscription) {
  auto found = rooms_.find(room);
  if (found == rooms_.end()) {
    auto local = std::make_unique<LocalRoom>();
    local->name = room;
    found = rooms_.emplace(local->name, std::move(local)).first;
  }
  LocalRoom& local = *found->second;
  Memberships& memberships = receiver.memberships_;
  if (find(receiver, local, subscription.id) != memberships.end()) return false;
  const std::size_t count = memberships.size();
  SubscriptionIds::Number number = SubscriptionIds::kNone;
  try {
    if (!subscription.id.empty()) {
      if (!local.subscriptions) local.subscriptions = std::make_unique<SubscriptionIds>();
      number = local.subscriptions->acquire(subscription.id);
    }
    memberships.push_back(std::make_unique<Membership>(
        Membership{&local, local.members.size(), subscription.form, number, subscription.own_heads}));
    local.members.push_back({&receiver, memberships.back().get()});
  } catch (...) {
    // Room and receiver must agree on who is in.
    memberships.resize(count);
    if (number != SubscriptionIds::kNone) release(local, number);
    if (local.members.empty()) rooms_.erase(found);
    throw;
  }
  return true;
}

bool Fanout::remove(Receiver& receiver, std::string_view room) {
  const auto found = rooms_.find(room);
  if (found == rooms_.end()) return false;
  const std::size_t count = receiver.memberships_.size();
  leave(receiver, *found->second);
  return receiver.memberships_.size() != count;
}

bool Fanout::remove(Receiver& receiver, std::string_view room, std::string_view subscription_id) {
  const auto found = rooms_.find(room);
  if (found == rooms_.end()) return false;
  const auto membership = find(receiver, *found->second, subscription_id);
  if (membership == receiver.memberships_.end()) return false;
  unlink(receiver, membership);
  return true;
}

// The room ends with its last member: after that only its address is compared.
void Fanout::leave(Receiver& receiver, const LocalRoom& room) {
  for (std::size_t at = receiver.memberships_.size(); at-- > 0;) {
    const auto membership = receiver.memberships_.begin() + static_cast<std::ptrdiff_t>(at);
    if ((*membership)->room == &room) unlink(receiver, membership);
  }
}

void Fanout::forget(Receiver& receiver) noexcept {
  remove_from_everyone(receiver);
  while (!receiver.memberships_.empty()) unlink(receiver, std::prev(receiver.memberships_.end()));
}

std::string Fanout::remove_any(Receiver& receiver) {
  if (receiver.memberships_.empty()) return {};
  const LocalRoom& room = *receiver.memberships_.back()->room;
  std::string name = room.name;
  leave(receiver, room);
  return name;
}

void Fanout::set_member(LocalRoom& room, std::size_t index, const LocalRoom::Member& member) {
  room.members[index] = member;
  member.membership->index = index;
}

// The last member moves to the place that becomes free. During an interrupted delivery the last member that has the
// message moves there, and the last of all takes its place: still exactly those before `next` have the message.
void Fanout::unlink(Receiver& receiver, Memberships::iterator membership) {
  LocalRoom& room = *(*membership)->room;
  std::size_t index = (*membership)->index;
  const SubscriptionIds::Number subscription = (*membership)->subscription;
  if (interrupted_ && interrupted_->room == &room && index < interrupted_->next) {
    --interrupted_->next;
    set_member(room, index, room.members[interrupted_->next]);
    index = interrupted_->next;
  }
  set_member(room, index, room.members.back());
  room.members.pop_back();
  shrink_after_peak(room.members);
  if (subscription != SubscriptionIds::kNone) release(room, subscription);
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

// Like unlink().
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
  return found == rooms_.end() || begin({EncodedMessage(message), found->second.get(), 0, false}, budget);
}

bool Fanout::deliver_to_everyone(const MessagePtr& message, TimeBudget& budget) {
  return begin({EncodedMessage(message), nullptr, 0, false}, budget);
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

void Fanout::deliver_to_member(EncodedMessage& encoded, Receiver& receiver, const Membership* membership) {
  if (membership == nullptr || membership->subscription == SubscriptionIds::kNone) {
    receiver.deliver(encoded.frame_for(receiver));
  } else if (!membership->own_heads) {
    receiver.deliver(encoded.frame_for(receiver, *membership));
  } else if (const SharedBody* const body = encoded.body_for(receiver, *membership)) {
    receiver.deliver_body(encoded.message(), membership->room->subscriptions->id(membership->subscription), *body);
  }
}

void Fanout::deliver_directly(EncodedMessage& encoded, Receiver& receiver) {
  if (receiver.direct_form() == 0) {
    receiver.deliver(encoded.frame_for(receiver));
  } else if (const SharedBody* const body = encoded.direct_body_for(receiver)) {
    receiver.deliver_body(encoded.message(), {}, *body);
  }
}

bool Fanout::run(Delivery& delivery, TimeBudget& budget) {
  EncodedMessage& encoded = delivery.encoded;
  const MessagePtr& message = encoded.message();
  const ClientId except = message->except;
  LocalRoom* const room = delivery.room;
  const bool has_subscriptions = room && room->subscriptions;
  const std::size_t count = room ? room->members.size() : everyone_.size();
  while (delivery.next < count) {
    const std::size_t end = std::min(count, delivery.next + kReceiversPerLook);
    for (; delivery.next < end; ++delivery.next) {
      Receiver& receiver = room ? *room->members[delivery.next].receiver : *everyone_[delivery.next];
      if (receiver.id() == except) {
        if (room && !delivery.own_noted) receiver.note_own(message);
        delivery.own_noted = true;
        continue;
      }
      if (room) {
        deliver_to_member(encoded, receiver, has_subscriptions ? room->members[delivery.next].membership : nullptr);
      } else {
        deliver_directly(encoded, receiver);
      }
    }
    if (end < count && budget.over()) return false;
  }
  return true;
}

}  // namespace chat::net
