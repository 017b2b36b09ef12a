// See dispatcher.h.
#include "hub/dispatcher.h"

namespace chat {
namespace {

Outcome error_reply(std::string ref, Status status, bool of_send = false) {
  return ErrorReply{std::move(ref), status.code, std::move(status.detail), of_send};
}

// Builds an error reply that carries the `ref` of the command.
Outcome error_reply(Command& command, Status status) {
  std::string ref = std::visit([](auto& specific) { return std::move(specific.ref); }, command);
  return error_reply(std::move(ref), std::move(status), std::holds_alternative<SendCommand>(command));
}

// Fills in the room that a request without a room name refers to.
Status choose_room(const Client& client, std::string& room) {
  if (!room.empty()) return check_room_name(room);
  const RoomPtr first = client.joined({});
  if (!first) return {Error::not_joined, "no room is named, and the client has joined none"};
  room = first->name;
  return {};
}

bool default_allows(const Client& client, Action action, bool listing_allowed) {
  switch (action) {
    case Action::members:
    case Action::rooms:
      return listing_allowed;
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
  bool listing_allowed = false;
};

std::optional<Question> question(const Command& command) {
  struct {
    using Asked = std::optional<Question>;
    Asked operator()(const SendCommand& c) const {
      if (c.to_application) return std::nullopt;  // on_message decides
      return Question{Action::publish, c.draft.room, c.draft.event};
    }
    Asked operator()(const JoinCommand& c) const { return Question{Action::join, c.room, {}}; }
    Asked operator()(const LeaveCommand&) const { return std::nullopt; }
    Asked operator()(const RenameCommand& c) const { return Question{Action::rename, {}, c.name}; }
    Asked operator()(const HistoryCommand& c) const { return Question{Action::history, c.room, {}}; }
    Asked operator()(const MembersCommand& c) const { return Question{Action::members, c.room, {}, c.allowed}; }
    Asked operator()(const RoomsCommand& c) const { return Question{Action::rooms, {}, {}, c.allowed}; }
    Asked operator()(const PingCommand&) const { return std::nullopt; }
    Asked operator()(const DisconnectCommand&) const { return std::nullopt; }
  } asked;
  return std::visit(asked, command);
}

}  // namespace

Outcome Dispatcher::execute(const ClientPtr& client, Command&& command, AckTable& acks, Moment now) {
  Status status = std::visit([&](auto& specific) { return prepare(client, specific, now); }, command);
  if (!status.ok()) return error_reply(command, std::move(status));

  const CallbackScope scope(hub_);
  if (const std::optional<Question> asked = question(command)) {
    Authorization authorization = authorize(client, asked->action, asked->room, asked->value, asked->listing_allowed);
    if (authorization.deferred) return Suspended{std::move(command), *authorization.deferred};
    if (!authorization.status.ok()) return error_reply(command, std::move(authorization.status));
  }
  return perform(client, command, acks, now);
}

Outcome Dispatcher::resume(const ClientPtr& client, Suspended&& suspended, Decision decision, AckTable& acks,
                           Moment now) {
  Command& command = suspended.command;
  Status status;
  if (auto* const send = std::get_if<SendCommand>(&command); send != nullptr && decision.verdict == Verdict::pass) {
    status = check_sender(*client, *send, now);  // the application may have removed it from the room meanwhile
  }
  if (is_about_message(suspended.decision)) {
    SendCommand& send = std::get<SendCommand>(command);
    if (!status.ok()) return refuse(send, suspended.ack_id, std::move(status), acks);
    if (decision.replacement) {
      decision.replacement->room = std::move(send.draft.room);
      decision.replacement->sender = std::move(send.draft.sender);
      send.draft = std::move(*decision.replacement);
    }
    return finish(client, send, suspended.ack_id, std::move(decision), acks, now);
  }
  if (decision.verdict != Verdict::pass) status = refusal(std::move(decision.reason));
  if (!status.ok()) return error_reply(command, std::move(status));
  const CallbackScope scope(hub_);
  return perform(client, command, acks, now);
}

Authorization Dispatcher::authorize(const ClientPtr& client, Action action, std::string_view room,
                                    std::string_view value, bool listing_allowed) {
  const DecisionId id = client->begin_decision(false);
  std::optional<Decision> decision = application_.on_authorize({client, action, room, value, id});
  if (decision && decision->verdict == Verdict::defer) return {{}, id};
  client->end_decision(id);
  if (!decision) {
    if (default_allows(*client, action, listing_allowed)) return {};
    return {{Error::forbidden, "not allowed on this server"}, {}};
  }
  if (decision->verdict == Verdict::pass) return {};
  return {refusal(std::move(decision->reason)), {}};
}

Outcome Dispatcher::perform(const ClientPtr& client, Command& command, AckTable& acks, Moment now) {
  return std::visit([&](auto& specific) { return perform(client, specific, acks, now); }, command);
}

Status Dispatcher::prepare(const ClientPtr& client, SendCommand& command, Moment now) {
  MessageDraft& draft = command.draft;
  Status status;
  if (!command.to_application) status = choose_room(*client, draft.room);
  if (status.ok()) status = check_sender(*client, command, now);
  if (status.ok()) status = check_event_name(draft.event);
  if (!status.ok()) return status;
  const IdentityPtr identity = client->identity();
  draft.sender = {client->id(), identity->name, identity->user_id};
  if (command.except_self) draft.except = client->id();
  return {};
}

Status Dispatcher::check_sender(const Client& client, const SendCommand& command, Moment now) const {
  const std::string& room = command.draft.room;
  if (command.to_application || client.has_joined(room)) return {};
  if (command.without_joining) return hub_.check_entry(client, room, now);
  return {Error::not_joined, "not a member of the room " + room};
}

Outcome Dispatcher::perform(const ClientPtr& client, SendCommand& command, AckTable& acks, Moment now) {
  const bool answerable = !command.ref.empty() && !command.receipt_only;
  const std::uint64_t ack_id = answerable ? acks.add(command.ref) : 0;
  const DecisionId id = client->begin_decision(true);
  MessageRequest request{client, command.draft, ack_id, id};
  Decision decision = application_.on_message(request);
  if (decision.verdict == Verdict::defer) return Suspended{std::move(command), id, ack_id};
  client->end_decision(id);
  return finish(client, command, ack_id, std::move(decision), acks, now);
}

Outcome Dispatcher::finish(const ClientPtr& client, SendCommand& command, std::uint64_t ack_id, Decision decision,
                           AckTable& acks, Moment now) {
  const bool handled =
      decision.verdict == Verdict::consume || (command.to_application && decision.verdict == Verdict::pass);
  if (handled && command.receipt_only) return AckReply{std::move(command.ref), 0, {}};
  if (handled) return {};
  if (decision.verdict != Verdict::pass) return refuse(command, ack_id, refusal(std::move(decision.reason)), acks);
  const CallbackScope* const scope = CallbackScope::current(hub_);
  // The application answered either inside its callback, so the answer is sent after this, or while the verdict was
  // pending.
  const bool answered = ack_id != 0 && ((scope != nullptr && scope->answered(ack_id)) || !acks.take(ack_id));
  Receipt receipt;
  if (!answered) receipt = {client, command.ref, command.acknowledge_last};
  const RoomPtr room = client->joined(command.draft.room);
  const Result<Published> published =
      hub_.publish(std::move(command.draft), now, std::move(receipt), client->source(), room);
  if (published.ok() || answered) return {};
  return error_reply(std::move(command.ref), published.status(), true);
}

Outcome Dispatcher::refuse(SendCommand& command, std::uint64_t ack_id, Status status, AckTable& acks) {
  if (ack_id != 0 && !acks.take(ack_id)) return {};  // the application already answered it
  return error_reply(std::move(command.ref), std::move(status), true);
}

Status Dispatcher::prepare(const ClientPtr&, JoinCommand& command, Moment) { return check_room_name(command.room); }

Outcome Dispatcher::perform(const ClientPtr& client, JoinCommand& command, AckTable&, Moment now) {
  Status status = hub_.join(client, command.room, command.since, command.ref, now);
  if (status.ok()) return {};
  return error_reply(std::move(command.ref), std::move(status));
}

Status Dispatcher::prepare(const ClientPtr&, LeaveCommand& command, Moment) { return check_room_name(command.room); }

Outcome Dispatcher::perform(const ClientPtr& client, LeaveCommand& command, AckTable&, Moment) {
  Status status = hub_.leave(client, command.room, {}, command.ref);
  if (status.ok()) return {};
  return error_reply(std::move(command.ref), std::move(status));
}

Status Dispatcher::prepare(const ClientPtr&, RenameCommand& command, Moment) {
  if (command.name.empty()) return {Error::invalid_argument, "name is empty"};
  return check_person_name(command.name);
}

Outcome Dispatcher::perform(const ClientPtr& client, RenameCommand& command, AckTable&, Moment) {
  Status status = hub_.rename(client, command.name);
  if (!status.ok()) return error_reply(std::move(command.ref), std::move(status));
  return RenamedReply{std::move(command.ref), std::move(command.name)};
}

Status Dispatcher::prepare(const ClientPtr& client, HistoryCommand& command, Moment) {
  return choose_room(*client, command.room);
}

Outcome Dispatcher::perform(const ClientPtr&, HistoryCommand& command, AckTable&, Moment now) {
  Result<HistoryReply> reply = hub_.history(command.room, command.after_seq, command.limit, now, command.before_seq);
  if (reply.ok() && command.after_seq != 0 && !command.epoch.empty() && command.epoch != reply->epoch) {
    reply = hub_.history(command.room, 0, command.limit, now, command.before_seq);
    if (reply.ok()) reply->complete = false;
  }
  if (!reply.ok()) return error_reply(std::move(command.ref), reply.status());
  reply->ref = std::move(command.ref);
  return std::move(*reply);
}

Status Dispatcher::prepare(const ClientPtr& client, MembersCommand& command, Moment) {
  return choose_room(*client, command.room);
}

Outcome Dispatcher::perform(const ClientPtr&, MembersCommand& command, AckTable&, Moment now) {
  Result<MemberListPtr> list = hub_.list_members(command.room, now);
  if (!list.ok()) return error_reply(std::move(command.ref), list.status());
  return MembersReply{std::move(command.ref), std::move(command.room), std::move(*list)};
}

Outcome Dispatcher::perform(const ClientPtr&, RoomsCommand& command, AckTable&, Moment now) {
  return RoomsReply{std::move(command.ref), hub_.list_rooms(now)};
}

Outcome Dispatcher::perform(const ClientPtr&, PingCommand& command, AckTable&, Moment) {
  return PongReply{std::move(command.ref)};
}

// The client's peer does the rest: it delivers what is still in the inbox first.
Outcome Dispatcher::perform(const ClientPtr&, DisconnectCommand& command, AckTable&, Moment) {
  return DisconnectedReply{std::move(command.ref)};
}

}  // namespace chat
