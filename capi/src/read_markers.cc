// The entry points of read markers: chat_seen() and chat_set_seen().
#include <string>
#include <utility>

#include "handle.h"

using chat::Error;
using chat::Result;
using chat::Status;
using chat::capi::act;
using chat::capi::find_live_server;
using chat::capi::find_server;
using chat::capi::guarded;
using chat::capi::read_room;
using chat::capi::read_user_id;
using chat::net::Server;

chat_error chat_seen(chat_server *server, const char *room, const char *user_id, uint64_t *seq) noexcept {
  if (seq != nullptr) *seq = 0;
  return guarded([&]() -> Status {
    Result<Server *> running = find_server(server);
    if (!running.ok()) return running.status();
    if (seq == nullptr) return {Error::invalid_argument, "seq is NULL"};
    Result<std::string> name = read_room(room);
    if (!name.ok()) return name.status();
    Result<std::string> user = read_user_id(user_id);
    if (!user.ok()) return user.status();
    const Result<std::uint64_t> seen = (*running)->hub().seen(*name, *user);
    if (seen.ok()) *seq = *seen;
    return seen.status();
  });
}

chat_error chat_set_seen(chat_server *server, const char *room, const char *user_id, uint64_t seq) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<std::string> name = read_room(room);
    if (!name.ok()) return name.status();
    Result<std::string> user = read_user_id(user_id);
    if (!user.ok()) return user.status();
    return act(*server, **running, "chat_set_seen",
               [&hub = (*running)->hub(), name = std::move(*name), user = std::move(*user), seq] {
                 return hub.set_seen(name, user, seq, 0, chat::net::current_moment());
               });
  });
}
