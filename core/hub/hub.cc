// See hub.h.
#include "hub/hub.h"

#include <algorithm>
#include <deque>
#include <new>
#include <utility>

#include "hub/announcement.h"
#include "hub/hub_parts.h"
#include "hub/message_change.h"
#include "hub/moderation_event.h"
#include "model/search_words.h"

namespace chat {
namespace {

// Whom a refusal is noted for when no client is concerned.
constexpr std::string_view kApplication = "the application";

// RFC 6455 section 7.4.1: the nearest to a kick.
constexpr std::uint16_t kPolicyViolation = 1008;

// What a client that comes back receives. Later events have replaced the others.
KeptMessages without_empty(KeptMessages kept) {
  std::erase_if(kept.messages, [](const MessagePtr& one) { return is_empty(*one); });
  return kept;
}

// The message that an event changes, as it is now. nullptr: it is not kept.
MessagePtr target_of(const Message& event, const Receipt& receipt, const RoomLog& log) {
  if (MessagePtr target = log.find(event.target_seq)) return target;
  if (!receipt.target || receipt.target->epoch != log.epoch()) return nullptr;
  return log.updated(receipt.target);
}

Status check_references(const Message& message, const Receipt& receipt, const RoomLog& log, bool& nothing_changes) {
  if (const std::uint64_t reply_to = message.extra->reply_to; reply_to > log.seq()) {
    return no_such_message(reply_to, message.room);
  }
  if (!message.changes_message()) return {};
  // Found before the room got another numbering.
  if (receipt.target && receipt.target->epoch != log.epoch()) return no_such_message(message.target_seq, message.room);
  const MessagePtr target = target_of(message, receipt, log);
  if (!target) return no_such_message(message.target_seq, message.room);
  nothing_changes = changes_nothing(*target, message);
  return check_change(*target, message);
}

// Before the event is in the log. Its target may have changed since the event was checked.
void complete_event(Message& event, const Receipt& receipt, const RoomLog& log) {
  if (!event.changes_message() || is_empty(event)) return;
  const MessagePtr target = target_of(event, receipt, log);
  if (target && event.event_kind == RoomEventKind::reaction) event.extra.make().count = count_after(*target, event);
  if (target && target->extra->redacted) make_empty(event);
}

Status check_restored(const std::string& epoch, std::uint64_t seq,
                      const std::vector<std::shared_ptr<Message>>& messages) {
  const auto invalid = [](std::string detail) { return Status{Error::invalid_argument, std::move(detail)}; };
  Status status = check_epoch(epoch);
  if (!status.ok()) return status;
  if (messages.empty()) return invalid("messages is empty");
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Message& message = *messages[i];
    const std::string which = "messages[" + std::to_string(i) + "].";
    if (message.seq <= last) {
      return invalid(which + "seq is " + std::to_string(message.seq) + ", not above " + std::to_string(last));
    }
    if (message.time_ms <= 0) return invalid(which + "time_ms is " + std::to_string(message.time_ms) + ", not above 0");
    last = message.seq;
  }
  if (std::max(seq, last) > Hub::kMaxRestoredSeq) return invalid("seq is above 2^52");
  if (seq != 0 && seq < last) {
    return invalid("seq is " + std::to_string(seq) + ", below that of the last message, " + std::to_string(last));
  }
  return {};
}

// Memory for one more element.
void reserve_one(std::vector<RoomPtr>& rooms) {
  if (rooms.size() == rooms.capacity()) rooms.reserve(2 * rooms.size() + 1);
}

ResourceLimits limits_of(const HubOptions& options) {
  ResourceLimits limits;
  const auto set = [&](Resource resource, std::int64_t per_source, std::int64_t total) {
    limits[static_cast<std::size_t>(resource)] = {per_source, total};
  };
  set(Resource::connections, options.max_connections_per_address, kUnlimited);
  set(Resource::clients, options.max_clients_per_address, options.max_clients);
  set(Resource::rooms, options.max_rooms_per_address, kUnlimited);
  set(Resource::memberships, options.max_memberships_per_address, options.max_memberships);
  set(Resource::queued_bytes, options.max_queued_bytes_per_address, options.max_queued_bytes);
  return limits;
}

}  // namespace

Hub::Hub(HubOptions options, std::vector<LoopInbox*> inboxes, RefusalReport* refusals)
    : options_(std::move(options)),
      ephemeral_events_(options_.ephemeral_events.begin(), options_.ephemeral_events.end()),
      inboxes_(std::move(inboxes)),
      refusals_(refusals),
      sources_(limits_of(options_)),
      clients_(sources_, options_.node, options_.last_client_number, options_.unique_names),
      message_ids_(options_.message_ids, [this](const MessageIds::Waiter& waiter) { wake(waiter); }),
      rooms_(options_, inboxes_.size()),
      uses_presence_(options_.presence != PresenceLevel::off) {
  for (const std::string& name : options_.reserved_names) {
    Result<NameKeys> keys = list_keys(name);
    if (!keys.ok()) continue;  // a name that no guest can take: name_keys() refuses it too
    if (!keys->folded.empty()) reserved_names_.insert(std::move(keys->folded));
    reserved_names_.insert(std::move(keys->looks));
  }
  if (!options_.unique_names) return;
  if (Result<NameKeys> keys = name_keys(ClientTable::kGuestPrefix); keys.ok()) guest_prefix_ = std::move(keys->looks);
}

// Messages that wait have claims of message_ids_, and may be the last owners of their clients.
Hub::~Hub() {
  for (const RoomPtr& room : rooms_.all()) room->waiting.reset();
}

// The client may have left, or its time may be over.
void Hub::wake(const MessageIds::Waiter& waiter) {
  if (const ClientPtr client = find_client(waiter.client)) (void)decide(client, waiter.decision, {});
}

void Hub::note(const std::optional<Refusal>& refusal, std::string_view address) {
  if (refusal && refusals_ != nullptr) refusals_->note(*refusal, address);
}

// Without this, the next client to be sent a message would be closed, whoever it is that does not read.
Status Hub::check_queued(std::string_view address, const MessageDraft& draft) {
  const std::int64_t total = sources_.total(Resource::queued_bytes);
  if (total == 0) return {};
  const auto bytes = static_cast<std::int64_t>(draft.size_bytes() + kChargedBytes);
  if (!exceeds(total + bytes, options_.max_queued_bytes)) return {};
  note(Refusal::queued_bytes, address);
  return {Error::too_many, "too many bytes wait for clients that read slowly (max_queued_bytes)"};
}

Result<ClientPtr> Hub::add_client(const ClientOrigin& origin) {
  std::optional<Refusal> refusal;
  Result<ClientPtr> client = clients_.add(origin, refusal);
  note(refusal, origin.address);
  return client;
}

Status Hub::accept(const ClientPtr& client, std::optional<Identity> identity) {
  const auto routing = routing_.share();
  ReservedPosts verdict(inbox_of(*client));
  return clients_.accept(*client, std::move(identity), [&] { verdict.post(DecisionGiven{client->id(), 0, {}}); });
}

Status Hub::refuse(const ClientPtr& client, std::string reason, std::string data) {
  const auto routing = routing_.share();
  ReservedPosts verdict(inbox_of(*client));
  std::lock_guard lock(client->mutex_);
  if (client->state_ != ClientState::connecting) return {Error::wrong_state, "the verdict was already given"};
  client->refused_.make() = {std::move(reason), std::move(data)};
  verdict.post(DecisionGiven{client->id(), 0, {}});
  client->state_ = ClientState::refused;
  return {};
}

Status Hub::time_out(const ClientPtr& client) {
  Status status = refuse(client, "no verdict in time", {});
  if (status.ok()) client->timed_out_.store(true, std::memory_order_relaxed);
  return status;
}

Status Hub::decide(const ClientPtr& client, DecisionId id, Decision decision) {
  if (client->state() == ClientState::gone || client->dismissed()) return no_such_client();
  const auto routing = routing_.share();
  auto kept = std::make_shared<const Decision>(std::move(decision));
  ReservedPosts given(inbox_of(*client));
  if (!client->end_decision(id)) return {Error::wrong_state, "no such decision is pending"};
  given.post(DecisionGiven{client->id(), id, std::move(kept)});
  return {};
}

Status Hub::open(const ClientPtr& client) {
  const auto routing = routing_.share();
  ReservedPosts opened(inbox_of(*client));
  std::lock_guard lock(client->mutex_);
  if (client->state_ == ClientState::gone) return no_such_client();
  if (client->state_ != ClientState::accepted) return {Error::wrong_state, "the client cannot be opened"};
  client->state_ = ClientState::open;
  opened.post(Opened{client->id()});
  return {};
}

Status Hub::open(const ClientPtr& client, std::string_view room, const std::optional<Position>& since, Moment now,
                 const KeptRange* earlier) {
  std::optional<Refusal> refusal;
  Status status;
  {
    const auto names = naming();
    status = make_way(client, room, now);
    if (!status.ok()) return status;
    const auto routing = routing_.share();
    status = enter(client, room, since, std::nullopt, ClientState::accepted, now, refusal, nullptr, earlier);
  }
  if (earlier != nullptr) rooms_.limit_history();
  note(refusal, client->origin().address);
  return status;
}

ClientState Hub::remove_client(const ClientPtr& client) {
  const ClientTable::Removed removed = clients_.remove(client);
  for (const RoomPtr& room : removed.rooms) {
    rooms_.with(room, [&](Room& left) {
      if (auto member = left.members.find(client->id()); member != left.members.end()) left.remove_member(member);
    });
  }
  return removed.last;
}

Status Hub::join(const ClientPtr& client, std::string_view name, const std::optional<Position>& since,
                 std::optional<std::string> ref, Moment now, const KeptRange* earlier) {
  std::optional<Refusal> refusal;
  Status status;
  {
    const auto names = naming();
    status = make_way(client, name, now);
    if (!status.ok()) return status;
    const auto routing = routing_.share();
    status = enter(client, name, since, std::move(ref), ClientState::open, now, refusal, nullptr, earlier);
  }
  if (earlier != nullptr) rooms_.limit_history();
  note(refusal, client->origin().address);
  return status;
}

Status Hub::enter(const ClientPtr& client, std::string_view name, const std::optional<Position>& since,
                  std::optional<std::string> ref, ClientState expected, Moment now, std::optional<Refusal>& refusal,
                  std::size_t* replay_bytes, const KeptRange* earlier) {
  return rooms_.with(name, client->source(), refusal, [&](Room& room) -> Status {
    if (!room.rules.empty()) {
      Status allowed = room.rules.check_join(client->standing_in(room.name), now.age_ms);
      if (!allowed.ok()) return {allowed.code, allowed.detail + " " + room.name};
    }
    if (earlier != nullptr) rooms_.count_history(room.log->refill(*earlier));
    Joined joined{client->id(), room.name, room.log->epoch(), room.log->seq(), false, true, false,
                  {},           {},        ref.has_value()};
    if (ref) joined.ref = *std::move(ref);
    const IdentityPtr who = client->identity();
    joined.role = room.rules.role_of(who->user_id, role_in(who->attributes, room.name));
    if (joined.role < Role::moderator) joined.slow_mode_ms = room.rules.modes().slow_mode_ms;
    if (since) {  // a member may also request messages that it missed
      rooms_.count_history(room.log->expire(now.age_ms));
      KeptMessages missed = without_empty(room.missed_since(*since));
      joined.resumed = true;
      joined.missed = std::move(missed.messages);
      joined.complete = missed.complete;
    }
    if (replay_bytes) {
      // A different epoch means that the room was closed, even when no message was published before that.
      if (!joined.complete || since->epoch != room.log->epoch())
        return {Error::wrong_state, "messages after this position are no longer kept in the room " + room.name};
      for (const MessagePtr& message : joined.missed) {
        const std::size_t bytes = message->size_bytes();
        if (bytes > *replay_bytes)
          return {Error::wrong_state, "too many bytes of messages after this position in the room " + room.name};
        *replay_bytes -= bytes;
      }
    }
    if (room.presence) {
      joined.presence = presence_snapshot(room, now);
      joined.names_people = room.presence->level() == PresenceLevel::full;
    }
    if (const IdentityPtr identity = client->identity(); !identity->user_id.empty()) {
      joined.seen = markers_of(room).of(identity->user_id);
    }
    std::vector<MessagePtr> held;  // for a moderator
    if (room.waiting && room.rules.role_of(client->standing_in(room.name)) >= Role::moderator) {
      for (const HeldMessage& one : room.waiting->all()) {
        held.push_back(stamped(room, held_event(*one.message, one.until_ms - now.age_ms), now));
      }
      room.waiting->moderators_until_ms = INT64_MIN;
    }
    ReservedPosts place(inbox_of(*client), 1 + held.size());
    std::lock_guard lock(client->mutex_);
    if (client->state_ == ClientState::gone) return no_such_client();
    if (client->state_ != expected) return {Error::wrong_state, "the client is not open yet"};
    auto member = room.members.find(client->id());
    joined.already = member != room.members.end();
    // A member has already received messages that the replay would repeat.
    if (joined.already && replay_bytes) return {Error::wrong_state, "already a member of the room " + room.name};
    if (!joined.already) {
      if (exceeds(static_cast<std::int64_t>(client->rooms_.size()) + 1, options_.max_rooms_per_client)) {
        refusal = Refusal::rooms_per_client;
        return {Error::too_many, "the client is in the maximum number of rooms"};
      }
      if (room.names && (room.names->taken_by(*client->identity_, client->id()) != nullptr ||
                         taken_far(room, *client->identity_, client->id()))) {
        return name_taken(client->identity_->name, room.name);
      }
      reserve_one(client->rooms_);
      member = room.add_member(client, client->loop());
      refusal = client->charge_rooms(client->rooms_.size() + 1);
      if (refusal) {
        room.remove_member(member);
        return {Error::too_many, refusal == Refusal::memberships ? "the server has the maximum number of memberships"
                                                                 : "too many memberships from this address"};
      }
      if (room.presence || room.names) {
        try {
          if (room.names) room.names->add(client->id(), client->identity_);
          if (room.presence) {
            IdentityPtr identity = client->identity_;
            if (!identity->state.made()) {
              if (PublicStatePtr state = room.presence->state_of(*identity)) identity = with_state(*identity, state);
            }
            member->second.person = room.presence->enter(client->id(), *identity);
            client->identity_ = std::move(identity);
          }
        } catch (...) {
          room.remove_member(member);
          (void)client->charge_rooms(client->rooms_.size());
          throw;
        }
      }
      client->rooms_.push_back(room.shared_from_this());
    }
    place.post(std::move(joined));
    for (MessagePtr& one : held) place.post(DirectMessage{client->id(), std::move(one), {}});
    client->state_ = ClientState::open;
    return {};
  });
}

Room::Members::iterator Hub::expel(Room& room, Room::Members::iterator member, std::string reason, std::string ref) {
  const ClientPtr client = member->second.client;
  std::lock_guard lock(client->mutex_);
  post(member->second.loop, Left{client->id(), room.name, std::move(reason), std::move(ref)});
  std::erase_if(client->rooms_, [&](const RoomPtr& joined) { return joined.get() == &room; });
  (void)client->charge_rooms(client->rooms_.size());
  return room.remove_member(member);
}

Status Hub::leave(const ClientPtr& client, std::string_view name, std::string reason, std::string ref) {
  Status status{Error::not_joined, "not a member of the room " + std::string(name)};
  RoomPtr room = rooms_.find(name);
  if (!room) return status;
  const auto routing = routing_.share();
  rooms_.with(room, [&](Room& left) {
    auto member = left.members.find(client->id());
    if (member == left.members.end()) return;
    expel(left, member, std::move(reason), std::move(ref));
    status = {};
  });
  return status;
}

Status Hub::restore_room(std::string_view name, const std::string& epoch, std::uint64_t seq,
                         std::vector<std::shared_ptr<Message>> messages, Moment now) {
  Status status = check_restored(epoch, seq, messages);
  if (!status.ok()) return status;
  for (const std::shared_ptr<Message>& message : messages) {
    message->room = name;
    message->epoch = epoch;
    message->ephemeral = false;
    message->except = 0;  // client ids of an earlier run do not apply
    message->born_ms = now.age_ms - (now.time_ms - std::min(message->time_ms, now.time_ms));
  }
  const std::uint64_t newest = seq != 0 ? seq : messages.back()->seq;
  std::vector<MessagePtr> kept(messages.begin(), messages.end());
  std::optional<Refusal> refusal;  // unused: the application learns the reason from the status
  status = rooms_.with(name, nullptr, refusal, [&](Room& room) -> Status {
    if (room.submitted != 0) return {Error::wrong_state, "the room has had messages"};
    Result<std::int64_t> change = room.log->restore(epoch, newest, std::move(kept), now.age_ms);
    if (!change.ok()) return change.status();
    rooms_.count_history(*change);
    room.last_published_ms.store(now.age_ms, std::memory_order_relaxed);
    return {};
  });
  if (status.ok()) rooms_.limit_history();
  return status;
}

Status Hub::restore(const ClientPtr& client, const std::vector<RoomPosition>& rooms, std::size_t max_bytes,
                    Moment now) {
  if (rooms.empty()) return {Error::invalid_argument, "there is no room to restore"};
  std::optional<Refusal> refusal;
  Status status;
  {
    const auto names = naming();
    ClientState expected = ClientState::accepted;
    for (const RoomPosition& one : rooms) {
      status = make_way(client, one.room, now);
      if (!status.ok()) break;
      const auto routing = routing_.share();
      status = enter(client, one.room, one.position, std::nullopt, expected, now, refusal, &max_bytes);
      if (!status.ok()) break;
      expected = ClientState::open;
    }
  }
  note(refusal, client->origin().address);
  return status;
}

std::vector<RoomHold> Hub::hold_rooms(const Client& client) {
  std::vector<RoomHold> holds;
  for (const std::string& name : client.rooms()) {
    const RoomPtr room = rooms_.find(name);
    if (!room) continue;
    std::lock_guard lock(room->mutex);
    if (!room->members.contains(client.id())) continue;
    holds.push_back(rooms_.hold(room));
  }
  return holds;
}

void Hub::move_client(const ClientPtr& client, std::size_t loop) {
  const auto alone = routing_.alone();  // no join can run meanwhile, but the client may be removed from rooms
  const std::size_t old_loop = client->loop();
  if (old_loop == loop) return;
  struct Move {
    RoomPtr room;
    Departed departed;
    Arrived arrived;
  };
  std::vector<Move> moves;
  for (const std::string& name : client->rooms()) {
    if (RoomPtr room = rooms_.find(name))
      moves.push_back({std::move(room), {client->id(), name}, {client->id(), name}});
  }
  ReservedPosts departures(*inboxes_[old_loop], moves.size() + 1);
  ReservedPosts arrivals(*inboxes_[loop], moves.size() + 1);

  for (Move& move : moves) {
    std::lock_guard lock(move.room->mutex);
    const auto member = move.room->members.find(client->id());
    if (member == move.room->members.end()) continue;
    move.arrived.sees_people = member->second.sees_people;
    departures.post(std::move(move.departed));
    arrivals.post(std::move(move.arrived));
    move.room->move_member(member->second, loop);
  }
  if (client->state() == ClientState::open) {  // a client in another state receives no messages to everyone
    departures.post(Departed{client->id(), {}});
    arrivals.post(Arrived{client->id(), {}});
  }
  client->loop_.store(static_cast<std::uint32_t>(loop), std::memory_order_release);
}

Result<std::vector<ClientPtr>> Hub::members(std::string_view name) const {
  RoomPtr room = rooms_.find(name);
  if (!room) return no_such_room(name);
  std::vector<ClientPtr> result;
  {
    std::lock_guard lock(room->mutex);
    result.reserve(room->members.size());
    for (const auto& [id, member] : room->members) result.push_back(member.client);
  }
  std::sort(result.begin(), result.end(), [](const ClientPtr& a, const ClientPtr& b) { return a->id() < b->id(); });
  return result;
}

std::vector<RoomInfo> Hub::rooms() const {
  std::vector<RoomInfo> result;
  for (const RoomPtr& room : rooms_.all()) {
    std::lock_guard lock(room->mutex);
    if (room->removed) continue;
    result.push_back(room->info());
  }
  if (options_.store != nullptr) {
    for (RoomInfo& kept : options_.store->closed_rooms(0)) result.push_back(std::move(kept));
  }
  std::sort(result.begin(), result.end(), [](const RoomInfo& a, const RoomInfo& b) { return a.name < b.name; });
  return result;
}

std::vector<ClientPtr> Hub::listed_members(const Room& room, bool& complete) {
  std::vector<std::pair<ClientId, const Room::Member*>> all;
  all.reserve(room.members.size());
  for (const auto& [id, member] : room.members) all.emplace_back(id, &member);
  if (all.size() > kMaxListed) {
    std::nth_element(all.begin(), all.begin() + kMaxListed, all.end());
    all.resize(kMaxListed);
    complete = false;
  }
  std::sort(all.begin(), all.end());
  std::vector<ClientPtr> listed;
  listed.reserve(all.size());
  for (const auto& [id, member] : all) listed.push_back(member->client);
  return listed;
}

Result<MemberListPtr> Hub::list_members(std::string_view name, Moment now) const {
  RoomPtr room = rooms_.find(name);
  if (!room) return no_such_room(name);
  auto list = std::make_shared<MemberList>();
  std::vector<ClientPtr> listed;
  {
    std::lock_guard lock(room->mutex);
    if (room->list && room->members.size() > kAlwaysFresh && now.age_ms - room->list_made_ms < kListAgeMs) {
      return room->list;
    }
    listed = listed_members(*room, list->complete);
  }
  list->items.reserve(listed.size());
  for (const ClientPtr& client : listed) list->items.push_back({client->id(), client->identity()->name});
  if (listed.size() > kAlwaysFresh) {
    std::lock_guard lock(room->mutex);
    room->list = list;
    room->list_made_ms = now.age_ms;
  }
  return MemberListPtr(std::move(list));
}

Result<MemberListPtr> Hub::describe_members(std::string_view name) const {
  const RoomPtr room = rooms_.find(name);
  if (!room) return no_such_room(name);
  auto list = std::make_shared<MemberList>();
  std::vector<ClientPtr> listed;
  {
    const std::lock_guard lock(room->mutex);
    listed = listed_members(*room, list->complete);
  }
  list->items.reserve(listed.size());
  for (const ClientPtr& client : listed) {
    const IdentityPtr who = client->identity();
    const Role given = role_in(who->attributes, room->name);
    list->items.push_back({client->id(), who->name, who->user_id, given, client->origin().protocol});
  }
  const std::lock_guard lock(room->mutex);
  for (MemberInfo& member : list->items) member.role = room->rules.role_of(member.user_id, member.role);
  return MemberListPtr(std::move(list));
}

void Hub::list_all(const ClientPtr& client, DecisionId id, const std::string& room) {
  options_.store->list(room, kFarListMs, [this, client, id](FarListPtr list) {
    Decision decision;
    decision.list = std::move(list);
    (void)decide(client, id, std::move(decision));  // the client may have left, or its time may be over
  });
}

RoomListPtr Hub::list_rooms(Moment now) const {
  const auto kept = [&](std::int64_t max_age_ms) -> RoomListPtr {
    std::lock_guard lock(list_mutex_);
    return list_ && now.age_ms - list_made_ms_ < max_age_ms ? list_ : nullptr;
  };
  const bool few = rooms_.size() <= kAlwaysFresh;
  if (RoomListPtr list = few ? nullptr : kept(kListAgeMs)) return list;
  std::unique_lock turn(making_list_, std::try_to_lock);
  if (!turn) {  // another thread is building the list; the previous one is good enough
    if (RoomListPtr list = few ? nullptr : kept(10 * kListAgeMs)) return list;
    turn.lock();
    if (RoomListPtr list = few ? nullptr : kept(kListAgeMs)) return list;
  }
  auto list = std::make_shared<RoomList>();
  for (const RoomPtr& room : rooms_.largest(kMaxListed, list->complete)) {
    std::lock_guard lock(room->mutex);
    if (room->removed) continue;
    list->items.push_back(room->info());
  }
  if (options_.store != nullptr && list->complete) {
    std::vector<RoomInfo> closed = options_.store->closed_rooms(kMaxListed - list->items.size() + 1);
    if (list->items.size() + closed.size() > kMaxListed) {
      closed.pop_back();
      list->complete = false;
    }
    for (RoomInfo& room : closed) list->items.push_back(std::move(room));
  }
  std::sort(list->items.begin(), list->items.end(),
            [](const RoomInfo& a, const RoomInfo& b) { return a.name < b.name; });
  std::lock_guard lock(list_mutex_);
  list_ = list;
  list_made_ms_ = now.age_ms;
  return list;
}

Result<HistoryReply> Hub::history(std::string_view name, std::uint64_t after_seq, std::size_t limit, Moment now,
                                  std::uint64_t before_seq, const KeptRange* earlier) {
  Status status = check_room_name(name);
  if (!status.ok()) return status;
  HistoryReply reply;
  reply.room = name;
  const std::uint64_t before = before_seq == 0 ? RoomLog::kNoSeq : before_seq;
  with_known(name, [&](Room& room) {
    if (earlier != nullptr) rooms_.count_history(room.log->refill(*earlier));
    reply.epoch = room.log->epoch();
    reply.seq = room.log->seq();
    KeptMessages kept = kept_between(*room.log, after_seq, before, limit, earlier);
    limit_messages(kept, limit);
    // expire() runs only periodically, so messages that have become too old since are skipped here.
    const std::int64_t age_ms = options_.history.age_ms;
    const std::size_t too_old =
        std::erase_if(kept.messages, [&](const MessagePtr& m) { return exceeds(now.age_ms - m->born_ms, age_ms); });
    reply.complete = after_seq >= reply.seq || (kept.complete && too_old == 0);
    reply.messages = std::move(kept.messages);
  });
  if (earlier != nullptr) rooms_.limit_history();
  return reply;
}

std::optional<KeptQuery> Hub::unread(std::string_view name, const std::optional<Position>& since) {
  std::optional<KeptQuery> query;
  if (options_.store == nullptr || (!since && !options_.store->is_shared())) return query;
  const bool known = with_known(name, [&](Room& room) {
    std::uint64_t after_seq = room.log->seq();
    if (since) after_seq = room.continues(*since) ? since->seq : 0;
    if (room.log->lacks(after_seq, RoomLog::kNoSeq, 0)) {
      query = {room.name, room.log->epoch(), after_seq, RoomLog::kNoSeq, 0};
    }
  });
  if (!known && options_.store->is_shared()) query = {std::string(name), {}, 0, RoomLog::kNoSeq, 0};
  return query;
}

std::optional<KeptQuery> Hub::unread(std::string_view name, std::uint64_t after_seq, std::size_t limit,
                                     std::uint64_t before_seq) {
  std::optional<KeptQuery> query;
  if (options_.store == nullptr) return query;
  const std::uint64_t before = before_seq == 0 ? RoomLog::kNoSeq : before_seq;
  const bool known = with_known(name, [&](Room& room) {
    if (room.log->lacks(after_seq, before, limit)) query = {room.name, room.log->epoch(), after_seq, before, limit};
  });
  if (!known && options_.store->is_shared()) query = {std::string(name), {}, after_seq, before, limit};
  return query;
}

Result<std::optional<KeptQuery>> Hub::search(std::string_view name, std::string_view text, std::size_t limit,
                                             std::uint64_t before_seq) {
  if (options_.store == nullptr || !options_.store->can_search()) {
    return {Error::unsupported, "this server does not search"};
  }
  Status status = check_room_name(name);
  if (status.ok()) status = check_search(text);
  if (!status.ok()) return status;
  std::optional<KeptQuery> query;
  const std::uint64_t before = before_seq == 0 ? RoomLog::kNoSeq : before_seq;
  if (limit == 0 || limit > kMaxFound) limit = kMaxFound;
  with_known(name, [&](Room& room) {
    query = {room.name, room.log->epoch(), 0, std::min(before, room.log->seq() + 1), limit, std::string(text)};
  });
  return query;
}

HistoryReply Hub::found(std::string_view name, const KeptRange* range, Moment now) {
  HistoryReply reply;
  reply.room = name;
  reply.searched = true;
  with_known(name, [&](Room& room) {
    reply.epoch = room.log->epoch();
    reply.seq = room.log->seq();
    if (range == nullptr || range->epoch != reply.epoch) return;
    reply.complete = range->complete;
    if (!reply.complete) reply.before_seq = range->after_seq + 1;
    for (const MessagePtr& one : range->messages) {
      if (exceeds(now.age_ms - one->born_ms, options_.history.age_ms)) continue;
      MessagePtr message = room.log->updated(one);
      if (!message->extra->redacted) reply.messages.push_back(std::move(message));
    }
  });
  return reply;
}

void Hub::read(const ClientPtr& client, DecisionId id, KeptQuery query) {
  options_.store->read(std::move(query), [this, client, id](KeptRangePtr range) {
    Decision decision;
    decision.earlier = std::move(range);
    (void)decide(client, id, std::move(decision));  // the client may have left, or its time may be over
  });
}

Result<MessagePtr> Hub::find_message(std::string_view name, std::uint64_t seq, const KeptRange* earlier,
                                     std::optional<KeptQuery>& unread) {
  MessagePtr found;
  if (seq != 0 && seq < RoomLog::kNoSeq - 1) {
    const bool known = with_known(name, [&](Room& room) {
      const KeptMessages kept = kept_between(*room.log, seq - 1, seq + 1, 0, earlier);
      if (!kept.messages.empty()) {
        found = kept.messages.front();
      } else if (earlier == nullptr && room.log->lacks(seq - 1, seq + 1, 0)) {
        unread = {room.name, room.log->epoch(), seq - 1, seq + 1, 0};
      }
    });
    if (!known && earlier == nullptr && options_.store != nullptr && options_.store->is_shared()) {
      unread = {std::string(name), {}, seq - 1, seq + 1, 0};
    }
  }
  if (found || unread) return found;
  return no_such_message(seq, name);
}

Status Hub::watch(std::string_view name, std::size_t loop, const SourcePtr& creator) {
  std::optional<Refusal> refusal;
  Status status = rooms_.with(name, creator, refusal, [&](Room& room) -> Status {
    room.add_watcher(loop);
    return {};
  });
  if (creator) note(refusal, creator->key());
  return status;
}

void Hub::unwatch(std::string_view name, std::size_t loop) {
  if (const RoomPtr room = rooms_.find(name)) rooms_.with(room, [&](Room& watched) { watched.remove_watcher(loop); });
}

// Messages ------------------------------------------------------------------------------------------------------------

void Hub::deliver(const Room& room, const Submission& submission) {
  Announcement(inboxes_, &room, submission, false).post();
  settle(submission);
  tell_tap(submission);
  if (submission.message->event_kind == RoomEventKind::message) published_.fetch_add(1, std::memory_order_relaxed);
}

void Hub::commit(Room& room, const Submission& submission, std::uint64_t seq, const std::string& epoch) {
  submission.message->seq = seq;
  submission.message->epoch = epoch;
  append(room, submission, options_.tells_published);
  tell_tap(submission);
  if (submission.message->event_kind == RoomEventKind::message) published_.fetch_add(1, std::memory_order_relaxed);
}

void Hub::append(Room& room, const Submission& submission, bool notices) {
  Message& message = *submission.message;
  complete_event(message, submission.receipt, *room.log);
  Announcement announcement(inboxes_, &room, submission, notices);
  if (submission.receipt.claim) submission.receipt.claim->prepare(message.epoch);
  rooms_.count_history(room.log->append(submission.message));
  // Nothing below here can fail: the message is kept, acknowledged and delivered.
  room.last_published_ms.store(message.born_ms, std::memory_order_relaxed);
  settle(submission);
  announcement.post();
}

void Hub::commit(const Submission& submission, const Result<Position>& place) {
  {
    const auto routing = route(submission.receipt, true);
    const RoomPtr room = rooms_.find(submission.message->room);  // the room exists as long as it has submissions
    if (!room) return;
    rooms_.with(room, [&](Room& found) {
      // The room may have been closed meanwhile.
      const bool current = !place.ok() || place->epoch == found.log->epoch();
      if (place.ok() && current) {
        commit(found, submission, place->seq, place->epoch);
      } else {
        Announcement::ToSender(inboxes_, submission.receipt, *submission.message,
                               current ? place.status() : Status{Error::no_such_room, "the room was closed"})
            .post();
        take_back(found, submission);
      }
      --found.submitted;
    });
  }
  rooms_.limit_history();
}

void Hub::acknowledge(const Submission& submission, const Position& place, bool repeated) {
  const auto routing = route(submission.receipt);
  const RoomPtr room = rooms_.find(submission.message->room);
  if (!room) return;
  rooms_.with(room, [&](Room& found) {
    const MessageIds::ClaimPtr& claim = submission.receipt.claim;
    if (claim) claim->prepare(place.epoch);
    submission.message->seq = place.seq;
    submission.message->epoch = place.epoch;
    Announcement::ToSender(inboxes_, submission.receipt, *submission.message, {}, repeated).post();
    settle(submission);
    --found.submitted;
  });
}

// Rooms of several servers --------------------------------------------------------------------------------------------

void Hub::receive(std::shared_ptr<Message> message) {
  const Submission submission{std::move(message), {}};
  const RoomPtr room = rooms_.find(submission.message->room);
  if (!room) return;
  rooms_.with(room, [&](Room& found) {
    const bool is_next = submission.message->epoch == found.log->epoch() && submission.message->seq > found.log->seq();
    if (is_next) append(found, submission, false);
  });
  rooms_.limit_history();
}

void Hub::take_notice(const FarNotice& notice, std::shared_ptr<Message> message, Moment now) {
  if (notice.kind == FarNotice::Kind::kick) {
    if (const RoomPtr room = rooms_.find(notice.room)) rooms_.with(room, [&](Room& found) { kick(found, notice); });
    return;
  }
  if (notice.client != 0) {
    const ClientPtr client = find_client(notice.client);
    if (client && message) {
      (void)send(client, std::move(message), now);
    } else if (client) {
      (void)close_client(client, kPolicyViolation, notice.reason, notice.whole_connection, now);
    }
    return;
  }
  if (!message) return;
  message->time_ms = now.time_ms;
  message->born_ms = now.age_ms;
  message->serial = next_serial();
  if (!notice.user_id.empty()) {
    for (const ClientPtr& client : clients_of_user(notice.user_id)) (void)send(client, *message, now);
    return;
  }
  const Submission submission{std::move(message), {}};
  if (submission.message->room.empty()) {
    const auto routing = routing_.share();
    Announcement(inboxes_, nullptr, submission, false).post();
    return;
  }
  const RoomPtr room = rooms_.find(submission.message->room);
  if (!room) return;
  rooms_.with(room, [&](Room& found) {
    submission.message->epoch = found.log->epoch();
    Announcement(inboxes_, &found, submission, false).post();
  });
}

Result<RoomHold> Hub::adopt(std::string_view name, const Position& top, const std::vector<MessagePtr>& messages,
                            const std::vector<RoomValue>& values, Moment now) {
  RoomHold hold;
  std::optional<Refusal> refusal;  // nobody is charged: a client that joins pays for its membership
  const auto routing = routing_.share();
  Status status = rooms_.with(name, nullptr, refusal, [&](Room& room) -> Status {
    hold = rooms_.hold(room.shared_from_this());
    apply_rules(room, values, now);  // before others can see that the position is known
    move(room, top, messages, false, now);
    take_markers(room, values, now);
    expel_excluded(room, now);
    return {};
  });
  if (!status.ok()) return status;
  return hold;
}

Result<RoomHold> Hub::renumber(std::string_view name, const Position& top, Moment now) {
  RoomHold hold;
  std::optional<Refusal> refusal;
  const auto routing = routing_.share();
  Status status = rooms_.with(name, nullptr, refusal, [&](Room& room) -> Status {
    hold = rooms_.hold(room.shared_from_this());
    std::vector<MessagePtr> messages = room.log->after(0, 0).messages;
    for (MessagePtr& message : messages) {
      auto copy = std::make_shared<Message>(*message);
      copy->epoch = top.epoch;
      message = std::move(copy);
    }
    move(room, top, messages, true, now);
    return {};
  });
  if (!status.ok()) return status;
  return hold;
}

void Hub::move(Room& room, const Position& top, const std::vector<MessagePtr>& messages, bool continues, Moment now) {
  const Position before{room.log->epoch(), room.log->seq()};
  const bool moves = before.epoch != top.epoch || before.seq != top.seq;
  std::deque<std::pair<ReservedPosts, Joined>> notices;
  for (const auto& [id, member] : room.members) {
    if (!moves) break;
    Joined joined;
    joined.client = id;
    joined.room = room.name;
    joined.epoch = top.epoch;
    joined.seq = top.seq;
    joined.already = joined.renumbered = true;
    joined.resumed = !continues;
    joined.complete = continues;
    const Standing who = member.client->standing_in(room.name);
    joined.role = room.rules.role_of(who);
    if (joined.role < Role::moderator) joined.slow_mode_ms = room.rules.modes().slow_mode_ms;
    if (!who.user_id.empty()) joined.seen = markers_of(room).of(who.user_id);
    notices.emplace_back(*inboxes_[member.loop], std::move(joined));
  }
  rooms_.count_history(room.log->adopt(top, messages));
  rooms_.count_history(room.log->expire(now.age_ms));
  for (auto& [place, joined] : notices) {
    if (!continues) {
      try {
        KeptMessages missed = without_empty(room.missed_since(before));
        joined.missed = std::move(missed.messages);
        joined.complete = missed.complete;
      } catch (const std::bad_alloc&) {
        joined.missed.clear();  // it is told that it has missed some
      }
    }
    place.post(std::move(joined));
  }
}

std::vector<MessagePtr> Hub::kept(std::string_view name) {
  std::vector<MessagePtr> messages;
  if (const RoomPtr room = rooms_.find(name)) {
    rooms_.with(room, [&](Room& found) { messages = found.log->after(0, 0).messages; });
  }
  return messages;
}

void Hub::close_shared(std::string_view name, const std::string& epoch, const std::string& reason) {
  const RoomPtr room = rooms_.find(name);
  if (!room) return;
  rooms_.with(room, [&](Room& found) {
    for (auto member = found.members.begin(); member != found.members.end();) member = expel(found, member, reason);
    found.rules.clear();
    rooms_.count_history(found.log->adopt({epoch, 0}, {}));
    found.markers.reset();
  });
}

void Hub::take_back(Room& room, const Submission& submission) noexcept {
  if (!submission.receipt.sender || room.rules.empty()) return;
  try {
    const std::string person = submission.receipt.sender->standing_in(room.name).pace_key;
    room.rules.take_back(person, *submission.message, submission.message->born_ms);
  } catch (const std::bad_alloc&) {
    return;  // the sender has to wait
  }
}

Status Hub::check_entry(const Client& client, std::string_view name, Moment now) const {
  Status status = check_room_name(name);
  if (!status.ok()) return status;
  if (!uses_rules_.load(std::memory_order_relaxed)) return {};
  const RoomPtr room = rooms_.find(name);
  if (!room) return {};
  const Standing who = client.standing_in(name);
  std::lock_guard lock(room->mutex);
  status = room->rules.check_join(who, now.age_ms);
  if (!status.ok()) status.detail += " " + room->name;
  return status;
}

MessageIds::Answer Hub::claim_id(const Client& client, const MessageDraft& message, Moment now,
                                 std::optional<DecisionId> waiting) {
  const std::string source = client.source() ? client.source()->key() : std::string();
  if (!waiting) return message_ids_.claim(message, source, now.age_ms);
  const MessageIds::Waiter waiter{client.id(), *waiting};
  return message_ids_.claim(message, source, now.age_ms, &waiter);
}

Status Hub::acknowledge_again(const ClientPtr& client, std::string ref, Position first) {
  if (client->state() == ClientState::gone) return no_such_client();
  const auto routing = routing_.share();
  post(*client, Acknowledged{client->id(), std::move(ref), first.seq, std::move(first.epoch), {}, true});
  return {};
}

Status Hub::load(Moment now) {
  if (options_.store == nullptr) return {};
  Status status = load_message_ids(now);
  return status.ok() ? load_rules(now) : status;
}

Status Hub::load_message_ids(Moment now) {
  const std::int64_t window_ms = message_ids_.window_ms();
  Result<std::vector<KeptMessageId>> ids = options_.store->message_ids(now.time_ms - window_ms);
  if (!ids.ok()) return ids.status();
  std::sort(ids->begin(), ids->end(), [](const auto& a, const auto& b) { return a.time_ms < b.time_ms; });
  for (const KeptMessageId& kept : *ids) {
    message_ids_.restore(kept, now.age_ms + window_ms - (now.time_ms - std::min(kept.time_ms, now.time_ms)));
  }
  return {};
}

Result<Published> Hub::publish(std::shared_ptr<Message> unpublished, Moment now, Receipt receipt,
                               const SourcePtr& creator, const RoomPtr& known) {
  Submission submission{std::move(unpublished), std::move(receipt)};
  submission.message->time_ms = now.time_ms;
  submission.message->born_ms = now.age_ms;
  Result<Published> published = place(submission, now, creator, known);
  if (published.ok() || !submission.receipt.sender) return published;
  if (const RoomPtr room = known ? known : rooms_.find(submission.message->room)) {
    std::lock_guard lock(room->mutex);
    take_back(*room, submission);
  }
  return published;
}

Result<Published> Hub::place(Submission& submission, Moment now, const SourcePtr& creator, const RoomPtr& known) {
  Message& message = *submission.message;
  Status status = check_event_name(message.event);
  if (status.ok()) status = check_queued(creator ? std::string_view(creator->key()) : kApplication, message);
  if (!status.ok()) return status;
  if (!message.id.empty() && !submission.receipt.claim) {
    MessageIds::Answer first = message_ids_.claim(message, creator ? creator->key() : std::string(), now.age_ms);
    if (first.found == MessageIds::Found::known) {
      return Published{first.position.seq, std::move(first.position.epoch), true};
    }
    if (first.found == MessageIds::Found::pending) return Published{0, {}, true};
    if (first.found != MessageIds::Found::fresh) return MessageIds::fault(first.found);
    submission.receipt.claim = std::move(first.claim);
  }
  if (message.changes_message()) {
    message.ephemeral = false;
  } else if (!ephemeral_events_.empty() && ephemeral_events_.contains(message.event)) {
    message.ephemeral = true;
  }
  if (!message.is_numbered() || message.room.empty()) message.serial = next_serial();

  if (message.room.empty()) {
    if (message.event_kind != RoomEventKind::message) {
      return {Error::invalid_argument, "only a message can go to everyone"};
    }
    const auto routing = routing_.share();
    Announcement(inboxes_, nullptr, submission, false).post();
    settle(submission);
    tell_others(submission.message);
    tell_tap(submission);
    published_.fetch_add(1, std::memory_order_relaxed);
    return Published{};
  }

  Published published;
  std::optional<Refusal> refusal;
  {
    const auto routing = route(submission.receipt);
    const auto place_in = [&](Room& room) -> Status {
      bool nothing_changes = false;
      Status valid = check_references(message, submission.receipt, *room.log, nothing_changes);
      if (!valid.ok()) return valid;
      if (nothing_changes) {
        Announcement::ToSender(inboxes_, submission.receipt, message, {}).post();
        settle(submission);
        published.repeated = true;
        return {};
      }
      if (!message.is_numbered()) {
        message.epoch = room.log->epoch();
        published.epoch = message.epoch;
        deliver(room, submission);
        tell_others(submission.message);
        return {};
      }
      const Result<std::optional<std::uint64_t>> seq = room.log->submit(submission);
      if (!seq.ok()) return seq.status();
      if (!*seq) {
        ++room.submitted;
        return {};
      }
      published = {**seq, room.log->epoch()};  // before the commit: nothing can fail after it
      commit(room, submission, **seq, room.log->epoch());
      return {};
    };
    std::optional<Status> placed;
    if (known) {
      rooms_.with(known, [&](Room& room) {
        if (!room.removed) placed = place_in(room);
      });
    }
    if (!placed) {
      const std::string room_name = message.room;  // the log may move the message
      placed = rooms_.with(room_name, creator, refusal, place_in);
    }
    status = *std::move(placed);
  }
  if (creator) note(refusal, creator->key());
  if (!status.ok()) return status;
  rooms_.limit_history();
  return published;
}

Status Hub::send(const ClientPtr& client, std::shared_ptr<Message> message, Moment now, AckWish ack) {
  if (message->room.empty()) {
    if (const RoomPtr first = client->joined({})) message->room = first->name;
  }
  Result<MessagePtr> ready = ready_to_send(std::move(message), now);
  return ready.ok() ? send_ready(client, std::move(*ready), ack) : ready.status();
}

Result<MessagePtr> Hub::ready_to_send(std::shared_ptr<Message> message, Moment now) {
  Status status = check_event_name(message->event);
  if (status.ok()) status = check_queued(kApplication, *message);
  if (!status.ok()) return status;
  message->time_ms = now.time_ms;
  message->born_ms = now.age_ms;
  message->serial = next_serial();
  return MessagePtr(std::move(message));
}

Status Hub::send_ready(const ClientPtr& client, MessagePtr message, AckWish ack) {
  const auto routing = routing_.share();
  if (client->state() == ClientState::gone) return no_such_client();
  post(*client, DirectMessage{client->id(), std::move(message), ack});
  return {};
}

Status Hub::send_to_user(const std::string& user_id, const MessageDraft& draft, Moment now) {
  // A client that disconnects meanwhile is no error if another one receives the message.
  bool sent = is_shared();
  for (const ClientPtr& receiver : clients_of_user(user_id)) {
    Status status = send(receiver, draft, now);
    if (!status.ok() && status.code != Error::no_such_client) return status;
    sent |= status.ok();
  }
  if (!sent) return {Error::no_such_client, "no client of the user " + user_id};
  if (!is_shared()) return {};
  FarNotice notice{FarNotice::Kind::message, make_message(draft)};
  notice.user_id = user_id;
  options_.store->tell_others(std::move(notice));
  return {};
}

Status Hub::check_far(ClientId client) const {
  if (!is_shared() || node_of(client) == options_.node) return no_such_client();
  return options_.store->check_server(node_of(client));
}

Status Hub::send_far(ClientId client, const MessageDraft& draft) {
  Status status = check_far(client);
  if (status.ok()) status = check_event_name(draft.event);
  if (!status.ok()) return status;
  FarNotice notice{FarNotice::Kind::message, make_message(draft)};
  notice.client = client;
  options_.store->tell_others(std::move(notice));
  return {};
}

Status Hub::close_far(ClientId client, std::string reason, bool whole_connection) {
  Status status = check_far(client);
  if (!status.ok()) return status;
  FarNotice notice{FarNotice::Kind::close};
  notice.client = client;
  notice.reason = std::move(reason);
  notice.whole_connection = whole_connection;
  options_.store->tell_others(std::move(notice));
  return {};
}

Status Hub::answer(const ClientPtr& client, Answer answer) {
  if (client->state() == ClientState::gone) return no_such_client();
  answer.client = client->id();
  const auto routing = routing_.share();
  post(*client, std::move(answer));
  return {};
}

Status Hub::close_client(const ClientPtr& client, std::uint16_t code, std::string reason, bool whole_connection,
                         Moment now) {
  if (client->state() == ClientState::gone) return no_such_client();
  AuditRecordPtr audit;
  if (options_.tells_audit && !client->dismissed()) {
    const IdentityPtr identity = client->identity();
    AuditRecord record;
    record.what.client = client->id();
    record.what.user_id = identity->user_id;
    record.what.reason = reason;
    record.target_name = identity->name;
    record.time_ms = now.time_ms;
    audit = std::make_shared<const AuditRecord>(std::move(record));
  }
  const auto routing = routing_.share();
  ReservedPosts close(inbox_of(*client), audit ? 2 : 1);
  client->dismiss();
  if (audit) close.post(AuditNotice{std::move(audit)});
  close.post(CloseClient{client->id(), code, std::move(reason), whole_connection});
  return {};
}

Status Hub::continue_elsewhere(const ClientPtr& client) {
  if (client->state() == ClientState::gone) return no_such_client();
  const auto routing = routing_.share();
  post(*client, Continued{client->id()});
  return {};
}

HubStats Hub::stats() const {
  HubStats stats;
  stats.clients_now = clients_.size();
  stats.clients_total = clients_.total();
  stats.rooms_now = rooms_.size();
  stats.published = published_.load();
  stats.history_bytes_now = static_cast<std::uint64_t>(std::max<std::int64_t>(0, rooms_.history_bytes()));
  return stats;
}

}  // namespace chat
