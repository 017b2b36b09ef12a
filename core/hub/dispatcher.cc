// See dispatcher.h.
#include "hub/dispatcher.h"

#include "hub/callback_scope.h"

namespace chat {
namespace {

Reply error_reply(std::string ref, Status status, bool of_send = false) {
  return ErrorReply{std::move(ref), status.code, std::move(status.detail), of_send};
}

// The room that a request means when it names none.
Status choose_room(const Client& client, std::string& room) {
  if (!room.empty()) return check_room_name(room);
  std::vector<std::string> rooms = client.rooms();
  if (rooms.empty()) return {Error::not_joined, "no room given and none joined"};
  room = std::move(rooms.front());
  return {};
}

bool default_allows(const Client& client, Action action) {
  switch (action) {
    case Action::members:
    case Action::rooms:
      return false;
    case Action::rename:
      return client.identity()->user_id.empty();
    default:
      return true;
  }
}

}  // namespace

std::optional<Reply> Dispatcher::execute(const ClientPtr& client, Command command, AckTable& acks,
                                         std::int64_t now_ms) {
  return std::visit([&](auto& specific) { return run(client, specific, acks, now_ms); }, command);
}

Status Dispatcher::authorize(const ClientPtr& client, Action action, std::string_view room, std::string_view value) {
  std::optional<Decision> decision = application_.on_authorize({client, action, room, value});
  if (!decision) {
    if (default_allows(*client, action)) return {};
    return {Error::forbidden, "not allowed on this server"};
  }
  if (decision->verdict == Verdict::pass) return {};
  return {Error::forbidden, decision->reason.empty() ? "refused" : std::move(decision->reason)};
}

std::optional<Reply> Dispatcher::run(const ClientPtr& client, SendCommand& command, AckTable& acks,
                                     std::int64_t now_ms) {
  MessageDraft& draft = command.draft;
  Status status = choose_room(*client, draft.room);
  if (status.ok() && !client->has_joined(draft.room)) {
    status = {Error::not_joined, "not a member of the room " + draft.room};
  }
  if (status.ok()) status = check_event_name(draft.event);
  if (!status.ok()) return error_reply(std::move(command.ref), std::move(status), true);

  const IdentityPtr identity = client->identity();
  draft.sender = {client->id(), identity->name, identity->user_id};
  if (command.except_self) draft.except = client->id();

  CallbackScope scope(hub_);
  status = authorize(client, Action::publish, draft.room, draft.event);
  if (!status.ok()) return error_reply(std::move(command.ref), std::move(status), true);

  const std::uint64_t ack_id = command.ref.empty() ? 0 : acks.add(command.ref);
  MessageRequest request{client, draft, ack_id};
  Decision decision = application_.on_message(request);
  if (decision.verdict == Verdict::consume) return std::nullopt;
  if (decision.verdict != Verdict::pass) {
    if (ack_id != 0) acks.take(ack_id);
    std::string reason = decision.reason.empty() ? "refused" : std::move(decision.reason);
    return error_reply(std::move(command.ref), {Error::forbidden, std::move(reason)}, true);
  }

  Result<Published> published = hub_.publish(std::move(draft), now_ms);
  if (ack_id == 0 && published.ok()) return std::nullopt;
  if (scope.answered(ack_id)) return std::nullopt;
  if (ack_id != 0) acks.take(ack_id);
  if (!published.ok()) return error_reply(std::move(command.ref), published.status(), true);
  return AckReply{std::move(command.ref), published->seq, std::move(published->epoch)};
}

std::optional<Reply> Dispatcher::run(const ClientPtr& client, JoinCommand& command, AckTable&, std::int64_t now_ms) {
  Status status = check_room_name(command.room);
  CallbackScope scope(hub_);
  if (status.ok()) status = authorize(client, Action::join, command.room);
  if (status.ok()) status = hub_.join(client, command.room, command.since, command.ref, now_ms);
  if (status.ok()) return std::nullopt;
  return error_reply(std::move(command.ref), std::move(status));
}

std::optional<Reply> Dispatcher::run(const ClientPtr& client, LeaveCommand& command, AckTable&, std::int64_t) {
  Status status = check_room_name(command.room);
  if (status.ok()) status = hub_.leave(client, command.room, {}, command.ref);
  if (status.ok()) return std::nullopt;
  return error_reply(std::move(command.ref), std::move(status));
}

std::optional<Reply> Dispatcher::run(const ClientPtr& client, RenameCommand& command, AckTable&, std::int64_t) {
  Status status =
      command.name.empty() ? Status{Error::invalid_argument, "empty name"} : check_person_name(command.name);
  CallbackScope scope(hub_);
  if (status.ok()) status = authorize(client, Action::rename, {}, command.name);
  if (status.ok()) status = hub_.rename(client, command.name);
  if (!status.ok()) return error_reply(std::move(command.ref), std::move(status));
  return RenamedReply{std::move(command.ref), std::move(command.name)};
}

std::optional<Reply> Dispatcher::run(const ClientPtr& client, HistoryCommand& command, AckTable&, std::int64_t now_ms) {
  Status status = choose_room(*client, command.room);
  CallbackScope scope(hub_);
  if (status.ok()) status = authorize(client, Action::history, command.room);
  if (!status.ok()) return error_reply(std::move(command.ref), std::move(status));
  Result<HistoryReply> reply = hub_.history(command.room, command.after_seq, command.limit, now_ms);
  if (!reply.ok()) return error_reply(std::move(command.ref), reply.status());
  reply->ref = std::move(command.ref);
  return std::move(*reply);
}

std::optional<Reply> Dispatcher::run(const ClientPtr& client, MembersCommand& command, AckTable&, std::int64_t) {
  Status status = choose_room(*client, command.room);
  CallbackScope scope(hub_);
  if (status.ok()) status = authorize(client, Action::members, command.room);
  if (!status.ok()) return error_reply(std::move(command.ref), std::move(status));
  Result<std::vector<ClientPtr>> members = hub_.members(command.room);
  if (!members.ok()) return error_reply(std::move(command.ref), members.status());
  MembersReply reply{std::move(command.ref), std::move(command.room), {}};
  reply.members.reserve(members->size());
  for (const ClientPtr& member : *members) reply.members.push_back({member->id(), member->identity()->name});
  return reply;
}

std::optional<Reply> Dispatcher::run(const ClientPtr& client, RoomsCommand& command, AckTable&, std::int64_t) {
  CallbackScope scope(hub_);
  Status status = authorize(client, Action::rooms, {});
  if (!status.ok()) return error_reply(std::move(command.ref), std::move(status));
  return RoomsReply{std::move(command.ref), hub_.rooms()};
}

std::optional<Reply> Dispatcher::run(const ClientPtr&, PingCommand& command, AckTable&, std::int64_t) {
  return PongReply{std::move(command.ref)};
}

}  // namespace chat
