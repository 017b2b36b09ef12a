// The entry points that say something: to a room, to everyone, to a client, to a user, or in answer.
#include "handle.h"
#include "message.h"

using chat::ClientPtr;
using chat::Error;
using chat::MessageDraft;
using chat::Published;
using chat::Result;
using chat::Status;
using chat::capi::act;
using chat::capi::find_client;
using chat::capi::find_live_server;
using chat::capi::guarded;
using chat::capi::now_ms;
using chat::net::Server;

namespace {

// What all of them need: a server that runs, and a draft with its sender.
Result<MessageDraft> read_draft(Server &server, const chat_message *message) {
  Result<MessageDraft> draft = chat::capi::read_message(message, server.options().max_message_bytes);
  if (!draft.ok()) return draft;
  Status status = chat::capi::find_sender(server.hub(), *draft);
  if (!status.ok()) return status;
  return draft;
}

Status publish(chat_server *handle, const char *function, const chat_message *message, std::uint64_t *seq) {
  if (seq != nullptr) *seq = 0;
  Result<Server *> server = find_live_server(handle);
  if (!server.ok()) return server.status();
  Result<MessageDraft> draft = read_draft(**server, message);
  if (!draft.ok()) return draft.status();

  chat::Hub &hub = (*server)->hub();
  // When deferred, the caller's `seq` may be gone by then.
  std::uint64_t *const seq_now = chat::CallbackScope::current(hub) == nullptr ? seq : nullptr;
  return act(*handle, **server, function, [&hub, seq_now, draft = std::move(*draft)]() mutable -> Status {
    Result<Published> published = hub.publish(std::move(draft), now_ms());
    if (published.ok() && seq_now != nullptr) *seq_now = published->seq;
    return published.status();
  });
}

}  // namespace

chat_error chat_broadcast(chat_server *server, const char *room, const char *text, size_t text_size) noexcept {
  return guarded([&] {
    chat_message message = CHAT_MESSAGE_INIT;
    message.room = room;
    message.data = text;
    message.data_size = text_size;
    return publish(server, "chat_broadcast", &message, nullptr);
  });
}

chat_error chat_publish(chat_server *server, const chat_message *message, uint64_t *seq) noexcept {
  return guarded([&] { return publish(server, "chat_publish", message, seq); });
}

chat_error chat_send(chat_server *server, chat_client_id client, const chat_message *message) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<MessageDraft> draft = read_draft(**running, message);
    if (!draft.ok()) return draft.status();
    Result<ClientPtr> receiver = find_client(**running, client);
    if (!receiver.ok()) return receiver.status();

    chat::Hub &hub = (*running)->hub();
    return act(*server, **running, "chat_send",
               [&hub, receiver = std::move(*receiver), draft = std::move(*draft)]() mutable {
                 return hub.send(receiver, std::move(draft), now_ms());
               });
  });
}

chat_error chat_send_user(chat_server *server, const char *user_id, const chat_message *message) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<std::string> user = chat::capi::read_user_id(user_id);
    if (!user.ok()) return user.status();
    Result<MessageDraft> draft = read_draft(**running, message);
    if (!draft.ok()) return draft.status();
    chat::Hub &hub = (*running)->hub();
    if (hub.clients_of_user(*user).empty()) return {Error::no_such_client, "no client of the user " + *user};

    return act(*server, **running, "chat_send_user",
               [&hub, user = std::move(*user), draft = std::move(*draft)]() -> Status {
                 // One that goes meanwhile has not been missed by anyone.
                 bool sent = false;
                 for (const ClientPtr &receiver : hub.clients_of_user(user)) {
                   Status status = hub.send(receiver, draft, now_ms());
                   if (!status.ok() && status.code != Error::no_such_client) return status;
                   sent |= status.ok();
                 }
                 if (!sent) return {Error::no_such_client, "no client of the user " + user};
                 return {};
               });
  });
}

chat_error chat_reply(chat_server *server, chat_client_id client, uint64_t ack_id, const char *args, size_t args_size,
                      const chat_blob *attachments, size_t attachment_count) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    if (ack_id == 0) return {Error::invalid_argument, "ack_id is 0: the sender waits for no answer"};
    MessageDraft draft;
    Status status = chat::capi::read_args(args, args_size, attachments, attachment_count,
                                          (*running)->options().max_message_bytes, draft);
    if (!status.ok()) return status;
    Result<ClientPtr> receiver = find_client(**running, client);
    if (!receiver.ok()) return receiver.status();
    if ((*receiver)->origin().protocol == chat::Protocol::plain) {
      return {Error::unsupported, "the plain protocol has no answers"};
    }

    chat::Hub &hub = (*running)->hub();
    if (chat::CallbackScope *scope = chat::CallbackScope::current(hub)) {
      if (chat::capi::current_ack_id(*server, client) == ack_id) {
        if (scope->answered(ack_id)) return {Error::wrong_state, "the message has been answered already"};
        scope->note_answer(ack_id);
      }
    }
    chat::Answer answer{client, ack_id, std::string(args, args_size), std::move(draft.attachments)};
    return act(*server, **running, "chat_reply",
               [&hub, receiver = std::move(*receiver), answer = std::move(answer)]() mutable {
                 return hub.answer(receiver, std::move(answer));
               });
  });
}

chat_error chat_send_with_ack(chat_server *server, chat_client_id client, const chat_message *message,
                              int64_t timeout_ms, uint64_t *ack_id) noexcept {
  (void)server, (void)client, (void)message, (void)timeout_ms, (void)ack_id;
  return CHAT_ERROR_UNSUPPORTED;
}
