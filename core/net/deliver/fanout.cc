// See fanout.h.
#include "net/deliver/fanout.h"

#include <algorithm>
#include <utility>

#include "model/give_back.h"
#include "net/base/scoped_flag.h"

namespace chat::net {
namespace {

// The clock is read once for so many receivers.
constexpr std::size_t kReceiversPerLook = 16;
// A run that has reached one of these is delivered before the next message is taken.
constexpr std::size_t kMaxRunMessages = 1'024;
constexpr std::size_t kMaxRunBytes = 65'536;
// More memory than that for the messages of a run is given back after it.
constexpr std::size_t kKeptRunMessages = 64;

template <class Element>
void shrink_after_peak(std::vector<Element>& elements) {
  constexpr std::size_t kSmall = 256;
  if (elements.capacity() > kSmall && elements.size() < elements.capacity() / 4) elements.shrink_to_fit();
}

// So that push_back() needs no memory.
template <class Element>
void reserve_one(std::vector<Element>& elements) {
  if (elements.size() == elements.capacity()) elements.reserve(std::max<std::size_t>(1, 2 * elements.size()));
}

bool is_subscription(std::string_view id, bool own_heads) { return !id.empty() || own_heads; }

MemberForm form_of(const Receiver& receiver, const LocalRoom& room, std::string_view subscription_id,
                   wire::WireForm form, bool own_heads, bool counts_only) {
  MemberForm made;
  made.form = is_subscription(subscription_id, own_heads) ? form : receiver.form_in(room.name);
  made.carrier = &receiver.carrier();
  made.counters = receiver.counters();
  made.subscription = subscription_id;
  made.own_heads = own_heads;
  made.counts_only = counts_only;
  return made;
}

bool is_empty(const LocalRoom& room) { return room.members.empty() && room.silent == 0; }

}  // namespace

// Members -------------------------------------------------------------------------------------------------------------

// Calls visit(member) for each membership of the receiver in the room by which it receives messages.
template <class Visit>
void Fanout::visit_members(Receiver& receiver, LocalRoom& room, Visit visit) {
  if (&room == &everyone_) {
    if (receiver.everyone_.room != nullptr) visit(room.members[receiver.everyone_.index]);
    return;
  }
  for (const auto& membership : receiver.memberships_) {
    if (membership->room == &room && !membership->silent()) visit(room.members[membership->index]);
  }
}

Fanout::Memberships::iterator Fanout::find(Receiver& receiver, const LocalRoom& room,
                                           std::string_view subscription_id) {
  return std::ranges::find_if(receiver.memberships_, [&](const auto& membership) {
    if (membership->room != &room) return false;
    if (membership->silent()) return subscription_id.empty();
    return room.forms[room.members[membership->index].form].subscription == subscription_id;
  });
}

LocalRoom* Fanout::find(std::string_view room) {
  if (found_ != nullptr && found_->name == room) return found_;
  const auto found = rooms_.find(room);
  return found == rooms_.end() ? nullptr : found_ = found->second.get();
}

void Fanout::erase(const LocalRoom& room) noexcept {
  if (found_ == &room) found_ = nullptr;
  rooms_.erase(rooms_.find(room.name));
}

LocalRoom& Fanout::find_or_make(std::string_view room) {
  if (LocalRoom* const found = find(room)) return *found;
  auto local = std::make_unique<LocalRoom>();
  local->name = room;
  const std::string& name = local->name;
  return *rooms_.emplace(name, std::move(local)).first->second;
}

// The room's run is not for the new member.
void Fanout::enter(Membership& membership, LocalRoom& room, Receiver& receiver, const Subscription& subscription) {
  // The messages of a receiver with subscriptions come by these alone.
  if (receiver.direct_form() != 0 && !is_subscription(subscription.id, subscription.own_heads)) {
    membership = {&room, Membership::kSilent};
    ++room.silent;
    return;
  }
  reserve_one(room.members);
  LocalRoom::Member member;
  member.receiver = &receiver;
  member.membership = &membership;
  member.link = receiver.direct_link();
  member.noted = receiver.notes_deliveries();
  member.form = room.forms.acquire(
      form_of(receiver, room, subscription.id, subscription.form, subscription.own_heads, subscription.counts_only));
  set_ahead(room, member, room.run.size());
  membership = {&room, room.members.size()};
  room.members.push_back(member);
}

bool Fanout::add(Receiver& receiver, std::string_view room, const Subscription& subscription) {
  LocalRoom& local = find_or_make(room);
  Memberships& memberships = receiver.memberships_;
  if (find(receiver, local, subscription.id) != memberships.end()) return false;
  const bool first = std::ranges::none_of(memberships, [&](const auto& one) { return one->room == &local; });
  try {
    reserve_one(memberships);
    auto membership = std::make_unique<Membership>();
    enter(*membership, local, receiver, subscription);
    memberships.push_back(std::move(membership));
  } catch (...) {
    // Room and receiver must agree on who is in.
    if (is_empty(local)) erase(local);
    throw;
  }
  if (first) count_rooms(receiver, local, 1);
  mark_plural(receiver, local);
  return true;
}

// Called when the receiver has a first membership in the room, or before it loses its last one there.
void Fanout::count_rooms(Receiver& receiver, LocalRoom& room, int change) noexcept {
  const std::uint32_t most = change > 0 ? ++receiver.rooms_ : receiver.rooms_--;
  if (most < 2) return;
  const auto count = [change](LocalRoom& one) { change > 0 ? ++one.shared : --one.shared; };
  count(room);
  if (most > 2) return;
  const auto other = std::ranges::find_if(receiver.memberships_, [&](const auto& one) { return one->room != &room; });
  count(*(*other)->room);
}

void Fanout::mark_plural(Receiver& receiver, LocalRoom& room) {
  std::size_t count = 0;
  visit_members(receiver, room, [&](const LocalRoom::Member&) { ++count; });
  visit_members(receiver, room, [&](LocalRoom::Member& member) { member.plural = count > 1; });
}

bool Fanout::remove(Receiver& receiver, std::string_view room) {
  LocalRoom* const local = find(room);
  if (local == nullptr) return false;
  const std::size_t count = receiver.memberships_.size();
  settle(*local, receiver);
  leave(receiver, *local);
  return receiver.memberships_.size() != count;
}

bool Fanout::remove(Receiver& receiver, std::string_view room, std::string_view subscription_id) {
  LocalRoom* const local = find(room);
  if (local == nullptr) return false;
  if (find(receiver, *local, subscription_id) == receiver.memberships_.end()) return false;
  settle(*local, receiver);
  unlink(receiver, find(receiver, *local, subscription_id));
  return true;
}

// The room ends with its last member: after that only its address is compared.
void Fanout::leave(Receiver& receiver, const LocalRoom& room) noexcept {
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

void Fanout::set_member(LocalRoom& room, std::size_t index, const LocalRoom::Member& member) noexcept {
  room.members[index] = member;
  member.membership->index = index;
}

// The last member moves to the place that becomes free. During an interrupted delivery the last member that has the run
// moves there, and the last of all takes its place: still exactly those before `next` have the run.
void Fanout::leave_place(const Membership& membership) noexcept {
  LocalRoom& room = *membership.room;
  if (membership.silent()) {
    --room.silent;
    return;
  }
  std::size_t index = membership.index;
  room.forms.release(room.members[index].form);
  if (delivery_ && &delivery_->room == &room) {
    if (delivery_->rest_of == &membership) {
      delivery_->rest_of = nullptr;
      delivery_->own = FramePtr();
    }
    if (index < delivery_->next) {
      --delivery_->next;
      set_member(room, index, room.members[delivery_->next]);
      index = delivery_->next;
    }
  }
  set_member(room, index, room.members.back());
  room.members.pop_back();
  shrink_after_peak(room.members);
  if (room.members.empty() && !room.run.empty()) {
    if (delivery_ && &delivery_->room == &room) delivery_.reset();
    end_run(room);
  }
}

void Fanout::unlink(Receiver& receiver, Memberships::iterator membership) noexcept {
  LocalRoom& room = *(*membership)->room;
  const bool last =
      std::ranges::count_if(receiver.memberships_, [&](const auto& one) { return one->room == &room; }) == 1;
  if (last) count_rooms(receiver, room, -1);
  leave_place(**membership);
  receiver.memberships_.erase(membership);
  mark_plural(receiver, room);
  if (is_empty(room)) erase(room);
}

void Fanout::add_to_everyone(Receiver& receiver) {
  const wire::WireForm form = receiver.direct_form();
  if (receiver.everyone_.room == nullptr) enter(receiver.everyone_, everyone_, receiver, {{}, form, form != 0});
}

void Fanout::remove_from_everyone(Receiver& receiver) noexcept {
  if (receiver.everyone_.room == nullptr) return;
  leave_place(receiver.everyone_);
  receiver.everyone_ = {};
}

void Fanout::refresh(LocalRoom& room, LocalRoom::Member& member) {
  const Receiver& receiver = *member.receiver;
  const MemberForm& before = room.forms[member.form];
  const MemberForm now =
      form_of(receiver, room, before.subscription, before.form, before.own_heads, before.counts_only);
  if (now != before) {
    const MemberForms::Number number = room.forms.acquire(now);
    room.forms.release(member.form);
    member.form = number;
  }
  member.link = receiver.direct_link();
  member.noted = receiver.notes_deliveries();
}

void Fanout::refresh(Receiver& receiver) {
  if (receiver.everyone_.room != nullptr) refresh(everyone_, everyone_.members[receiver.everyone_.index]);
  for (const auto& membership : receiver.memberships_) {
    if (!membership->silent()) refresh(*membership->room, membership->room->members[membership->index]);
  }
}

// Runs ----------------------------------------------------------------------------------------------------------------

EncodedRun& Fanout::encoded(LocalRoom& room) {
  if (!room.encoded) {
    room.encoded = spare_ ? std::move(spare_) : std::make_unique<EncodedRun>();
    room.encoded->begin(room.run, room.forms);
  }
  return *room.encoded;
}

std::size_t Fanout::ahead(const LocalRoom& room, const LocalRoom::Member& member) {
  return member.ahead_run == room.run_number ? member.ahead : 0;
}

void Fanout::set_ahead(const LocalRoom& room, LocalRoom::Member& member, std::size_t messages) {
  member.ahead_run = room.run_number;
  member.ahead = static_cast<std::uint16_t>(messages);
}

bool Fanout::take(MessagePtr&& message, Receiver* excepted, TimeBudget& budget) {
  LocalRoom* const room = find(message->room);
  if (room == nullptr) return true;
  if (!make_way(*room, *message, budget)) return false;
  append(*room, std::move(message), excepted);
  return true;
}

bool Fanout::take_for_everyone(MessagePtr&& message, Receiver* excepted, TimeBudget& budget) {
  if (everyone_.members.empty()) return true;
  if (!make_way(everyone_, *message, budget)) return false;
  append(everyone_, std::move(message), excepted);
  return true;
}

// Delivers the runs that must not be open at the same time as this room's, or that are large enough.
bool Fanout::make_way(const LocalRoom& room, const Message& message, TimeBudget& budget) {
  if (!has_runs()) return true;
  const bool open = !room.run.empty();
  if (open && room.run.size() < kMaxRunMessages && room.run_bytes + message.size_bytes() <= kMaxRunBytes) return true;
  const bool apart = &room != &everyone_ && everyone_.run.empty() && (room.shared == 0 || !shared_open_);
  return (!open && apart) || finish(budget);
}

void Fanout::append(LocalRoom& room, MessagePtr&& message, Receiver* excepted) {
  reserve_one(room.run);
  reserve_one(open_);
  if (excepted != nullptr) {
    settle(room, *excepted);
    const auto in_room = [&](const auto& membership) { return membership->room == &room; };
    if (std::ranges::any_of(excepted->memberships_, in_room)) excepted->note_own(message);
  }
  if (room.members.empty()) return;  // all are silent
  // Nothing throws from here on.
  if (room.run.empty()) {
    room.open_index = static_cast<std::uint32_t>(open_.size());
    open_.push_back(&room);
    ++open_runs_;
    shared_open_ = shared_open_ || room.shared != 0;
  }
  room.run_bytes += message->size_bytes();
  room.run.push_back(std::move(message));
  if (excepted == nullptr) return;
  visit_members(*excepted, room, [&](LocalRoom::Member& member) { set_ahead(room, member, room.run.size()); });
}

void Fanout::end_run(LocalRoom& room) noexcept {
  if (room.encoded) {
    room.encoded->count_deliveries();
    room.encoded->end();
    spare_ = std::move(room.encoded);
  }
  if (room.run.capacity() > kKeptRunMessages) {
    give_back(room.run);
  } else {
    room.run.clear();
  }
  room.run_bytes = 0;
  ++room.run_number;
  open_[room.open_index] = nullptr;
  if (--open_runs_ != 0) return;
  open_.clear();
  next_open_ = 0;
  shared_open_ = finishing_ = false;
}

// Delivery ------------------------------------------------------------------------------------------------------------

bool Fanout::finish(TimeBudget& budget) {
  if (delivering_) return false;
  const ScopedFlag delivering(delivering_);
  while (has_runs()) {
    finishing_ = true;
    LocalRoom* const room = open_[next_open_];
    if (room == nullptr) {
      ++next_open_;
      continue;
    }
    if (!delivery_) delivery_.emplace(Delivery{*room});
    if (!run(*delivery_, budget)) return false;
    delivery_.reset();
    ++next_open_;
    end_run(*room);
    if (has_runs() && budget.over()) return false;
  }
  return true;
}

bool Fanout::run(Delivery& delivery, TimeBudget& budget) {
  LocalRoom& room = delivery.room;
  const std::size_t count = room.members.size();
  while (delivery.next < count) {
    const std::size_t end = std::min(count, delivery.next + kReceiversPerLook);
    for (; delivery.next < end; ++delivery.next) {
      LocalRoom::Member& member = room.members[delivery.next];
      if (!write_directly(delivery, member)) deliver(room, member);
    }
    if (end < count && budget.over()) return false;
  }
  return true;
}

// False: the member's messages go through its link.
bool Fanout::write_directly(Delivery& delivery, LocalRoom::Member& member) {
  LocalRoom& room = delivery.room;
  Receiver& receiver = *member.receiver;
  if (delivery.rest_of != member.membership) {
    DirectLinks& links = loop_.direct_links();
    if (!links.is_open(member.link) || member.plural || ahead(room, member) != 0) return false;
    if (room.forms[member.form].own_heads) return write_own_heads(delivery, member);
    const std::string_view bytes = encoded(room).write_of(member.form, receiver);
    if (bytes.empty()) return false;
    const std::size_t written = links.write(member.link, bytes);
    if (written == bytes.size()) {
      room.encoded->count_write(member.form);
      if (!member.noted) return true;
    }
    delivery.rest_of = member.membership;
    delivery.written = written;
  }
  if (delivery.own) {
    end_own_heads(delivery, member);
    return true;
  }
  const FramePtr& frame = encoded(room).whole(member.form, receiver);
  if (delivery.written == encoded(room).write_of(member.form, receiver).size()) {
    receiver.note_delivered(*frame);
  } else {
    receiver.deliver_rest(frame, delivery.written);
  }
  delivery.rest_of = nullptr;
  return true;
}

// The heads are the member's own, and the bodies are shared: one write gathers them.
bool Fanout::write_own_heads(Delivery& delivery, LocalRoom::Member& member) {
  LocalRoom& room = delivery.room;
  if (room.forms[member.form].carrier->gathers()) return false;
  FramePtr frame = encoded(room).own(member.form, *member.receiver);
  if (!frame) return true;
  delivery.written = loop_.direct_links().write(member.link, *frame);
  delivery.rest_of = member.membership;
  delivery.own = std::move(frame);
  end_own_heads(delivery, member);
  return true;
}

void Fanout::end_own_heads(Delivery& delivery, LocalRoom::Member& member) {
  const Frame& frame = *delivery.own;
  if (delivery.written != frame.size_bytes()) {
    member.receiver->deliver_rest(delivery.own, delivery.written);
  } else {
    if (member.noted) member.receiver->note_delivered(frame);
    delivery.room.forms[member.form].counters.add(frame.messages().size());
  }
  delivery.rest_of = nullptr;
  delivery.own = FramePtr();
}

void Fanout::deliver_one(LocalRoom& room, LocalRoom::Member& member, std::size_t at) {
  const MemberForm& form = room.forms[member.form];
  Receiver& receiver = *member.receiver;
  if (!form.own_heads) {
    receiver.deliver(encoded(room).single(at, member.form, receiver));
  } else if (const SharedBody* const body = encoded(room).body(at, member.form, receiver)) {
    receiver.deliver_body(room.run[at], form.subscription, *body);
  }
  set_ahead(room, member, at + 1);
}

void Fanout::deliver(LocalRoom& room, LocalRoom::Member& member) {
  const MemberForm& form = room.forms[member.form];
  Receiver& receiver = *member.receiver;
  const std::size_t size = room.run.size();
  std::size_t at = ahead(room, member);
  if (at == size) return;
  if (member.plural) {
    settle(room, receiver);
    return;
  }
  if (at == 0 && !form.own_heads) {
    const FramePtr& frame = encoded(room).whole(member.form, receiver);
    if (!frame || receiver.takes_whole(*frame)) {
      receiver.deliver(frame);
      return;
    }
  }
  for (; at < size; ++at) deliver_one(room, member, at);
}

// Message by message: a receiver with several subscriptions gets the copies of a message together.
void Fanout::settle(LocalRoom& room, Receiver& receiver) {
  if (finishing_ && !delivering_) return;  // those that leave now have the run, or do without
  for (std::size_t at = 0; at < room.run.size(); ++at) {
    visit_members(receiver, room, [&](LocalRoom::Member& member) {
      if (ahead(room, member) == at) deliver_one(room, member, at);
    });
  }
}

void Fanout::settle(Receiver& receiver) {
  if (!has_runs()) return;
  if (!everyone_.run.empty()) settle(everyone_, receiver);
  for (std::size_t at = 0; at < receiver.memberships_.size(); ++at) {
    settle(*receiver.memberships_[at]->room, receiver);
  }
}

}  // namespace chat::net
