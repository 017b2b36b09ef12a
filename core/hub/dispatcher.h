// Carries out what a client asks for: authorises it, shows it to the application, and lets the hub do it. Every protocol
// comes through here, so that all obey the same rules.
#pragma once

#include <cstdint>
#include <optional>

#include "hub/ack_table.h"
#include "hub/application.h"
#include "hub/command.h"
#include "hub/hub.h"

namespace chat {

class Dispatcher {
 public:
  Dispatcher(Hub& hub, Application& application) : hub_(hub), application_(application) {}

  // On the client's loop. The reply is nullopt when there is nothing to say now: a join's and a leave's comes by the inbox.
  std::optional<Reply> execute(const ClientPtr& client, Command command, AckTable& acks, std::int64_t now_ms);

  // forbidden, with the application's reason. Without an application's opinion: lists are off, guests may rename
  // themselves, everything else is allowed.
  Status authorize(const ClientPtr& client, Action action, std::string_view room, std::string_view value = {});

 private:
  std::optional<Reply> run(const ClientPtr& client, SendCommand& command, AckTable& acks, std::int64_t now_ms);
  std::optional<Reply> run(const ClientPtr& client, JoinCommand& command, AckTable& acks, std::int64_t now_ms);
  std::optional<Reply> run(const ClientPtr& client, LeaveCommand& command, AckTable& acks, std::int64_t now_ms);
  std::optional<Reply> run(const ClientPtr& client, RenameCommand& command, AckTable& acks, std::int64_t now_ms);
  std::optional<Reply> run(const ClientPtr& client, HistoryCommand& command, AckTable& acks, std::int64_t now_ms);
  std::optional<Reply> run(const ClientPtr& client, MembersCommand& command, AckTable& acks, std::int64_t now_ms);
  std::optional<Reply> run(const ClientPtr& client, RoomsCommand& command, AckTable& acks, std::int64_t now_ms);
  std::optional<Reply> run(const ClientPtr& client, PingCommand& command, AckTable& acks, std::int64_t now_ms);

  Hub& hub_;
  Application& application_;
};

}  // namespace chat
