// The entry points about who is in a room, and for how long there is one.
#include "handle.h"
#include "model/names.h"

using chat::ClientPtr;
using chat::Error;
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

Status ban(chat_server *handle, Server &server, const char *function, std::string key, const char *room,
           std::int64_t duration_ms, const char *reason) {
  Result<std::string> name = read_room(room);
  if (!name.ok()) return name.status();
  if (duration_ms < 0) return {Error::invalid_argument, "duration_ms is negative"};
  Result<std::string> why = read_reason_argument(reason);
  if (!why.ok()) return why.status();
  chat::Hub &hub = server.hub();
  return act(*handle, server, function,
             [&hub, key = std::move(key), name = std::move(*name), duration_ms, why = std::move(*why)] {
               return hub.ban(key, name, duration_ms, why, chat::net::current_moment());
             });
}

}  // namespace

chat_error chat_join(chat_server *server, chat_client_id client, const char *room) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<std::string> name = read_room(room);
    if (!name.ok()) return name.status();
    Result<ClientPtr> found = find_client(**running, client);
    if (!found.ok()) return found.status();
    chat::Hub &hub = (*running)->hub();
    return act(*server, **running, "chat_join", [&hub, found = std::move(*found), name = std::move(*name)] {
      return hub.join(found, name, std::nullopt, std::nullopt, chat::net::current_moment());
    });
  });
}

chat_error chat_leave(chat_server *server, chat_client_id client, const char *room) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<std::string> name = read_room(room);
    if (!name.ok()) return name.status();
    Result<ClientPtr> found = find_client(**running, client);
    if (!found.ok()) return found.status();
    chat::Hub &hub = (*running)->hub();
    return act(*server, **running, "chat_leave", [&hub, found = std::move(*found), name = std::move(*name)] {
      return hub.leave(found, name, "removed by the server");
    });
  });
}

chat_error chat_ban(chat_server *server, chat_client_id client, const char *room, int64_t duration_ms,
                    const char *reason) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<ClientPtr> found = find_client(**running, client);
    if (!found.ok()) return found.status();
    if ((*found)->identity()->user_id.empty() && (*found)->origin().address.empty()) {
      return {Error::unsupported, "a guest on a UNIX socket has neither a user id nor an address to ban"};
    }
    return ban(server, **running, "chat_ban", (*found)->ban_key(), room, duration_ms, reason);
  });
}

chat_error chat_ban_user(chat_server *server, const char *user_id, const char *room, int64_t duration_ms,
                         const char *reason) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<std::string> user = chat::capi::read_user_id(user_id);
    if (!user.ok()) return user.status();
    return ban(server, **running, "chat_ban_user", "user:" + *user, room, duration_ms, reason);
  });
}

chat_error chat_close_room(chat_server *server, const char *room, const char *reason) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<std::string> name = read_room(room);
    if (!name.ok()) return name.status();
    Result<std::string> why = read_reason_argument(reason);
    if (!why.ok()) return why.status();
    chat::Hub &hub = (*running)->hub();
    return act(*server, **running, "chat_close_room",
               [&hub, name = std::move(*name), why = std::move(*why)] { return hub.close_room(name, why); });
  });
}

chat_error chat_check_room_name(const char *room) noexcept {
  return guarded([&] { return read_room(room).status(); });
}
