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

// A command that waits for a verdict. The id tells whether on_message or on_authorize deferred it (is_about_message()).
struct Suspended {
  Command command;
  DecisionId decision = 0;
  std::uint64_t ack_id = 0;  // of a message; 0: the client wants no acknowledgement
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

  // Asks on_authorize. Without a verdict the default policy applies: listing is forbidden unless the command allows it,
  // guests may rename themselves, everything else is allowed.
  Authorization authorize(const ClientPtr& client, Action action, std::string_view room, std::string_view value = {},
                          bool listing_allowed = false);

 private:
  // Validates a command independently of its sender and fills in omitted fields.
  Status prepare(const ClientPtr& client, SendCommand& command, Moment now);
  Status prepare(const ClientPtr& client, JoinCommand& command, Moment now);
  Status prepare(const ClientPtr& client, LeaveCommand& command, Moment now);
  Status prepare(const ClientPtr& client, RenameCommand& command, Moment now);
  Status prepare(const ClientPtr& client, HistoryCommand& command, Moment now);
  Status prepare(const ClientPtr& client, MembersCommand& command, Moment now);
  Status prepare(const ClientPtr&, RoomsCommand&, Moment) { return {}; }
  Status prepare(const ClientPtr&, PingCommand&, Moment) { return {}; }
  Status prepare(const ClientPtr&, DisconnectCommand&, Moment) { return {}; }

  // Whether the client may send messages to the room of this command.
  Status check_sender(const Client& client, const SendCommand& command, Moment now) const;

  // Runs an authorized command.
  Outcome perform(const ClientPtr& client, SendCommand& command, AckTable& acks, Moment now);
  Outcome perform(const ClientPtr& client, JoinCommand& command, AckTable& acks, Moment now);
  Outcome perform(const ClientPtr& client, LeaveCommand& command, AckTable& acks, Moment now);
  Outcome perform(const ClientPtr& client, RenameCommand& command, AckTable& acks, Moment now);
  Outcome perform(const ClientPtr& client, HistoryCommand& command, AckTable& acks, Moment now);
  Outcome perform(const ClientPtr& client, MembersCommand& command, AckTable& acks, Moment now);
  Outcome perform(const ClientPtr& client, RoomsCommand& command, AckTable& acks, Moment now);
  Outcome perform(const ClientPtr& client, PingCommand& command, AckTable& acks, Moment now);
  Outcome perform(const ClientPtr& client, DisconnectCommand& command, AckTable& acks, Moment now);

  Outcome perform(const ClientPtr& client, Command& command, AckTable& acks, Moment now);
  // Publishes or rejects a message after the verdict of on_message.
  Outcome finish(const ClientPtr& client, SendCommand& command, std::uint64_t ack_id, Decision decision, AckTable& acks,
                 Moment now);
  Outcome refuse(SendCommand& command, std::uint64_t ack_id, Status status, AckTable& acks);

  Hub& hub_;
  Application& application_;
};

}  // namespace chat
