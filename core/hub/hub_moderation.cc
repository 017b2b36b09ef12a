// The hub: moderation, messages that wait for moderators, and reports. See hub.h.
#include "hub/hub.h"

#include <algorithm>

#include "hub/announcement.h"
#include "hub/hub_parts.h"
#include "hub/kept_rules.h"
#include "hub/moderation_event.h"

namespace chat {
namespace {

Status not_approved(const std::string& reason) {
  return {Error::forbidden, reason.empty() ? "no moderator has approved the message" : reason};
}

// The user whose client wrote a message that is in memory. A client that has left is known by its messages alone.
std::string writer_of(const RoomPtr& room, ClientId client) {
  if (!room) return {};
  const std::lock_guard lock(room->mutex);
  for (const MessagePtr& message : room->log->between(0, RoomLog::kNoSeq, 0).messages) {
    if (message->sender.id == client && !message->sender.user_id.empty()) return message->sender.user_id;
  }
  return {};
}

// So many moderators of a room are told of a message that waits.
constexpr std::size_t kMaxToldModerators = 100;

// Why a member has to leave.
std::string excluded(const Status& status) { return status.code == Error::banned ? "banned" : "members only"; }

}  // namespace

Result<Hub::Target> Hub::find_target(const Moderation& what) const {
  Status status = check_moderation(what);
  if (!status.ok()) return status;
  Target target;
  if (!what.address.empty()) {
    target.block = IpBlock::parse_subscriber(what.address);
  } else if (what.client != 0) {
    target.client = find_client(what.client);
    const bool may_have_left = what.action == ModerationAction::clear || what.action == ModerationAction::approve ||
                               what.action == ModerationAction::reject;
    if (!target.client && may_have_left) return target;
    if (!target.client && what.action == ModerationAction::kick) {  // another server may have it
      status = check_far(what.client);
      return status.ok() ? Result(target) : status;
    }
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
        if (target.client) return client == target.client;
        return !target.user_id.empty() && client->identity()->user_id == target.user_id;
      });
      // Other servers may have it.
      if (present || (is_shared() && !target.client)) return {};
      return {Error::not_joined, "this person is not a member of the room " + room.name};
    }
    case ModerationAction::ban:
      return target.block ? rules.ban(*target.block, what.duration_ms, now.age_ms)
                          : rules.ban(target.key, what.duration_ms, now.age_ms);
    case ModerationAction::mute:
      return rules.mute(target.key, what.duration_ms, now.age_ms);
    case ModerationAction::role:
      return rules.set_role(target.user_id, static_cast<Role>(what.value));
    case ModerationAction::slow_mode:
    case ModerationAction::members_only:
    case ModerationAction::read_only:
    case ModerationAction::no_repeats:
    case ModerationAction::no_links:
    case ModerationAction::hold_first:
      rules.set_mode(what.action, what.value);
      return {};
    default:
      return {};
  }
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
    default: {
      RoomModes modes = rules.modes();
      if (const std::int64_t* const mode = modes.of(what.action)) {
        undone.value = *mode;
        break;
      }
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
    if (kicks) return !target.user_id.empty() && who.user_id == target.user_id;
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

void Hub::kick(Room& room, const FarNotice& notice) {
  const auto concerns = [&](const ClientPtr& client) {
    const Standing who = client->standing_in(room.name);
    const bool is_meant =
        notice.client != 0 ? client->id() == notice.client : !notice.user_id.empty() && who.user_id == notice.user_id;
    return is_meant && static_cast<int>(room.rules.role_of(who)) < notice.rank;
  };
  const std::string reason = notice.reason.empty() ? "kicked" : notice.reason;
  for (auto member = room.members.begin(); member != room.members.end();) {
    member = concerns(member->second.client) ? expel(room, member, reason) : std::next(member);
  }
}

Status Hub::moderate(Moderation what, const Target& target, const ClientPtr& actor, Moment now) {
  const bool clears = what.action == ModerationAction::clear;
  if (clears && !target.client && what.client != 0) {
    Target user = target;
    user.user_id = writer_of(rooms_.find(what.room), what.client);
    if (!user.user_id.empty()) {
      what.client = 0;
      return moderate(std::move(what), user, actor, now);
    }
  }
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

  const bool approves = what.action == ModerationAction::approve;
  const bool decides = approves || what.action == ModerationAction::reject;
  const bool may_end = what.action == ModerationAction::hold_first || what.action == ModerationAction::close;
  std::optional<HeldMessage> decided;  // outlives the locks
  RoutingLock::Shared routing;
  if (decides || may_end) routing = routing_.share();

  const auto moderate_room = [&](Room& room) -> Status {
    if (actor) {
      Status status = check_rank(room, what, target, target_role, *actor);
      if (!status.ok()) return status;
    }
    HeldMessage* held = nullptr;
    std::optional<Announcement::ToSender> rejected;
    if (decides) {
      const std::string person = target.user_id.empty() ? "client:" + std::to_string(what.client) : target.key;
      held = room.waiting ? room.waiting->find(person, what.client) : nullptr;
      if (held == nullptr) return {Error::no_such_message, "no message of this person waits in the room " + room.name};
      if (!approves) rejected.emplace(inboxes_, held->receipt, *held->message, not_approved(what.reason));
    }
    std::optional<ReservedPosts> audit;
    AuditRecordPtr kept;
    if (options_.tells_audit) {
      kept = std::make_shared<const AuditRecord>(record);
      audit.emplace(*inboxes_[room.notice_loop]);
    }
    Submission event;
    std::optional<Announcement> announcement;
    if (options_.moderation_events && !decides) {
      event.message = moderation_event(record);
      event.message->epoch = room.log->epoch();
      event.message->time_ms = now.time_ms;
      event.message->born_ms = now.age_ms;
      event.message->serial = next_serial();
      announcement.emplace(inboxes_, &room, event, false);
    }
    FarNotice far_kick;
    if (what.action == ModerationAction::kick && is_shared()) {
      const Role rank = actor ? room.rules.role_of(actor->standing_in(room.name)) : Role::owner;
      far_kick = {FarNotice::Kind::kick, nullptr, room.name, what.client, target.user_id, what.reason};
      far_kick.rank = static_cast<int>(rank) + (actor ? 0 : 1);
    }
    std::optional<ReservedPosts> work;
    ClearingPtr clearing;
    if (clears) {
      Result<ClearingPtr> begun = begin_clearing(room, what, record.actor);
      if (!begun.ok()) return begun.status();
      clearing = std::move(*begun);
      work.emplace(*inboxes_[clearing->loop]);
    }
    uses_rules_.store(true, std::memory_order_relaxed);
    if (what.action == ModerationAction::hold_first) holds_messages_.store(true, std::memory_order_relaxed);
    if (approves) room.rules.note_message(held->person, *held->message, now.age_ms);
    Status status = keep_rules(room, what, target, now);
    if (!status.ok()) return status;
    if (held != nullptr) decided = room.waiting->take(held);
    // A role may have made or unmade a moderator.
    if (room.waiting && what.action == ModerationAction::role) room.waiting->moderators_until_ms = INT64_MIN;
    if (rejected) rejected->post();
    if (decides) tell_moderators(room, now, [&] { return moderation_event(record); });
    if (announcement) announcement->post();
    if (announcement) tell_others(event.message);
    if (far_kick.rank != 0) options_.store->tell_others(std::move(far_kick));
    if (work) work->post(ClearWork{std::move(clearing)});
    if (audit) audit->post(AuditNotice{std::move(kept)});
    if (may_end && (what.action == ModerationAction::close || what.value == 0)) refuse_held(room, now, true);
    expel_target(room, what, target);
    if (what.action == ModerationAction::close) {
      room.rules.clear();
      rooms_.count_history(room.log->restart(rooms_.next_epoch()));
      room.markers.reset();
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
  if (clears || what.action == ModerationAction::close) {
    const bool known = with_known(what.room, [&](Room& room) { status = moderate_room(room); });
    return known ? status : no_such_room(what.room);
  }
  std::optional<Refusal> refusal;
  status = rooms_.with(what.room, actor ? actor->source() : nullptr, refusal, moderate_room);
  if (actor) note(refusal, actor->origin().address);
  if (!decided || !approves) return status;
  routing = {};
  const Receipt receipt = decided->receipt;
  std::shared_ptr<const Message> message = decided->message;
  const Result<Published> published =
      publish(std::move(decided->message), now, std::move(decided->receipt), decided->client->source());
  if (published.ok()) return {};
  const RoutingLock::Shared telling = routing_.share();
  Announcement::ToSender(inboxes_, receipt, *message, published.status()).post();
  return published.status();
}

// First messages that wait for moderators ------------------------------------------------------------------------------

MessagePtr Hub::stamped(const Room& room, std::shared_ptr<Message> event, Moment now) const {
  event->epoch = room.log->epoch();
  event->time_ms = now.time_ms;
  event->born_ms = now.age_ms;
  event->serial = next_serial();
  return event;
}

const std::vector<ClientId>& Hub::moderators_of(Room& room, Moment now) const {
  HeldMessages& waiting = *room.waiting;
  if (now.age_ms < waiting.moderators_until_ms) return waiting.moderators;
  std::vector<ClientId> found;
  for (const auto& [id, member] : room.members) {
    const IdentityPtr identity = member.client->identity();
    const Role role = room.rules.role_of(identity->user_id, role_in(identity->attributes, room.name));
    if (role >= Role::moderator && found.size() < kMaxToldModerators) found.push_back(id);
  }
  waiting.moderators = std::move(found);
  // Large rooms are searched less often.
  waiting.moderators_until_ms =
      now.age_ms + std::max<std::int64_t>(1'000, static_cast<std::int64_t>(room.members.size()) / 100);
  return waiting.moderators;
}

// Those for whom memory fails are told what waits when they join again.
template <class Make>
void Hub::tell_moderators(Room& room, Moment now, Make make) try {
  const MessagePtr event = stamped(room, make(), now);
  for (const ClientId id : moderators_of(room, now)) {
    const auto member = room.members.find(id);
    if (member != room.members.end()) post(*member->second.client, DirectMessage{id, event, {}});
  }
} catch (const std::bad_alloc&) {
}

Status Hub::hold(const ClientPtr& client, std::shared_ptr<Message> message, Moment now, Receipt receipt) {
  const Standing who = client->standing_in(message->room);
  const Message& content = *message;
  HeldMessage held{who.pace_key, who.key, client, std::move(message), std::move(receipt)};  // outlives the locks
  const auto routing = routing_.share();
  const RoomPtr room = rooms_.find(content.room);
  if (!room) return no_such_room(content.room);
  const std::lock_guard lock(room->mutex);
  const std::int64_t most_ms = room->rules.modes().hold_first_ms;
  if (room->removed || most_ms == 0) return no_such_room(content.room);  // the rule has just ended
  if (!room->waiting) room->waiting = std::make_unique<HeldMessages>();
  HeldMessages& waiting = *room->waiting;
  Status status = waiting.check(who.pace_key, who.key, now.age_ms);
  if (!status.ok()) return status;
  {
    const std::lock_guard holding(holding_mutex_);
    const bool noted = std::any_of(holding_.begin(), holding_.end(),
                                   [&](const auto& one) { return !one.owner_before(room) && !room.owner_before(one); });
    if (!noted) holding_.push_back(room);
  }
  held.until_ms = now.age_ms + most_ms;
  waiting.add(std::move(held));
  tell_moderators(*room, now, [&] { return held_event(content, most_ms); });
  return {};
}

void Hub::refuse_held(Room& room, Moment now, bool all) {
  if (!room.waiting) return;
  constexpr std::int64_t kEnd = INT64_MAX;
  while (HeldMessage* const held = room.waiting->find_expired(all ? kEnd : now.age_ms)) {
    Announcement::ToSender refused(inboxes_, held->receipt, *held->message, not_approved({}));
    room.waiting->end(held);
    refused.post();
  }
}

void Hub::expire_held(Moment now) {
  if (!holds_messages_.load(std::memory_order_relaxed)) return;
  std::vector<std::weak_ptr<Room>> holding;
  {
    const std::lock_guard lock(holding_mutex_);
    std::erase_if(holding_, [](const auto& one) { return one.expired(); });
    holding = holding_;
  }
  for (const std::weak_ptr<Room>& one : holding) {
    const RoomPtr room = one.lock();
    if (!room) continue;
    std::vector<HeldMessage> ended;  // outlives the locks
    const auto routing = routing_.share();
    rooms_.with(room, [&](Room& found) {
      if (!found.waiting) return;
      try {
        refuse_held(found, now, false);
        ended = found.waiting->take_ended();
      } catch (const std::bad_alloc&) {  // the next time
        return;
      }
      if (!found.waiting->done()) return;
      const std::lock_guard lock(holding_mutex_);
      std::erase_if(holding_, [&](const auto& that) { return !that.owner_before(room) && !room.owner_before(that); });
    });
  }
}

Result<ClearingPtr> Hub::begin_clearing(Room& room, const Moderation& what, const Sender& actor) {
  if (options_.store != nullptr && !options_.store->applies_changes()) {
    return Status{Error::unsupported, "the store of the application cannot change kept messages"};
  }
  std::erase_if(room.clearings, [](const auto& one) { return one.expired(); });
  if (room.clearings.size() >= Clearing::kMaxInRoom) {
    return Status{Error::too_many, "the messages of so many people are being deleted in the room already"};
  }
  auto clearing = std::make_shared<Clearing>();
  clearing->room = room.name;
  clearing->epoch = room.log->epoch();
  clearing->loop = room.notice_loop;
  clearing->user_id = what.user_id;
  clearing->client = what.client;
  clearing->by = actor;
  clearing->before_seq = room.log->seq() + 1;
  room.clearings.push_back(clearing);
  return clearing;
}

Status Hub::clear_some(const ClearingPtr& clearing, Moment now) {
  Clearing& work = *clearing;
  if (work.earlier && !work.earlier->status.ok()) return work.earlier->status;
  std::optional<KeptQuery> unread;
  KeptMessages kept;
  with_known(work.room, [&](Room& room) {
    if (room.log->epoch() != work.epoch) return;  // closed meanwhile
    if (!work.earlier && room.log->lacks(0, work.before_seq, Clearing::kSlice)) {
      unread = {room.name, work.epoch, 0, work.before_seq, Clearing::kSlice};
      return;
    }
    kept = kept_between(*room.log, 0, work.before_seq, Clearing::kSlice, work.earlier.get());
  });
  if (unread) {
    options_.store->read(*std::move(unread), [this, clearing](KeptRangePtr range) {
      clearing->earlier = std::move(range);
      post(clearing->loop, ClearWork{clearing});
    });
    return {};
  }
  limit_messages(kept, Clearing::kSlice);
  for (auto next = kept.messages.rbegin(); next != kept.messages.rend() && !work.done(); ++next) {
    const Message& message = **next;
    if (work.concerns(message)) {
      auto event = std::make_shared<Message>();
      event->room = work.room;
      event->event = message.event;
      event->event_kind = RoomEventKind::redaction;
      event->target_seq = message.seq;
      event->sender = work.by;
      Receipt receipt;
      receipt.target = *next;
      Status status = publish(std::move(event), now, std::move(receipt)).status();
      if (!status.ok() && status.code != Error::no_such_message) return status;
      ++work.deleted;
    }
    work.before_seq = message.seq;
    ++work.examined;
  }
  if (!kept.messages.empty() && !work.done()) post(work.loop, ClearWork{clearing});
  work.earlier = nullptr;
  return {};
}

Status Hub::report(const Client& client, MessagePtr target, std::string reason, Moment now) {
  const IdentityPtr identity = client.identity();
  const Sender reporter{client.id(), identity->name, identity->user_id};
  const std::string key =
      user_key(reporter) + '\n' + target->room + '\n' + target->epoch + '/' + std::to_string(target->seq);
  ReservedPosts notice(*inboxes_[Room::notice_loop_of(target->room, inboxes_.size())]);
  auto told = std::make_shared<const Report>(Report{std::move(target), reporter, std::move(reason), now.time_ms});
  const Result<bool> is_new = reports_.note(client.ban_key(), key, now.age_ms);
  if (!is_new.ok()) {
    if (refusals_ != nullptr) refusals_->note(Refusal::message_rate, client.origin().address, "reports of messages");
    return is_new.status();
  }
  if (*is_new) notice.post(ReportNotice{std::move(told)});
  return {};
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
        if (RoomStore::is_minor(value.key)) continue;
        Result<bool> restored = restore_rule(room.rules, value, now);
        if (!restored.ok()) return restored.status();
        if (room.rules.modes().hold_first_ms != 0) holds_messages_.store(true, std::memory_order_relaxed);
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

void Hub::apply_rules(Room& room, const std::vector<RoomValue>& values, Moment now) {
  for (const RoomValue& value : values) {
    if (!RoomStore::is_minor(value.key)) (void)apply_rule(room.rules, value, now);
  }
  if (room.rules.empty()) return;
  uses_rules_.store(true, std::memory_order_relaxed);
  if (room.rules.modes().hold_first_ms != 0) holds_messages_.store(true, std::memory_order_relaxed);
}

void Hub::expel_excluded(Room& room, Moment now) {
  if (room.rules.empty()) return;
  for (auto member = room.members.begin(); member != room.members.end();) {
    const Status allowed = room.rules.check_join(member->second.client->standing_in(room.name), now.age_ms);
    member = allowed.ok() ? std::next(member) : expel(room, member, excluded(allowed));
  }
}

void Hub::take_markers(Room& room, const std::vector<RoomValue>& values, Moment now) {
  for (const RoomValue& value : values) {
    if (!value.key.starts_with(ReadMarkers::kKeyPrefix)) continue;
    const std::string_view user = std::string_view(value.key).substr(ReadMarkers::kKeyPrefix.size());
    (void)raise_seen(room, user, ReadMarkers::seq_in(value.value), 0, now, true);
  }
}

void Hub::take_values(std::string_view name, const std::vector<RoomValue>& values, Moment now) {
  const RoomPtr room = rooms_.find(name);
  if (!room) return;
  const auto routing = routing_.share();
  rooms_.with(room, [&](Room& found) {
    apply_rules(found, values, now);
    take_markers(found, values, now);
    expel_excluded(found, now);
  });
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
                          bool take_turn, bool* must_wait) {
  if (known && !known->rules.restricts()) return {};
  if (!uses_rules_.load(std::memory_order_relaxed)) return {};
  const RoomPtr room = known ? known : rooms_.find(message.room);
  if (!room) return {};
  const Standing who = client.standing_in(room->name);
  // The operator has named the events that are no messages, such as typing notices.
  const bool paced = ephemeral_events_.empty() || !ephemeral_events_.contains(message.event);
  Status status;
  {
    std::lock_guard lock(room->mutex);
    RoomRules& rules = room->rules;
    status = rules.check_message(who, paced, now.age_ms);
    if (!status.ok() || !paced) return status;
    // A message with an id may have been published already, which is found out before its turn.
    if (take_turn || message.id.empty()) status = rules.check_flood(who, message, now.age_ms);
    if (status.ok() && take_turn) {
      if (must_wait != nullptr) *must_wait = rules.must_wait(who, message);
      if (must_wait == nullptr || !*must_wait) {
        status = rules.take_turn(who, now.age_ms);
        if (status.ok()) rules.note_message(who.pace_key, message, now.age_ms);
      }
      return status;
    }
  }
  if (!status.ok()) note(Refusal::flood, client.origin().address);
  return status;
}

}  // namespace chat
