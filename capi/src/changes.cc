// The entry points that change a kept message: chat_edit(), chat_redact() and chat_react().
#include <utility>

#include "handle.h"
#include "message.h"
#include "model/names.h"

using chat::Error;
using chat::Message;
using chat::MessagePtr;
using chat::Result;
using chat::RoomEventKind;
using chat::Status;
using chat::capi::act;
using chat::capi::find_live_server;
using chat::capi::guarded;
using chat::net::Server;

namespace {

// The message as it is now. It is read from the file if necessary.
Result<MessagePtr> find_target(Server &server, const std::string &room, std::uint64_t seq) {
  chat::Hub &hub = server.hub();
  std::optional<chat::KeptQuery> unread;
  Result<MessagePtr> found = hub.find_message(room, seq, nullptr, unread);
  if (!unread) return found;
  if (server.on_own_thread()) {
    return {Error::wrong_thread, "the message is read from the file, which a callback must not wait for"};
  }
  const chat::KeptRangePtr range = hub.read_now(*unread);
  if (!range->status.ok()) return range->status;
  unread.reset();
  return hub.find_message(room, seq, range.get(), unread);
}

Status publish(chat_server *handle, Server &server, const char *function, const char *room, std::uint64_t seq,
               std::shared_ptr<Message> event) {
  Result<std::string> name = chat::capi::read_room(room);
  if (!name.ok()) return name.status();
  Result<MessagePtr> target = find_target(server, *name, seq);
  if (!target.ok()) return target.status();
  event->room = std::move(*name);
  event->event = (*target)->event;
  event->target_seq = seq;
  event->ephemeral = false;
  chat::Receipt receipt;
  receipt.target = std::move(*target);
  return act(*handle, server, function,
             [&hub = server.hub(), event = std::move(event), receipt = std::move(receipt)]() mutable {
               return hub.publish(std::move(event), chat::net::current_moment(), std::move(receipt)).status();
             });
}

Result<std::shared_ptr<Message>> make_event(RoomEventKind kind, const char *user_id) {
  auto event = std::make_shared<Message>();
  event->event_kind = kind;
  if (user_id == nullptr) return event;
  event->sender.user_id = user_id;
  event->sender.name = user_id;
  Status status = chat::check_person_name(user_id);
  if (!status.ok()) return {status.code, "user_id: " + status.detail};
  return event;
}

}  // namespace

chat_error chat_edit(chat_server *server, const char *room, uint64_t seq, const chat_message *message) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<std::shared_ptr<Message>> event =
        chat::capi::read_message(message, server->application.settings().max_message_bytes);
    if (!event.ok()) return event.status();
    Status status = chat::capi::find_sender((*running)->hub(), **event);
    if (!status.ok()) return status;
    (*event)->event_kind = RoomEventKind::edit;
    (*event)->attributes.clear();
    (*event)->extra.reset();
    return publish(server, **running, "chat_edit", room, seq, std::move(*event));
  });
}

chat_error chat_redact(chat_server *server, const char *room, uint64_t seq, const char *user_id) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<std::shared_ptr<Message>> event = make_event(RoomEventKind::redaction, user_id);
    if (!event.ok()) return event.status();
    return publish(server, **running, "chat_redact", room, seq, std::move(*event));
  });
}

chat_error chat_react(chat_server *server, const char *room, uint64_t seq, const char *user_id, const char *reaction,
                      int added) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<std::shared_ptr<Message>> event = make_event(RoomEventKind::reaction, user_id);
    if (!event.ok()) return event.status();
    if (reaction == nullptr) return {Error::invalid_argument, "reaction is NULL"};
    Status status = chat::check_reaction(reaction);
    if (!status.ok()) return status;
    (*event)->payload = reaction;
    (*event)->extra.make().added = added != 0;
    return publish(server, **running, "chat_react", room, seq, std::move(*event));
  });
}
