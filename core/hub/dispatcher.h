// Carries out what a client asks for: authorises it, shows it to the application, and lets the hub do it. Every protocol
// comes through here, so that all obey the same rules.
//
// The application may put a verdict off. Then what was asked for is handed back (Suspended), for the caller to keep and to
// resume when the verdict is there. Until then the caller executes nothing else of the client, so that its order stays.
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

// The answer of on_authorize: a status, forbidden with the application's reason, or that it comes later.
struct Authorization {
  Status status;
  std::optional<DecisionId> deferred;
};

// A command that waits for a verdict: of on_authorize, or, when the id is about a message, of on_message.
struct Suspended {
  Command command;
  DecisionId decision = 0;
  std::uint64_t ack_id = 0;  // of a message; 0: no acknowledgement is wanted
};

// Nothing to say now (the reply to a join or a leave and the acknowledgement of a message come by the inbox), a reply, or a command that waits.
using Outcome = std::variant<std::monostate, Reply, Suspended>;

class Dispatcher {
 public:
  Dispatcher(Hub& hub, Application& application) : hub_(hub), application_(application) {}

  // On the client's loop. When it throws std::bad_alloc, the command has not been carried out, and its ref is unchanged.
  Outcome execute(const ClientPtr& client, Command&& command, AckTable& acks, Moment now);
  // The same, from where it was suspended. May suspend again: on_message after on_authorize.
  Outcome resume(const ClientPtr& client, Suspended&& suspended, Decision decision, AckTable& acks, Moment now);

  // Without an application's opinion: lists are off, guests may rename themselves, everything else is allowed.
  Authorization authorize(const ClientPtr& client, Action action, std::string_view room, std::string_view value = {});

 private:
  // What is wrong with a command whoever sends it; fills in what it leaves out.
  Status prepare(const ClientPtr& client, SendCommand& command);
  Status prepare(const ClientPtr& client, JoinCommand& command);
  Status prepare(const ClientPtr& client, LeaveCommand& command);
  Status prepare(const ClientPtr& client, RenameCommand& command);
  Status prepare(const ClientPtr& client, HistoryCommand& command);
  Status prepare(const ClientPtr& client, MembersCommand& command);
  Status prepare(const ClientPtr&, RoomsCommand&) { return {}; }
  Status prepare(const ClientPtr&, PingCommand&) { return {}; }
  Status prepare(const ClientPtr&, DisconnectCommand&) { return {}; }

  // An authorised command.
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
  // A message on which on_message has had its say.
  Outcome finish(const ClientPtr& client, SendCommand& command, std::uint64_t ack_id, Decision decision, AckTable& acks,
                 Moment now);
  Outcome refuse(SendCommand& command, std::uint64_t ack_id, Status status, AckTable& acks);

  Hub& hub_;
  Application& application_;
};

}  // namespace chat
