// See dispatcher.h.
#include "hub/dispatcher.h"

#include "hub/message_change.h"
#include "model/search_words.h"

namespace chat {
namespace {

Outcome error_reply(std::string ref, Status status, bool of_send = false) {
  return ErrorReply{std::move(ref), status.code, std::move(status.detail), of_send, status.retry_after_ms};
}

// Builds an error reply that carries the `ref` of the command.
Outcome error_reply(Command& command, Status status) {
  std::string ref = std::visit([](auto& specific) { return std::move(specific.ref); }, command);
  // In STOMP a read marker is a frame like a message.
  const bool of_send = std::holds_alternative<SendCommand>(command) || std::holds_alternative<SeenCommand>(command);
  return error_reply(std::move(ref), std::move(status), of_send);
}

Status no_room() { return {Error::not_joined, "no room is named, and the client has joined none"}; }

// Fills in the room that a request without a room name refers to.
Status choose_room(const Client& client, std::string& room) {
  if (!room.empty()) return check_room_name(room);
  const RoomPtr first = client.joined({});
  if (!first) return no_room();
  room = first->name;
  return {};
}

Status not_joined(const std::string& room) { return {Error::not_joined, "not a member of the room " + room}; }

Status check_member(const Client& client, const std::string& room) {
  return client.has_joined(room) ? Status() : not_joined(room);
}

// False for a deleted message and for other events.
bool is_readable(const Message& message) {
  return message.event_kind == RoomEventKind::message && !message.extra->redacted;
}

bool default_allows(const Client& client, Action action, bool allowed) {
  switch (action) {
    case Action::members:
    case Action::rooms:
      return allowed;
    case Action::rename:
      return client.identity()->user_id.empty();
    default:
      return true;
  }
}

// What the application is asked to authorize before a command runs.
struct Question {
  Action action;
  std::string_view room;
  std::string_view value;
  bool allowed = false;
};

Action action_of(const MessageDraft& draft) {
  switch (draft.event_kind) {
    case RoomEventKind::edit:
      return Action::edit;
    case RoomEventKind::redaction:
      return Action::redact;
    case RoomEventKind::reaction:
      return Action::react;
    default:
      return Action::publish;
  }
}

std::optional<Question> question(const Command& command) {
  struct {
    using Asked = std::optional<Question>;
    Asked operator()(const SendCommand& c) const {
      if (c.to_application) return std::nullopt;  // on_message decides
      return Question{action_of(c.draft()), c.draft().room, c.draft().event};
    }
    Asked operator()(const JoinCommand& c) const { return Question{Action::join, c.room, {}}; }
    Asked operator()(const LeaveCommand&) const { return std::nullopt; }
    Asked operator()(const RenameCommand& c) const { return Question{Action::rename, {}, c.name}; }
    Asked operator()(const HistoryCommand& c) const { return Question{Action::history, c.room, {}}; }
    Asked operator()(const MembersCommand& c) const { return Question{Action::members, c.room, {}, c.allowed}; }
    Asked operator()(const PresenceCommand&) const { return std::nullopt; }  // perform() asks
    Asked operator()(const StateCommand& c) const { return Question{Action::state, {}, c.state}; }
    Asked operator()(const SeenCommand&) const { return std::nullopt; }  // of the client's own user, in its rooms
    Asked operator()(const RoomsCommand& c) const { return Question{Action::rooms, {}, {}, c.allowed}; }
    Asked operator()(const ModerateCommand& c) const {
      return Question{Action::moderate, c.what().room, action_name(c.what().action)};
    }
    Asked operator()(const ReportCommand& c) const { return Question{Action::report, c.room, {}}; }
    Asked operator()(const PingCommand&) const { return std::nullopt; }
    Asked operator()(const DisconnectCommand&) const { return std::nullopt; }
  } asked;
  return std::visit(asked, command);
}

// Whether it depends on the rules of a room which the client may not have joined.
bool acts_on_room(const Command& command) {
  const auto* const send = std::get_if<SendCommand>(&command);
  return (send != nullptr && send->without_joining) || std::holds_alternative<ModerateCommand>(command);
}

}  // namespace

// The room of a command that depends on the rules of a room which the client may not have joined, when this server must read
// them first.
std::optional<KeptQuery> Dispatcher::unopened_room(const Command& command) {
  if (!hub_.is_shared() || !acts_on_room(command)) return std::nullopt;
  const auto* const moderate = std::get_if<ModerateCommand>(&command);
  const std::string& room = moderate ? moderate->what().room : std::get<SendCommand>(command).draft().room;
  return check_room_name(room).ok() ? hub_.unread(room, std::nullopt) : std::nullopt;
}

Outcome Dispatcher::execute(const ClientPtr& client, Command&& command, AckTable& acks, Moment now) {
  Call call{client, acks, now};
  if (std::optional<KeptQuery> query = unopened_room(command)) {
    const DecisionId id = *read(client, std::move(query));
    return Suspended{std::move(command), id};
  }
  Status status = std::visit([&](auto& specific) { return prepare(call, specific); }, command);
  if (!status.ok()) return error_reply(command, std::move(status));

  if (std::optional<Outcome> ended = find_target(call, command)) return *std::move(ended);
  return authorize_and_perform(call, command);
}

Outcome Dispatcher::authorize_and_perform(Call& call, Command& command) {
  const CallbackScope scope(hub_);
  if (std::optional<Question> asked = question(command)) {
    std::string seq;
    if (const auto* send = std::get_if<SendCommand>(&command); send != nullptr && send->target) {
      seq = std::to_string(send->draft().target_seq);
      asked->value = seq;
      if (!may_change(*call.client, send->draft(), *send->target, call.now)) {
        return error_reply(command, {Error::forbidden, "only its sender may change this message, for a limited time"});
      }
    }
    if (const auto* report = std::get_if<ReportCommand>(&command)) {
      seq = std::to_string(report->target_seq);
      asked->value = seq;
    }
    Authorization authorization = authorize(call.client, asked->action, asked->room, asked->value, asked->allowed);
    if (authorization.deferred) return Suspended{std::move(command), *authorization.deferred};
    if (!authorization.status.ok()) return error_reply(command, std::move(authorization.status));
  }
  return perform(call, command);
}

bool Dispatcher::may_change(const Client& client, const MessageDraft& change, const Message& target, Moment now) const {
  if (change.event_kind == RoomEventKind::reaction) return true;
  const Sender& sender = target.sender;
  const bool own = sender.user_id.empty() ? sender.id == client.id() : sender.user_id == client.identity()->user_id;
  if (hub_.role_in_room(client, change.room) >= Role::moderator) {
    return own || change.event_kind == RoomEventKind::redaction;
  }
  const std::int64_t window_ms = hub_.edit_window_ms();
  return own && window_ms != 0 && !exceeds(now.time_ms - target.time_ms, window_ms);
}

std::optional<Outcome> Dispatcher::find_target(Call& call, Command& command) {
  auto* const send = std::get_if<SendCommand>(&command);
  auto* const report = std::get_if<ReportCommand>(&command);
  if (report == nullptr && (send == nullptr || !send->draft().changes_message())) return std::nullopt;
  const std::string& room = report != nullptr ? report->room : send->draft().room;
  const std::uint64_t seq = report != nullptr ? report->target_seq : send->draft().target_seq;
  std::optional<KeptQuery> unread;
  Result<MessagePtr> target = hub_.find_message(room, seq, call.earlier.get(), unread);
  if (unread) {
    const std::optional<DecisionId> id = read(call.client, std::move(unread));
    return Suspended{std::move(command), *id};
  }
  Status status = target.status();
  if (status.ok() && send != nullptr) status = check_change(**target, send->draft());
  if (status.ok() && report != nullptr && !is_readable(**target)) status = no_such_message(seq, room);
  if (!status.ok()) return error_reply(command, std::move(status));
  if (report != nullptr) {
    report->target = std::move(*target);
  } else {
    send->draft().event = (*target)->event;
    send->target = std::move(*target);
  }
  return std::nullopt;
}

Outcome Dispatcher::resume(const ClientPtr& client, Suspended&& suspended, Decision decision, AckTable& acks,
                           Moment now) {
  Command& command = suspended.command;
  Call call{client, acks, now};
  Status status;
  if (auto* const send = std::get_if<SendCommand>(&command); send != nullptr && decision.verdict == Verdict::pass) {
    // The application may have removed it from the room meanwhile.
    if (!send->to_application) call.room = client->joined(send->draft().room);
    status = check_sender(call, *send);
  }
  if (const auto* const report = std::get_if<ReportCommand>(&command)) status = check_member(*client, report->room);
  if (is_about_message(suspended.decision)) {
    SendCommand& send = std::get<SendCommand>(command);
    if (!status.ok()) return refuse(send, suspended.ack_id, std::move(status), acks);
    if (decision.replacement) {
      decision.replacement->take_fixed(std::move(send.draft()));
      send.draft() = std::move(*decision.replacement);
    }
    return finish(call, send, suspended.ack_id, std::move(decision), std::move(suspended.claim));
  }
  if (decision.verdict != Verdict::pass) status = refusal(std::move(decision.reason));
  if (status.ok() && decision.earlier) status = decision.earlier->status;
  if (!status.ok()) return error_reply(command, std::move(status));
  call.earlier = std::move(decision.earlier);
  call.list = std::move(decision.list);
  if (call.earlier && acts_on_room(command) && hub_.is_shared()) return execute(client, std::move(command), acks, now);
  const bool has_target =
      std::holds_alternative<SendCommand>(command) || std::holds_alternative<ReportCommand>(command);
  if (has_target && call.earlier) {
    if (std::optional<Outcome> ended = find_target(call, command)) return *std::move(ended);
    return authorize_and_perform(call, command);
  }
  const CallbackScope scope(hub_);
  return perform(call, command);
}

Authorization Dispatcher::authorize(const ClientPtr& client, Action action, std::string_view room,
                                    std::string_view value, bool allowed) {
  std::optional<Decision> decision;
  if (application_.decides_requests()) {
    const DecisionId id = client->begin_decision(false);
    decision = application_.on_authorize({client, action, room, value, id});
    if (decision && decision->verdict == Verdict::defer) return {{}, id};
    client->end_decision(id);
  }
  if (!decision) {
    if (default_allows(*client, action, allowed)) return {};
    return {{Error::forbidden, "not allowed on this server"}, {}};
  }
  if (decision->verdict == Verdict::pass) return {};
  return {refusal(std::move(decision->reason)), {}};
}

bool Dispatcher::may_see_people(const ClientPtr& client, std::string_view room) {
  if (!application_.decides_requests()) return true;
  const CallbackScope scope(hub_);
  const std::optional<Decision> decision = application_.on_authorize({client, Action::members, room, {}});
  return !decision || decision->verdict == Verdict::pass;
}

Outcome Dispatcher::perform(Call& call, Command& command) {
  return std::visit([&](auto& specific) { return perform(call, specific); }, command);
}

Status Dispatcher::prepare(Call& call, SendCommand& command) {
  MessageDraft& draft = command.draft();
  RoomPtr room = call.client->place_for_send(draft.room, draft.sender);
  if (!command.to_application) {
    call.room = std::move(room);
    if (draft.room.empty()) {
      if (!call.room) return no_room();
      draft.room = call.room->name;
    }
  }
  Status status = check_sender(call, command);
  if (status.ok()) status = check_event_name(draft.event);
  if (status.ok() && draft.event == kModerationEvent && hub_.tells_moderation()) {
    status = {Error::invalid_event, "the event moderation comes from the server only"};
  }
  if (status.ok() && !draft.id.empty()) status = check_message_id(draft.id);
  if (status.ok() && draft.event_kind == RoomEventKind::reaction) status = check_reaction(draft.payload);
  if (!status.ok()) return status;
  if (command.except_self) draft.except = draft.sender.id;
  return {};
}

Status Dispatcher::check_sender(const Call& call, const SendCommand& command) const {
  if (command.to_application) return {};
  const auto check_rules = [&] {
    return hub_.check_message(*call.client, command.draft(), call.room, call.now, false);
  };
  if (call.room) return check_rules();
  const std::string& room = command.draft().room;
  if (command.without_joining) {
    Status status = hub_.check_entry(*call.client, room, call.now);
    return status.ok() ? check_rules() : status;
  }
  Status status = check_room_name(room);
  return status.ok() ? not_joined(room) : status;
}

std::optional<Outcome> Dispatcher::claim_id(Call& call, SendCommand& command, MessageIds::ClaimPtr& claim) {
  if (command.draft().id.empty()) return std::nullopt;
  MessageIds::Answer answer = hub_.claim_id(*call.client, command.draft(), call.now);
  if (answer.found == MessageIds::Found::pending) {
    const DecisionId id = call.client->begin_decision(false);
    answer = hub_.claim_id(*call.client, command.draft(), call.now, id);
    if (answer.found == MessageIds::Found::pending) return Suspended{std::move(command), id};
    call.client->end_decision(id);  // the first one was published or refused in between
  }
  if (answer.found == MessageIds::Found::fresh) {
    claim = std::move(answer.claim);
    return std::nullopt;
  }
  if (answer.found != MessageIds::Found::known) {
    return error_reply(std::move(command.ref), MessageIds::fault(answer.found), true);
  }
  if (!command.ref.empty()) {
    (void)hub_.acknowledge_again(call.client, command.ref, std::move(answer.position));  // the client may be gone
  }
  return Outcome();
}

Outcome Dispatcher::perform(Call& call, SendCommand& command) {
  MessageIds::ClaimPtr claim;
  if (std::optional<Outcome> repeated = claim_id(call, command, claim)) return *std::move(repeated);
  const RoomEventKind kind = command.draft().event_kind;
  const bool has_content = kind == RoomEventKind::message || kind == RoomEventKind::edit;
  if (!has_content || !application_.decides_messages()) return finish(call, command, 0, {}, std::move(claim));
  const bool answerable = !command.ref.empty() && !command.receipt_only;
  const std::uint64_t ack_id = answerable ? call.acks.add(command.ref) : 0;
  const DecisionId id = call.client->begin_decision(true);
  MessageRequest request{call.client, command.draft(), ack_id, id};
  Decision decision = application_.on_message(request);
  if (decision.verdict == Verdict::defer) return Suspended{std::move(command), id, ack_id, std::move(claim)};
  call.client->end_decision(id);
  return finish(call, command, ack_id, std::move(decision), std::move(claim));
}

Outcome Dispatcher::finish(Call& call, SendCommand& command, std::uint64_t ack_id, Decision&& decision,
                           MessageIds::ClaimPtr claim) {
  const bool handled =
      decision.verdict == Verdict::consume || (command.to_application && decision.verdict == Verdict::pass);
  if (handled && claim) claim->settle(0, call.now.age_ms);
  if (handled && command.receipt_only) return AckReply{std::move(command.ref), 0, {}};
  if (handled) return {};
  if (decision.verdict != Verdict::pass) return refuse(command, ack_id, refusal(std::move(decision.reason)), call.acks);
  bool must_wait = false;
  if (Status turn = hub_.check_message(*call.client, command.draft(), call.room, call.now, true, &must_wait);
      !turn.ok()) {
    return refuse(command, ack_id, std::move(turn), call.acks);
  }
  // It would wait in the place of the first message, and nothing that is not kept can wait.
  if (must_wait && command.draft().ephemeral) {
    return refuse(command, ack_id, {Error::forbidden, "a moderator must approve the first message in this room"},
                  call.acks);
  }
  const bool answered = ack_id != 0 && has_answered(call, ack_id);
  Receipt receipt = answered ? Receipt() : Receipt{call.client, command.ref, command.acknowledge_last};
  receipt.claim = std::move(claim);
  receipt.target = std::move(command.target);
  if (must_wait) {
    Status held = hub_.hold(call.client, std::move(command.message), call.now, std::move(receipt));
    if (held.ok() || answered) return {};
    return error_reply(std::move(command.ref), std::move(held), true);
  }
  const Result<Published> published =
      hub_.publish(std::move(command.message), call.now, std::move(receipt), call.client->source(), call.room);
  if (published.ok() || answered) return {};
  return error_reply(std::move(command.ref), published.status(), true);
}

// The application answered either inside its callback, so the answer is sent after this, or while the verdict was pending.
bool Dispatcher::has_answered(Call& call, std::uint64_t ack_id) const {
  const CallbackScope* const scope = CallbackScope::current(hub_);
  return (scope != nullptr && scope->answered(ack_id)) || !call.acks.take(ack_id);
}

Outcome Dispatcher::refuse(SendCommand& command, std::uint64_t ack_id, Status status, AckTable& acks) {
  if (ack_id != 0 && !acks.take(ack_id)) return {};  // the application already answered it
  return error_reply(std::move(command.ref), std::move(status), true);
}

Status Dispatcher::prepare(Call&, JoinCommand& command) { return check_room_name(command.room); }

std::optional<DecisionId> Dispatcher::read(const ClientPtr& client, std::optional<KeptQuery> query) {
  if (!query) return std::nullopt;
  const DecisionId id = client->begin_decision(false);
  hub_.read(client, id, *std::move(query));
  return id;
}

std::optional<DecisionId> Dispatcher::read_for(const ClientPtr& client, std::string_view room,
                                               const std::optional<Position>& since) {
  return read(client, hub_.unread(room, since));
}

Outcome Dispatcher::perform(Call& call, JoinCommand& command) {
  if (!call.earlier) {
    if (const auto id = read_for(call.client, command.room, command.since)) return Suspended{std::move(command), *id};
  }
  Status status = hub_.join(call.client, command.room, command.since, command.ref, call.now, call.earlier.get());
  if (status.ok()) return {};
  return error_reply(std::move(command.ref), std::move(status));
}

Status Dispatcher::prepare(Call&, LeaveCommand& command) { return check_room_name(command.room); }

Outcome Dispatcher::perform(Call& call, LeaveCommand& command) {
  Status status = hub_.leave(call.client, command.room, {}, command.ref);
  if (status.ok()) return {};
  return error_reply(std::move(command.ref), std::move(status));
}

Status Dispatcher::prepare(Call&, RenameCommand& command) {
  if (command.name.empty()) return {Error::invalid_argument, "name is empty"};
  return check_person_name(command.name);
}

Outcome Dispatcher::perform(Call& call, RenameCommand& command) {
  Status status = hub_.rename(call.client, command.name);
  if (!status.ok()) return error_reply(std::move(command.ref), std::move(status));
  return RenamedReply{std::move(command.ref), std::move(command.name)};
}

Status Dispatcher::prepare(Call& call, HistoryCommand& command) {
  if (command.search.made()) {
    if (Status status = check_search(*command.search); !status.ok()) return status;
  }
  if (command.around_seq != 0) {
    if (command.after_seq != 0 || command.before_seq != 0) {
      return {Error::invalid_argument, "around excludes after and before"};
    }
    command.before_seq = before_of_page_around(std::exchange(command.around_seq, 0), command.limit);
  }
  return choose_room(*call.client, command.room);
}

Outcome Dispatcher::perform(Call& call, HistoryCommand& command) {
  Status allowed = hub_.check_entry(*call.client, command.room, call.now);
  if (!allowed.ok()) return error_reply(std::move(command.ref), std::move(allowed));
  if (command.search.made()) return search(call, command);
  const KeptRange* const earlier = call.earlier.get();
  const auto read_first = [&](std::uint64_t after_seq) -> std::optional<DecisionId> {
    if (earlier) return std::nullopt;
    return read(call.client, hub_.unread(command.room, after_seq, command.limit, command.before_seq));
  };
  Result<HistoryReply> reply =
      hub_.history(command.room, command.after_seq, command.limit, call.now, command.before_seq, earlier);
  if (reply.ok() && command.after_seq != 0 && !command.epoch.empty() && command.epoch != reply->epoch) {
    if (const auto id = read_first(0)) return Suspended{std::move(command), *id};
    reply = hub_.history(command.room, 0, command.limit, call.now, command.before_seq, earlier);
    if (reply.ok()) reply->complete = false;
  } else if (const auto id = read_first(command.after_seq)) {
    return Suspended{std::move(command), *id};
  }
  if (!reply.ok()) return error_reply(std::move(command.ref), reply.status());
  reply->ref = std::move(command.ref);
  return std::move(*reply);
}

Outcome Dispatcher::search(Call& call, HistoryCommand& command) {
  if (!call.earlier) {
    Result<std::optional<KeptQuery>> query =
        hub_.search(command.room, *command.search, command.limit, command.before_seq);
    if (!query.ok()) return error_reply(std::move(command.ref), query.status());
    if (const auto id = read(call.client, *std::move(query))) return Suspended{std::move(command), *id};
  }
  HistoryReply reply = hub_.found(command.room, call.earlier.get(), call.now);
  reply.ref = std::move(command.ref);
  return reply;
}

Status Dispatcher::prepare(Call& call, MembersCommand& command) { return choose_room(*call.client, command.room); }

std::optional<DecisionId> Dispatcher::list_all(const Call& call, const std::string& room) {
  if (!hub_.is_shared() || call.list) return std::nullopt;
  const DecisionId id = call.client->begin_decision(false);
  hub_.list_all(call.client, id, room);
  return id;
}

Outcome Dispatcher::perform(Call& call, MembersCommand& command) {
  if (const auto id = list_all(call, command.room)) return Suspended{std::move(command), *id};
  if (call.list && call.list->members) {
    return MembersReply{std::move(command.ref), std::move(command.room), call.list->members};
  }
  Result<MemberListPtr> list = hub_.list_members(command.room, call.now);
  if (!list.ok()) return error_reply(std::move(command.ref), list.status());
  return MembersReply{std::move(command.ref), std::move(command.room), std::move(*list)};
}

Status Dispatcher::prepare(Call& call, PresenceCommand& command) { return choose_room(*call.client, command.room); }

Outcome Dispatcher::perform(Call& call, PresenceCommand& command) {
  std::optional<bool> listing;
  const auto may_list = [&] {
    if (listing) return *listing;
    const bool allowed = command.allowed || call.client->has_joined(command.room);
    const Authorization verdict = authorize(call.client, Action::members, command.room, {}, allowed);
    if (verdict.deferred) call.client->end_decision(*verdict.deferred);
    return listing.emplace(!verdict.deferred && verdict.status.ok());
  };
  // People of other servers may be in a room that this server does not have. Who may not list them does not open it.
  if (!call.earlier && hub_.is_shared() && hub_.presence_level(command.room) != PresenceLevel::off) {
    std::optional<KeptQuery> query = hub_.unread(command.room, std::nullopt);
    if (query && may_list()) return Suspended{std::move(command), *read(call.client, std::move(query))};
  }
  Result<PresenceNotice> notice = hub_.presence(command.room, false);
  if (!notice.ok()) return error_reply(std::move(command.ref), notice.status());
  if (!notice->counts_only && !may_list()) {
    notice->people.clear();
    notice->listed = false;
    notice->counts_only = true;
  }
  return PresenceReply{std::move(command.ref), std::move(command.room),
                       std::make_shared<const PresenceNotice>(std::move(*notice))};
}

Status Dispatcher::prepare(Call&, StateCommand& command) { return hub_.check_state(command.state); }

Outcome Dispatcher::perform(Call& call, StateCommand& command) {
  Status status = hub_.set_state(call.client, std::move(command.state));
  if (!status.ok()) return error_reply(std::move(command.ref), std::move(status));
  if (command.ref.empty()) return {};
  return AckReply{std::move(command.ref), 0, {}};
}

Status Dispatcher::prepare(Call& call, SeenCommand& command) {
  Status status = choose_room(*call.client, command.room);
  if (status.ok()) status = check_member(*call.client, command.room);
  if (!status.ok()) return status;
  if (!call.client->identity()->user_id.empty()) return {};
  return {Error::forbidden, "a guest has no read marker: it belongs to a user id"};
}

Outcome Dispatcher::perform(Call& call, SeenCommand& command) {
  const IdentityPtr user = call.client->identity();
  Status status = hub_.set_seen(command.room, user->user_id, command.seq, call.client->id(), call.now);
  if (!status.ok()) return error_reply(std::move(command.ref), std::move(status), true);
  if (command.ref.empty()) return {};
  return AckReply{std::move(command.ref), 0, {}};
}

// Checked before the application is asked: whoever has no role for it cannot be allowed to moderate.
Status Dispatcher::prepare(Call& call, ModerateCommand& command) {
  Status status = choose_room(*call.client, command.what().room);
  if (status.ok()) status = check_moderation(command.what());
  if (!status.ok()) return status;
  if (hub_.role_in_room(*call.client, command.what().room) >= Role::moderator) return {};
  return {Error::forbidden, "only a moderator may do this"};
}

Outcome Dispatcher::perform(Call& call, ModerateCommand& command) {
  const Result<Hub::Target> target = hub_.find_target(command.what());
  if (!target.ok()) return error_reply(std::move(command.ref), target.status());
  Status status = hub_.moderate(command.what(), *target, call.client, call.now);
  if (!status.ok()) return error_reply(std::move(command.ref), std::move(status));
  return ModeratedReply{std::move(command.ref), std::move(command.what().room), command.what().action};
}

Status Dispatcher::prepare(Call& call, ReportCommand& command) {
  if (!hub_.tells_reports()) return {Error::unsupported, "nobody hears reports on this server"};
  Status status = choose_room(*call.client, command.room);
  if (status.ok()) status = check_moderation_reason(command.reason);
  return status.ok() ? check_member(*call.client, command.room) : status;
}

Outcome Dispatcher::perform(Call& call, ReportCommand& command) {
  Status status = hub_.report(*call.client, std::move(command.target), std::move(command.reason), call.now);
  if (!status.ok()) return error_reply(std::move(command.ref), std::move(status));
  if (command.ref.empty()) return {};
  return AckReply{std::move(command.ref), 0, {}};
}

Outcome Dispatcher::perform(Call& call, RoomsCommand& command) {
  if (const auto id = list_all(call, {})) return Suspended{std::move(command), *id};
  const bool spans_servers = call.list && call.list->rooms;
  return RoomsReply{std::move(command.ref), spans_servers ? call.list->rooms : hub_.list_rooms(call.now)};
}

Outcome Dispatcher::perform(Call&, PingCommand& command) { return PongReply{std::move(command.ref)}; }

// The client's peer does the rest: it delivers what is still in the inbox first.
Outcome Dispatcher::perform(Call&, DisconnectCommand& command) { return DisconnectedReply{std::move(command.ref)}; }

}  // namespace chat
