// The entry points that change who is in a room, and that close rooms.
#include "handle.h"
#include "model/names.h"
#include "sized.h"

using chat::ClientPtr;
using chat::Error;
using chat::Hub;
using chat::Result;
using chat::Status;
using chat::capi::act;
using chat::capi::find_client;
using chat::capi::find_live_server;
using chat::capi::guarded;
using chat::capi::read_reason_argument;
using chat::capi::read_room;
using chat::net::Server;

namespace {

// For one client in one room. action(hub, client, room) returns a Status.
template <class Action>
chat_error change_membership(chat_server *server, const char *function, chat_client_id client, const char *room,
                             Action action) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<std::string> name = read_room(room);
    if (!name.ok()) return name.status();
    Result<ClientPtr> found = find_client(**running, client);
    if (!found.ok()) return found.status();
    Hub &hub = (*running)->hub();
    return act(*server, **running, function,
               [&hub, action, found = std::move(*found), name = std::move(*name)] { return action(hub, found, name); });
  });
}

// For a whole room, with a reason for those who leave it. action(hub, room, reason) returns a Status. arguments: whether the
// other arguments are valid.
template <class Action>
Status change_room(chat_server *handle, Server &server, const char *function, const char *room, const char *reason,
                   const Status &arguments, Action action) {
  Result<std::string> name = read_room(room);
  if (!name.ok()) return name.status();
  if (!arguments.ok()) return arguments;
  Result<std::string> why = read_reason_argument(reason);
  if (!why.ok()) return why.status();
  Hub &hub = server.hub();
  Result<chat::KeptRangePtr> opened = chat::capi::open_room(server, *name);
  if (!opened.ok()) return opened.status();
  return act(*handle, server, function,
             [&hub, action = std::move(action), name = std::move(*name), why = std::move(*why), opened = *opened] {
               return action(hub, name, why);
             });
}

// read_key(server) returns the key of the ban.
template <class ReadKey>
chat_error ban(chat_server *handle, const char *function, ReadKey read_key, const char *room, std::int64_t duration_ms,
               const char *reason) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(handle);
    if (!running.ok()) return running.status();
    Result<std::string> key = read_key(**running);
    if (!key.ok()) return key.status();
    const Status arguments = duration_ms < 0 ? Status{Error::invalid_argument, "duration_ms is negative"} : Status{};
    return change_room(handle, **running, function, room, reason, arguments,
                       [key = std::move(*key), duration_ms](Hub &hub, const std::string &name, const std::string &why) {
                         return hub.ban(key, name, duration_ms, why, chat::net::current_moment());
                       });
  });
}

}  // namespace

chat_error chat_join(chat_server *server, chat_client_id client, const char *room) noexcept {
  return change_membership(server, "chat_join", client, room,
                           [](Hub &hub, const ClientPtr &found, const std::string &name) {
                             return hub.join(found, name, std::nullopt, std::nullopt, chat::net::current_moment());
                           });
}

chat_error chat_leave(chat_server *server, chat_client_id client, const char *room) noexcept {
  return change_membership(server, "chat_leave", client, room,
                           [](Hub &hub, const ClientPtr &found, const std::string &name) {
                             return hub.leave(found, name, "removed by the server");
                           });
}

chat_error chat_ban(chat_server *server, chat_client_id client, const char *room, int64_t duration_ms,
                    const char *reason) noexcept {
  const auto key_of_client = [client](Server &running) -> Result<std::string> {
    Result<ClientPtr> found = find_client(running, client);
    if (!found.ok()) return found.status();
    if ((*found)->identity()->user_id.empty() && (*found)->origin().address.empty()) {
      return Status{Error::unsupported, "a guest on a UNIX socket has neither a user id nor an address to ban"};
    }
    return (*found)->ban_key();
  };
  return ban(server, "chat_ban", key_of_client, room, duration_ms, reason);
}

chat_error chat_ban_user(chat_server *server, const char *user_id, const char *room, int64_t duration_ms,
                         const char *reason) noexcept {
  const auto key_of_user = [user_id](Server &) -> Result<std::string> {
    Result<std::string> user = chat::capi::read_user_id(user_id);
    if (!user.ok()) return user.status();
    return "user:" + *user;
  };
  return ban(server, "chat_ban_user", key_of_user, room, duration_ms, reason);
}

chat_error chat_close_room(chat_server *server, const char *room, const char *reason) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    return change_room(server, **running, "chat_close_room", room, reason, {},
                       [](Hub &hub, const std::string &name, const std::string &why) {
                         return hub.close_room(name, why, chat::net::current_moment());
                       });
  });
}

chat_error chat_room_set_presence(chat_server *server, const char *room, chat_presence_level level) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    const int number = chat::capi::raw_number(level);
    if (number < CHAT_PRESENCE_OFF || number > CHAT_PRESENCE_FULL) {
      return {Error::invalid_argument, "level is " + std::to_string(number) + ", not a chat_presence_level"};
    }
    const auto wished = static_cast<chat::PresenceLevel>(number);
    const bool usual = wished == (*running)->options().hub.presence;
    const std::optional<chat::PresenceLevel> own = usual ? std::nullopt : std::optional(wished);
    return change_room(
        server, **running, "chat_room_set_presence", room, nullptr, {},
        [own](Hub &hub, const std::string &name, const std::string &) { return hub.set_presence(name, own); });
  });
}

chat_error chat_check_room_name(const char *room) noexcept {
  return guarded([&] { return read_room(room).status(); });
}
