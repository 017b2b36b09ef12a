// The entry points that moderate rooms.
#include "model/moderation.h"

#include "handle.h"
#include "model/names.h"
#include "sized.h"

using chat::ClientPtr;
using chat::Error;
using chat::Hub;
using chat::Moderation;
using chat::ModerationAction;
using chat::Result;
using chat::Status;
using chat::capi::act;
using chat::capi::find_client;
using chat::capi::find_live_server;
using chat::capi::find_server;
using chat::capi::guarded;
using chat::capi::raw_number;
using chat::capi::read_room;
using chat::net::Server;

namespace {

std::string text(const char *given) { return given == nullptr ? "" : given; }

Result<Moderation> read_moderation(const chat_moderation *moderation) {
  chat_moderation given = {};
  Status status = chat::capi::read_sized(moderation, chat::capi::kRequiredBytes<chat_moderation>, "moderation", given);
  if (!status.ok()) return status;
  Result<std::string> room = read_room(given.room);
  if (!room.ok()) return room.status();
  const int action = raw_number(given.action);
  if (action < CHAT_MODERATION_KICK || action >= CHAT_MODERATION_COUNT) {
    return Status{Error::invalid_argument,
                  "moderation.action is " + std::to_string(action) + ", not a chat_moderation_action"};
  }
  Result<std::string> reason = chat::capi::read_reason_argument(given.reason);
  if (!reason.ok()) return reason.status();
  Moderation what;
  what.room = std::move(*room);
  what.action = static_cast<ModerationAction>(action);
  what.client = given.client;
  what.user_id = text(given.user_id);
  what.address = text(given.address);
  what.duration_ms = given.duration_ms;
  what.value = given.value;
  what.reason = std::move(*reason);
  return what;
}

Status moderate(chat_server *handle, Server &server, const char *function, Moderation what) {
  Hub &hub = server.hub();
  Result<chat::KeptRangePtr> opened = chat::capi::open_room(server, what.room);
  if (!opened.ok()) return opened.status();
  Result<Hub::Target> target = hub.find_target(what);
  if (!target.ok()) return target.status();
  return act(*handle, server, function, [&hub, what = std::move(what), target = std::move(*target), opened = *opened] {
    return hub.moderate(what, target, nullptr, chat::net::current_moment());
  });
}

}  // namespace

chat_error chat_moderate(chat_server *server, const chat_moderation *moderation) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<Moderation> what = read_moderation(moderation);
    if (!what.ok()) return what.status();
    return moderate(server, **running, "chat_moderate", std::move(*what));
  });
}

chat_error chat_set_role(chat_server *server, const char *room, const char *user_id, chat_role role) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<std::string> name = read_room(room);
    if (!name.ok()) return name.status();
    Result<std::string> user = chat::capi::read_user_id(user_id);
    if (!user.ok()) return user.status();
    Moderation what;
    what.room = std::move(*name);
    what.action = ModerationAction::role;
    what.user_id = std::move(*user);
    what.value = raw_number(role);
    return moderate(server, **running, "chat_set_role", std::move(what));
  });
}

chat_error chat_client_role(chat_server *server, chat_client_id client, const char *room, chat_role *role) noexcept {
  if (role != nullptr) *role = CHAT_ROLE_GUEST;
  return guarded([&]() -> Status {
    Result<Server *> running = find_server(server);
    if (!running.ok()) return running.status();
    if (role == nullptr) return {Error::invalid_argument, "role is NULL"};
    Result<std::string> name = read_room(room);
    if (!name.ok()) return name.status();
    Result<ClientPtr> found = find_client(**running, client);
    if (!found.ok()) return found.status();
    *role = static_cast<chat_role>((*running)->hub().role_in_room(**found, *name));
    return {};
  });
}
