// See hub.h.
#include "hub/hub.h"

#include <algorithm>
#include <array>
#include <atomic>

#include "hub/announcement.h"
#include "hub/kept_rules.h"
#include "hub/message_change.h"
#include "hub/moderation_event.h"
#include "model/search_words.h"

namespace chat {
namespace {

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

// Whom a refusal is noted for when no client is concerned.
constexpr std::string_view kApplication = "the application";

Status no_such_client() { return {Error::no_such_client, "no such client"}; }

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

// A store may have read more than the memory takes: `earlier`, and then what is in memory above it.
KeptMessages kept_between(const RoomLog& log, std::uint64_t after_seq, std::uint64_t before_seq, std::size_t limit,
                          const KeptRange* earlier) {
  if (earlier == nullptr || earlier->epoch != log.epoch() || !log.lacks(after_seq, before_seq, limit)) {
    return log.between(after_seq, before_seq, limit);
  }
  KeptMessages kept;
  kept.complete = earlier->complete;
  for (const MessagePtr& message : earlier->messages) {
    if (message->seq <= log.seq()) kept.messages.push_back(log.updated(message));  // others are not committed yet
  }
  const std::uint64_t last_seq = kept.messages.empty() ? earlier->after_seq : kept.messages.back()->seq;
  const KeptMessages newer = log.between(std::max(after_seq, last_seq), before_seq, limit);
  kept.complete = kept.complete && newer.complete;
  kept.messages.insert(kept.messages.end(), newer.messages.begin(), newer.messages.end());
  return kept;
}

// The newest messages of them, without events.
void limit_messages(KeptMessages& kept, std::size_t limit) {
  std::erase_if(kept.messages, [](const MessagePtr& one) { return !is_message(one); });
  if (limit == 0 || kept.messages.size() <= limit) return;
  kept.messages.erase(kept.messages.begin(), kept.messages.end() - static_cast<std::ptrdiff_t>(limit));
  kept.complete = false;
}

Status no_such_room(std::string_view name) { return {Error::no_such_room, "no room " + std::string(name)}; }

// The keys of kept values of a room: this and the id of a user who was present when the server stopped.
constexpr std::string_view kPresentKey = "present/";

IdentityPtr with_state(const Identity& identity, PublicStatePtr state) {
  auto changed = std::make_shared<Identity>(identity);
  changed->state = std::move(state);
  return changed;
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
      clients_(sources_, options_.node, options_.last_client_number),
      message_ids_(options_.message_ids, [this](const MessageIds::Waiter& waiter) { wake(waiter); }),
      rooms_(options_, inboxes_.size()),
      uses_presence_(options_.presence != PresenceLevel::off) {}

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

Status Hub::set_identity(const ClientPtr& client, Identity identity) {
  const auto routing = routing_.share();
  ReservedPosts renamed(inbox_of(*client));
  Status status = clients_.set_identity(*client, std::move(identity), [&](std::string name) {
    renamed.post(Renamed{client->id(), std::move(name)});
  });
  if (status.ok()) update_presence(client);
  return status;
}

Status Hub::rename(const ClientPtr& client, std::string name) {
  {
    std::lock_guard lock(client->mutex_);
    Identity identity = *client->identity_;
    identity.name = std::move(name);
    client->identity_ = std::make_shared<const Identity>(std::move(identity));
  }
  update_presence(client);
  return {};
}

Status Hub::join(const ClientPtr& client, std::string_view name, const std::optional<Position>& since,
                 std::optional<std::string> ref, Moment now, const KeptRange* earlier) {
  std::optional<Refusal> refusal;
  Status status;
  {
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
    ReservedPosts place(inbox_of(*client));
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
      reserve_one(client->rooms_);
      member = room.add_member(client, client->loop());
      refusal = client->charge_rooms(client->rooms_.size() + 1);
      if (refusal) {
        room.remove_member(member);
        return {Error::too_many, refusal == Refusal::memberships ? "the server has the maximum number of memberships"
                                                                 : "too many memberships from this address"};
      }
      if (room.presence) {
        try {
          IdentityPtr identity = client->identity_;
          if (!identity->state) {
            if (PublicStatePtr state = room.presence->state_of(*identity)) identity = with_state(*identity, state);
          }
          member->second.person = room.presence->enter(client->id(), *identity);
          client->identity_ = std::move(identity);
        } catch (...) {
          room.remove_member(member);
          (void)client->charge_rooms(client->rooms_.size());
          throw;
        }
      }
      client->rooms_.push_back(room.shared_from_this());
    }
    place.post(std::move(joined));
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

template <class Action>
bool Hub::with_known(std::string_view name, Action action) {
  for (;;) {
    if (const RoomPtr room = rooms_.find(name)) {
      bool found = false;
      rooms_.with(room, [&](Room& known) {
        if (known.removed) return;
        found = true;
        action(known);
      });
      if (found) return true;
    } else if (options_.store == nullptr || !options_.store->has(name)) {
      return false;
    } else {
      std::optional<Refusal> refusal;  // unused: nobody is charged for a room that is kept
      return rooms_
          .with(name, nullptr, refusal,
                [&](Room& kept) -> Status {
                  action(kept);
                  return {};
                })
          .ok();
    }
  }
}

// Moderation ----------------------------------------------------------------------------------------------------------

Result<Hub::Target> Hub::find_target(const Moderation& what) const {
  Status status = check_moderation(what);
  if (!status.ok()) return status;
  Target target;
  if (!what.address.empty()) {
    target.block = IpBlock::parse_subscriber(what.address);
  } else if (what.client != 0) {
    target.client = find_client(what.client);
    if (!target.client) return no_such_client();
    const IdentityPtr identity = target.client->identity();
    const bool by_key = what.action == ModerationAction::ban || what.action == ModerationAction::mute;
    if (by_key && identity->user_id.empty() && target.client->origin().address.empty()) {
      return Status{Error::unsupported, "a guest on a UNIX socket has neither a user id nor an address"};
    }
    if (what.action == ModerationAction::role && identity->user_id.empty()) {
      return Status{Error::unsupported, "a guest cannot have a role"};
    }
    target.key = target.client->ban_key();
    target.user_id = identity->user_id;
    target.name = identity->name;
  } else if (!what.user_id.empty()) {
    target.key = "user:" + what.user_id;
    target.user_id = what.user_id;
    if (const std::vector<ClientPtr> clients = clients_of_user(what.user_id); !clients.empty()) {
      target.name = clients.front()->identity()->name;
    }
  }
  return target;
}

Status Hub::check_rank(const Room& room, const Moderation& what, const Target& target, Role target_role,
                       const Client& actor) const {
  const Role role = room.rules.role_of(actor.standing_in(room.name));
  const bool owners_only = what.action == ModerationAction::close || what.action == ModerationAction::role;
  if (role < (owners_only ? Role::owner : Role::moderator)) {
    return {Error::forbidden, owners_only ? "only an owner of the room may do this" : "only a moderator may do this"};
  }
  const bool has_person = target.client != nullptr || !target.user_id.empty();
  if (has_person && room.rules.role_of(target.user_id, target_role) >= role) {
    return {Error::forbidden, "the role of this person is not below your own"};
  }
  if (what.action == ModerationAction::role && static_cast<Role>(what.value) >= role) {
    return {Error::forbidden, "nobody can give a role that is not below the own one"};
  }
  return {};
}

Status Hub::change_rules(Room& room, const Moderation& what, const Target& target, Moment now) {
  RoomRules& rules = room.rules;
  switch (what.action) {
    case ModerationAction::kick: {
      const bool present = std::any_of(room.members.begin(), room.members.end(), [&](const auto& member) {
        const ClientPtr& client = member.second.client;
        return target.client ? client == target.client : client->identity()->user_id == target.user_id;
      });
      return present ? Status() : Status{Error::not_joined, "this person is not a member of the room " + room.name};
    }
    case ModerationAction::ban:
      return target.block ? rules.ban(*target.block, what.duration_ms, now.age_ms)
                          : rules.ban(target.key, what.duration_ms, now.age_ms);
    case ModerationAction::mute:
      return rules.mute(target.key, what.duration_ms, now.age_ms);
    case ModerationAction::slow_mode:
      rules.set_slow_mode(what.value);
      return {};
    case ModerationAction::members_only:
      rules.set_members_only(what.value != 0);
      return {};
    case ModerationAction::read_only:
      rules.set_read_only(what.value != 0);
      return {};
    case ModerationAction::role:
      return rules.set_role(target.user_id, static_cast<Role>(what.value));
    case ModerationAction::close:
      break;
  }
  return {};
}

Status Hub::keep_rules(Room& room, const Moderation& what, const Target& target, Moment now) {
  if (options_.store == nullptr) return change_rules(room, what, target, now);
  const RoomRules& rules = room.rules;
  const std::optional<RoomValue> value = kept_rule(rules, what, target.key, target.block, now);
  if (!value) return change_rules(room, what, target, now);
  const auto keep = [&] { return options_.store->keep_value(room.name, value->key, value->value, now); };
  if (value->value.empty()) {  // the rules need no memory for it
    Status status = keep();
    return status.ok() ? change_rules(room, what, target, now) : status;
  }
  Moderation undone = what;  // needs no memory either
  switch (what.action) {
    case ModerationAction::ban:
      undone.duration_ms =
          target.block ? rules.ban_left_ms(*target.block, now.age_ms) : rules.ban_left_ms(target.key, now.age_ms);
      break;
    case ModerationAction::mute:
      undone.duration_ms = rules.mute_left_ms(target.key, now.age_ms);
      break;
    case ModerationAction::slow_mode:
      undone.value = rules.slow_mode_ms();
      break;
    case ModerationAction::members_only:
      undone.value = rules.members_only() ? 1 : 0;
      break;
    case ModerationAction::read_only:
      undone.value = rules.read_only() ? 1 : 0;
      break;
    default: {
      const auto role = rules.roles().find(target.user_id);
      undone.value = static_cast<std::int64_t>(role == rules.roles().end() ? Role::member : role->second.role);
    }
  }
  Status status = change_rules(room, what, target, now);
  if (!status.ok()) return status;
  try {
    status = keep();
  } catch (...) {
    (void)change_rules(room, undone, target, now);
    throw;
  }
  if (!status.ok()) (void)change_rules(room, undone, target, now);
  return status;
}

void Hub::expel_target(Room& room, const Moderation& what, const Target& target) {
  const bool bans = what.action == ModerationAction::ban && what.duration_ms > 0;
  const bool kicks = what.action == ModerationAction::kick;
  const bool excludes_guests = what.action == ModerationAction::members_only && what.value != 0;
  const bool closes = what.action == ModerationAction::close;
  if (!bans && !kicks && !excludes_guests && !closes) return;
  const auto concerns = [&](const ClientPtr& client) {
    if (closes) return true;
    if (kicks && target.client) return client == target.client;
    const Standing who = client->standing_in(room.name);
    if (kicks) return who.user_id == target.user_id;
    if (excludes_guests) return room.rules.role_of(who) < Role::member;
    if (!target.block) return who.key == target.key;
    const std::optional<IpAddress> address = IpAddress::parse(who.address);
    return address && target.block->contains(*address) && room.rules.role_of(who) < Role::moderator;
  };
  std::string reason = what.reason;
  if (reason.empty()) reason = closes ? "the room was closed" : bans ? "banned" : kicks ? "kicked" : "members only";
  for (auto member = room.members.begin(); member != room.members.end();) {
    member = concerns(member->second.client) ? expel(room, member, reason) : std::next(member);
  }
}

Status Hub::moderate(Moderation what, const Target& target, const ClientPtr& actor, Moment now) {
  what.user_id = target.user_id;
  if (target.block) what.address = target.block->text();
  Role target_role = Role::guest;
  std::vector<ClientPtr> clients;
  if (target.client) {
    clients.push_back(target.client);
  } else if (!target.user_id.empty()) {
    clients = clients_of_user(target.user_id);
  }
  for (const ClientPtr& client : clients) {
    target_role = std::max(target_role, role_in(client->identity()->attributes, what.room));
  }
  AuditRecord record{what, {}, target.name, now.time_ms};
  if (actor) record.actor = {actor->id(), actor->identity()->name, actor->identity()->user_id};

  const auto moderate_room = [&](Room& room) -> Status {
    if (actor) {
      Status status = check_rank(room, what, target, target_role, *actor);
      if (!status.ok()) return status;
    }
    std::optional<ReservedPosts> audit;
    AuditRecordPtr kept;
    if (options_.tells_audit) {
      kept = std::make_shared<const AuditRecord>(record);
      audit.emplace(*inboxes_[room.notice_loop]);
    }
    Submission event;
    std::optional<Announcement> announcement;
    if (options_.moderation_events) {
      event.message = moderation_event(record);
      event.message->epoch = room.log->epoch();
      event.message->time_ms = now.time_ms;
      event.message->born_ms = now.age_ms;
      event.message->serial = next_serial();
      announcement.emplace(inboxes_, &room, event, false);
    }
    uses_rules_.store(true, std::memory_order_relaxed);
    Status status = keep_rules(room, what, target, now);
    if (!status.ok()) return status;
    if (announcement) announcement->post();
    if (audit) audit->post(AuditNotice{std::move(kept)});
    expel_target(room, what, target);
    if (what.action == ModerationAction::close) {
      room.rules.clear();
      rooms_.count_history(room.log->restart(rooms_.next_epoch()));
      if (options_.store == nullptr) return {};
      for (const auto& [user_id, role] : room.rules.roles()) {
        const RoomValue value = kept_role(user_id, role.role);
        status = options_.store->keep_value(room.name, value.key, value.value, now);
        if (!status.ok()) return status;
      }
    }
    return {};
  };

  Status status;
  if (what.action == ModerationAction::close) {
    const bool known = with_known(what.room, [&](Room& room) { status = moderate_room(room); });
    return known ? status : no_such_room(what.room);
  }
  std::optional<Refusal> refusal;
  status = rooms_.with(what.room, actor ? actor->source() : nullptr, refusal, moderate_room);
  if (actor) note(refusal, actor->origin().address);
  return status;
}

Status Hub::ban(std::string_view ban_key, std::string_view room, std::int64_t duration_ms, const std::string& reason,
                Moment now) {
  constexpr std::string_view kUser = "user:";
  Moderation what;
  what.room = room;
  what.action = ModerationAction::ban;
  what.duration_ms = duration_ms;
  what.reason = reason;
  Target target;
  target.key = ban_key;
  if (ban_key.starts_with(kUser)) target.user_id = ban_key.substr(kUser.size());
  return moderate(std::move(what), target, nullptr, now);
}

Status Hub::close_room(std::string_view room, const std::string& reason, Moment now) {
  Moderation what;
  what.room = room;
  what.action = ModerationAction::close;
  what.reason = reason;
  return moderate(std::move(what), {}, nullptr, now);
}

Status Hub::load_rules(Moment now) {
  for (const std::string& name : options_.store->rooms_with_values()) {
    std::optional<Refusal> refusal;  // unused: the server does not start without the rules
    Status status = rooms_.with(name, nullptr, refusal, [&](Room& room) -> Status {
      for (const RoomValue& value : options_.store->values(name)) {
        Result<bool> restored = restore_rule(room.rules, value, now);
        if (!restored.ok()) return restored.status();
        // What cannot be removed now is removed after the next start.
        if (!*restored) (void)options_.store->keep_value(name, value.key, {}, now);
      }
      return {};
    });
    if (!status.ok()) return {status.code, "the rules of the room " + name + ": " + status.detail};
    uses_rules_.store(true, std::memory_order_relaxed);
  }
  return {};
}

Role Hub::role_in_room(const Client& client, std::string_view name) const {
  const Standing who = client.standing_in(name);
  if (const RoomPtr room = rooms_.find(name)) {
    std::lock_guard lock(room->mutex);
    return room->rules.role_of(who);
  }
  return RoomRules().role_of(who);
}

Status Hub::check_message(const Client& client, const MessageDraft& message, const RoomPtr& known, Moment now,
                          bool take_turn) {
  if (known && !known->rules.restricts()) return {};
  if (!uses_rules_.load(std::memory_order_relaxed)) return {};
  const RoomPtr room = known ? known : rooms_.find(message.room);
  if (!room) return {};
  const Standing who = client.standing_in(room->name);
  // The operator has named the events that are no messages, such as typing notices.
  const bool paced = ephemeral_events_.empty() || !ephemeral_events_.contains(message.event);
  std::lock_guard lock(room->mutex);
  Status status = room->rules.check_message(who, paced, now.age_ms);
  if (status.ok() && take_turn && paced) status = room->rules.take_turn(who, now.age_ms);
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
    const auto routing = routing_.share();
    ClientState expected = ClientState::accepted;
    for (const RoomPosition& one : rooms) {
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
  client->loop_.store(loop, std::memory_order_release);
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
    std::vector<std::pair<ClientId, const Room::Member*>> all;
    all.reserve(room->members.size());
    for (const auto& [id, member] : room->members) all.emplace_back(id, &member);
    if (all.size() > kMaxListed) {
      std::nth_element(all.begin(), all.begin() + kMaxListed, all.end());
      all.resize(kMaxListed);
      list->complete = false;
    }
    std::sort(all.begin(), all.end());
    listed.reserve(all.size());
    for (const auto& [id, member] : all) listed.push_back(member->client);
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

std::optional<KeptQuery> Hub::unread(std::string_view name, const Position& since) {
  std::optional<KeptQuery> query;
  if (options_.store == nullptr) return query;
  with_known(name, [&](Room& room) {
    const std::uint64_t after_seq = room.continues(since) ? since.seq : 0;
    if (room.log->lacks(after_seq, RoomLog::kNoSeq, 0)) {
      query = {room.name, room.log->epoch(), after_seq, RoomLog::kNoSeq, 0};
    }
  });
  return query;
}

std::optional<KeptQuery> Hub::unread(std::string_view name, std::uint64_t after_seq, std::size_t limit,
                                     std::uint64_t before_seq) {
  std::optional<KeptQuery> query;
  if (options_.store == nullptr) return query;
  const std::uint64_t before = before_seq == 0 ? RoomLog::kNoSeq : before_seq;
  with_known(name, [&](Room& room) {
    if (room.log->lacks(after_seq, before, limit)) query = {room.name, room.log->epoch(), after_seq, before, limit};
  });
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
    with_known(name, [&](Room& room) {
      const KeptMessages kept = kept_between(*room.log, seq - 1, seq + 1, 0, earlier);
      if (!kept.messages.empty()) {
        found = kept.messages.front();
      } else if (earlier == nullptr && room.log->lacks(seq - 1, seq + 1, 0)) {
        unread = {room.name, room.log->epoch(), seq - 1, seq + 1, 0};
      }
    });
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

// Presence ------------------------------------------------------------------------------------------------------------

PresenceLevel Hub::presence_level(std::string_view name) const {
  if (!uses_presence_.load(std::memory_order_relaxed)) return PresenceLevel::off;
  const RoomPtr room = rooms_.find(name);
  if (!room) return options_.presence;
  std::lock_guard lock(room->mutex);
  return room->presence ? room->presence->level() : PresenceLevel::off;
}

Status Hub::set_presence(std::string_view name, std::optional<PresenceLevel> wished) {
  const PresenceLevel level = wished.value_or(options_.presence);
  if (level != PresenceLevel::off) uses_presence_.store(true, std::memory_order_relaxed);
  std::optional<Refusal> refusal;  // unused: the application learns the reason from the status
  return rooms_.with(name, nullptr, refusal, [&](Room& room) -> Status {
    if (level == PresenceLevel::off) {
      for (auto& [id, member] : room.members) member.person = nullptr;
      room.presence.reset();
    } else if (room.presence) {
      room.presence->set_level(level);
    } else {
      auto presence = std::make_unique<Presence>(room, level, rooms_.presence_queue());
      std::vector<Presence::Entry*> people;
      people.reserve(room.members.size());
      for (const auto& [id, member] : room.members) people.push_back(presence->enter(id, *member.client->identity()));
      auto person = people.begin();
      for (auto& [id, member] : room.members) member.person = *person++;
      room.presence = std::move(presence);
    }
    room.presence_set = wished.has_value();
    return {};
  });
}

Result<PresenceNotice> Hub::presence(std::string_view name, bool all) const {
  Status status = check_room_name(name);
  if (!status.ok()) return status;
  PresenceNotice notice;
  const Status off{Error::forbidden, "the presence of the room " + std::string(name) + " is off"};
  if (const RoomPtr room = rooms_.find(name)) {
    std::lock_guard lock(room->mutex);
    if (!room->presence) return off;
    return room->presence->current(all);
  }
  if (options_.presence == PresenceLevel::off) return off;
  notice.counts_only = !all && options_.presence != PresenceLevel::full;
  notice.listed = !notice.counts_only;
  return notice;
}

// With what members receive that may not list people, unless that is the same.
std::shared_ptr<Message> Hub::presence_message(const Room& room, PresenceNotice notice, std::size_t count_before,
                                               Moment now) const {
  auto message = std::make_shared<Message>();
  message->room = room.name;
  message->event = options_.presence_event;
  message->kind = PayloadKind::args;
  message->ephemeral = true;
  message->event_kind = RoomEventKind::presence;
  message->epoch = room.log->epoch();
  message->time_ms = now.time_ms;
  message->born_ms = now.age_ms;
  message->serial = next_serial();
  if (!notice.counts_only && (notice.count != count_before || notice.listed)) {
    PresenceNotice reduced;
    reduced.count = notice.count;
    reduced.counts_only = true;
    notice.reduced = presence_message(room, std::move(reduced), count_before, now);
  }
  message->presence = std::make_shared<const PresenceNotice>(std::move(notice));
  return message;
}

MessagePtr Hub::presence_snapshot(Room& room, Moment now) const {
  MessagePtr& kept = room.presence->kept_snapshot;
  if (!kept) kept = presence_message(room, room.presence->snapshot(), 0, now);
  return kept;
}

template <class Action>
void Hub::for_each_person(const Client& client, Action action) {
  for (const std::string& name : client.rooms()) {
    const RoomPtr room = rooms_.find(name);
    if (!room) continue;
    rooms_.with(room, [&](Room& joined) {
      const auto member = joined.members.find(client.id());
      if (member == joined.members.end() || member->second.person == nullptr) return;
      action(*joined.presence, member->second.person);
    });
  }
}

// When memory fails, the person keeps the old name there.
void Hub::update_presence(const ClientPtr& client) try {
  if (!uses_presence_.load(std::memory_order_relaxed)) return;
  for_each_person(*client, [&](Presence& presence, Presence::Entry*& person) {
    person = presence.change(person, client->id(), *client->identity());
  });
} catch (const std::bad_alloc&) {
}

Status Hub::check_state(std::string_view state) const {
  if (!uses_presence_.load(std::memory_order_relaxed)) return {Error::forbidden, "presence is off"};
  if (state.size() <= kMaxStateBytes) return {};
  return {Error::too_large, "the state is larger than " + std::to_string(kMaxStateBytes) + " bytes"};
}

Status Hub::set_state(const ClientPtr& client, std::string state) {
  Status status = check_state(state);
  if (!status.ok()) return status;
  PublicStatePtr shared;
  if (!state.empty()) shared = std::make_shared<const std::string>(std::move(state));
  {
    std::lock_guard lock(client->mutex_);
    if (client->state_ == ClientState::gone) return no_such_client();
    client->identity_ = with_state(*client->identity_, std::move(shared));
  }
  for_each_person(*client, [&](Presence& presence, Presence::Entry* person) {
    presence.set_state(person, client->identity()->state);
  });
  return {};
}

void Hub::keep_presence(Moment now) noexcept try {
  if (options_.store == nullptr || !uses_presence_.load(std::memory_order_relaxed)) return;
  for (const RoomPtr& room : rooms_.all()) {
    std::vector<Person> users;
    {
      const std::lock_guard lock(room->mutex);
      if (room->presence) users = room->presence->users();
    }
    for (const Person& user : users) {
      std::string value = user.name + '\n';
      if (user.state) value += *user.state;
      if (!options_.store->keep_value(room->name, std::string(kPresentKey) + user.user_id, value, now).ok()) break;
    }
  }
} catch (const std::bad_alloc&) {
}

void Hub::load_presence(Moment now) {
  if (options_.store == nullptr) return;
  for (const std::string& name : options_.store->rooms_with_values()) {
    for (const RoomValue& kept : options_.store->values(name)) {
      if (!kept.key.starts_with(kPresentKey)) continue;
      (void)options_.store->keep_value(name, kept.key, {}, now);
      const std::size_t end = kept.value.find('\n');
      if (end == std::string::npos || now.time_ms - kept.time_ms > kMaxDownMs) continue;
      Person user{kept.key.substr(kPresentKey.size()), 0, kept.value.substr(0, end), nullptr};
      if (end + 1 < kept.value.size()) user.state = std::make_shared<const std::string>(kept.value.substr(end + 1));
      std::optional<Refusal> refusal;  // unused: then the user comes back as a new one
      (void)rooms_.with(name, nullptr, refusal, [&](Room& room) -> Status {
        if (room.presence) room.presence->restore(std::move(user));
        return {};
      });
    }
  }
}

void Hub::set_sees_people(const Client& client, std::string_view name, bool sees_people) {
  const RoomPtr room = rooms_.find(name);
  if (!room) return;
  std::lock_guard lock(room->mutex);
  if (const auto member = room->members.find(client.id()); member != room->members.end()) {
    member->second.sees_people = sees_people;
  }
}

void Hub::tell_presence(Moment now) {
  for (int rooms = 0; rooms < kPresenceSlice; ++rooms) {
    const RoomPtr room = rooms_.presence_queue()->next(now.age_ms);
    if (!room) return;
    rooms_.with(room, [&](Room& due) {
      if (due.removed || !due.presence) return;
      due.presence->advance(now.age_ms, options_.presence_grace_ms);
      bool failed = false;
      try {
        tell_presence(due, now);
      } catch (const std::bad_alloc&) {
        failed = true;
      }
      due.presence->schedule(now.age_ms, failed);
    });
  }
}

void Hub::tell_presence(Room& room, Moment now) {
  Presence& presence = *room.presence;
  if (!presence.notice_due(now.age_ms)) return;
  PresenceNotice changes = presence.changes();
  if (presence.is_nothing(changes)) return presence.note_nothing();
  PresenceNotice notice = presence.for_members(changes);
  const bool silent = notice.counts_only && !presence.relists() && notice.count == presence.told();
  Submission submission;
  submission.message = presence_message(room, notice, presence.told(), now);
  std::optional<ReservedPosts> for_application;
  std::shared_ptr<Message> told;
  if (options_.tells_presence) {
    told = presence_message(room, std::move(changes), presence.told(), now);
    for_application.emplace(*inboxes_[room.notice_loop]);
  }
  if (!silent) Announcement(inboxes_, &room, submission, false).post();
  if (for_application) for_application->post(PublishedNotice{std::move(told)});
  presence.note_told(notice, now.age_ms);
}

// Messages ------------------------------------------------------------------------------------------------------------

void Hub::deliver(const Room& room, const Submission& submission) {
  Announcement(inboxes_, &room, submission, false).post();
  settle(submission);
  if (submission.message->event_kind == RoomEventKind::message) published_.fetch_add(1, std::memory_order_relaxed);
}

void Hub::commit(Room& room, const Submission& submission, std::uint64_t seq, const std::string& epoch) {
  Message& message = *submission.message;
  message.seq = seq;
  message.epoch = epoch;
  complete_event(message, submission.receipt, *room.log);
  Announcement announcement(inboxes_, &room, submission, options_.tells_published);
  if (submission.receipt.claim) submission.receipt.claim->prepare(epoch);
  rooms_.count_history(room.log->append(submission.message));
  // Nothing below here can fail: the message is kept, acknowledged and delivered.
  room.last_published_ms.store(message.born_ms, std::memory_order_relaxed);
  settle(submission);
  announcement.post();
  if (message.event_kind == RoomEventKind::message) published_.fetch_add(1, std::memory_order_relaxed);
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
      }
      --found.submitted;
    });
  }
  rooms_.limit_history();
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
  message.time_ms = now.time_ms;
  message.born_ms = now.age_ms;
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
  Status status = check_event_name(message->event);
  if (status.ok()) status = check_queued(kApplication, *message);
  if (!status.ok()) return status;
  message->time_ms = now.time_ms;
  message->born_ms = now.age_ms;
  message->serial = next_serial();
  if (message->room.empty()) {
    if (const RoomPtr first = client->joined({})) message->room = first->name;
  }
  const auto routing = routing_.share();
  if (client->state() == ClientState::gone) return no_such_client();
  post(*client, DirectMessage{client->id(), std::move(message), ack});
  return {};
}

Status Hub::answer(const ClientPtr& client, Answer answer) {
  if (client->state() == ClientState::gone) return no_such_client();
  answer.client = client->id();
  const auto routing = routing_.share();
  post(*client, std::move(answer));
  return {};
}

Status Hub::close_client(const ClientPtr& client, std::uint16_t code, std::string reason, bool whole_connection) {
  if (client->state() == ClientState::gone) return no_such_client();
  const auto routing = routing_.share();
  ReservedPosts close(inbox_of(*client));
  client->dismiss();
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
