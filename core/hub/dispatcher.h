// Executes client commands: it asks the application for authorization, passes messages to it, and calls the hub. Every
// protocol uses it, so all of them follow the same rules.
//
// When the application defers a verdict, execute() returns the command as Suspended. The caller keeps it and passes it
// to resume() when the verdict arrives. Until then the caller must not execute another command of that client, so the
// client's order is preserved.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "hub/ack_table.h"
#include "hub/application.h"
#include "hub/callback_scope.h"
#include "hub/hub.h"
#include "model/command.h"

namespace chat {

// The result of on_authorize: a status (forbidden carries the application's reason), or the id of a deferred verdict.
struct Authorization {
  Status status;
  std::optional<DecisionId> deferred;
};

// A command that waits for a verdict, for what is read from a store, or for an earlier message with the same id. The decision's
// id tells whether on_message or on_authorize deferred it (is_about_message()).
struct Suspended {
  Command command;
  DecisionId decision = 0;
  std::uint64_t ack_id = 0;              // of a message; 0: the client wants no acknowledgement
  MessageIds::ClaimPtr claim = nullptr;  // of a message's id
};

// The result of a command: nothing yet (replies to join and leave, and acknowledgements, arrive through the inbox), a
// reply, or a suspended command.
using Outcome = std::variant<std::monostate, Reply, Suspended>;

class Dispatcher {
 public:
  // Both must outlive the dispatcher.
  Dispatcher(Hub& hub, Application& application) : hub_(hub), application_(application) {}

  // Runs a command of the client. Call on the client's loop. When it throws std::bad_alloc, the command has not been
  // carried out, and its ref is unchanged.
  Outcome execute(const ClientPtr& client, Command&& command, AckTable& acks, Moment now);
  // Continues a suspended command with its verdict. It may suspend again: on_message follows on_authorize. Call on the
  // client's loop. Throws as execute() does.
  Outcome resume(const ClientPtr& client, Suspended&& suspended, Decision decision, AckTable& acks, Moment now);

  // Before the client enters its first room with a position: reads what the room's store must be asked for. Returns the
  // decision that comes then, with what was read; nullopt: there is nothing to read.
  std::optional<DecisionId> read_for(const ClientPtr& client, std::string_view room,
                                     const std::optional<Position>& since);

  // Asks on_authorize. Without a verdict the default policy applies: listing, editing and redacting is forbidden unless
  // `allowed`, guests may rename themselves, everything else is allowed.
  Authorization authorize(const ClientPtr& client, Action action, std::string_view room, std::string_view value = {},
                          bool allowed = false);
  // Whether presence notices of the room name people to the client, which has joined it: asks on_authorize for
  // Action::members. Without a verdict they do. A deferred verdict is a refusal, because another question may be open.
  bool may_see_people(const ClientPtr& client, std::string_view room);

 private:
  // One execution of a command.
  struct Call {
    const ClientPtr& client;
    AckTable& acks;
    Moment now;
    KeptRangePtr earlier = nullptr;  // what was read for the command; see Hub::unread()
    FarListPtr list = nullptr;       // the same from other servers; see Hub::list_all()
    RoomPtr room = nullptr;          // of a message, when the client is a member of it; saves further look-ups
  };

  // Validates a command independently of its sender and fills in omitted fields.
  Status prepare(Call& call, SendCommand& command);
  Status prepare(Call& call, JoinCommand& command);
  Status prepare(Call& call, LeaveCommand& command);
  Status prepare(Call& call, RenameCommand& command);
  Status prepare(Call& call, HistoryCommand& command);
  Status prepare(Call& call, MembersCommand& command);
  Status prepare(Call& call, PresenceCommand& command);
  Status prepare(Call& call, StateCommand& command);
  Status prepare(Call& call, SeenCommand& command);
  Status prepare(Call&, RoomsCommand&) { return {}; }
  Status prepare(Call& call, ModerateCommand& command);
  Status prepare(Call& call, ReportCommand& command);
  Status prepare(Call&, PingCommand&) { return {}; }
  Status prepare(Call&, DisconnectCommand&) { return {}; }

  // Whether the client may send messages to the room of this command. call.room: that room, if it is a member there.
  Status check_sender(const Call& call, const SendCommand& command) const;

  // Whether the client may change a message, unless on_authorize refuses. Everyone may react. Only the client or the user that
  // sent the message may edit and redact it, for edit_window_ms. Moderators edit their own messages, and redact all, at any time.
  // Applications that pass every action, from before there were edits, allow nothing else.
  bool may_change(const Client& client, const MessageDraft& change, const Message& target, Moment now) const;
  // Finds the message that a command changes or reports. Returns what becomes of the command when there is none, or when it
  // must be read first.
  std::optional<Outcome> find_target(Call& call, Command& command);
  // Asks for authorization, and performs the command.
  Outcome authorize_and_perform(Call& call, Command& command);

  // Runs an authorized command.
  Outcome perform(Call& call, SendCommand& command);
  Outcome perform(Call& call, JoinCommand& command);
  Outcome perform(Call& call, LeaveCommand& command);
  Outcome perform(Call& call, RenameCommand& command);
  Outcome perform(Call& call, HistoryCommand& command);
  Outcome perform(Call& call, MembersCommand& command);
  Outcome perform(Call& call, PresenceCommand& command);
  Outcome perform(Call& call, StateCommand& command);
  Outcome perform(Call& call, SeenCommand& command);
  Outcome perform(Call& call, RoomsCommand& command);
  Outcome perform(Call& call, ModerateCommand& command);
  Outcome perform(Call& call, ReportCommand& command);
  Outcome perform(Call& call, PingCommand& command);
  Outcome perform(Call& call, DisconnectCommand& command);

  Outcome perform(Call& call, Command& command);
  Outcome search(Call& call, HistoryCommand& command);
  // What must be read before a command, whose room this server may not know; nullopt: nothing.
  std::optional<KeptQuery> unopened_room(const Command& command);
  // Reads what a command of the client must wait for; nullopt: nothing. Returns the decision that comes with it.
  std::optional<DecisionId> read(const ClientPtr& client, std::optional<KeptQuery> query);
  // Asks all servers for the members of the room, or with an empty name for the rooms. nullopt: there is one server, or they
  // have answered.
  std::optional<DecisionId> list_all(const Call& call, const std::string& room);
  // Publishes, holds or rejects a message after the verdict of on_message.
  Outcome finish(Call& call, SendCommand& command, std::uint64_t ack_id, Decision&& decision,
                 MessageIds::ClaimPtr claim);
  // Claims the id of a message. Returns what becomes of the message when another one has it.
  std::optional<Outcome> claim_id(Call& call, SendCommand& command, MessageIds::ClaimPtr& claim);
  // Whether the client has the application's own answer to its message.
  bool has_answered(Call& call, std::uint64_t ack_id) const;
  Outcome refuse(SendCommand& command, std::uint64_t ack_id, Status status, AckTable& acks);

  Hub& hub_;
  Application& application_;
};

}  // namespace chat
