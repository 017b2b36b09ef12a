// The entry points that send: to a room, to everyone, to a client, to a user, or as an answer to a message.
#include "handle.h"
#include "message.h"
#include "net/base/protocol_traits.h"
#include "options.h"

using chat::AckWish;
using chat::ClientPtr;
using chat::Error;
using chat::Message;
using chat::MessageDraft;
using chat::Published;
using chat::Result;
using chat::Status;
using chat::capi::act;
using chat::capi::check_far;
using chat::capi::find_client;
using chat::capi::find_live_server;
using chat::capi::guarded;
using chat::capi::kMaxMs;
using chat::net::Server;

namespace {

static_assert(CHAT_UNLIMITED == chat::kUnlimited);

// The timeout of an acknowledgement when the caller gives none.
constexpr std::int64_t kDefaultAckTimeoutMs = 10'000;

// The message of the caller, with its sender.
Result<std::shared_ptr<Message>> read_with_sender(const chat_server &handle, Server &server,
                                                  const chat_message *message) {
  Result<std::shared_ptr<Message>> result =
      chat::capi::read_message(message, handle.application.settings().max_message_bytes);
  if (!result.ok()) return result;
  Status status = chat::capi::find_sender(server.hub(), **result);
  if (!status.ok()) return status;
  return result;
}

// The events of a room are made by chat_edit(), chat_redact() and chat_react().
Status check_is_message(const chat_message *message) {
  if (message == nullptr || message->struct_size < offsetof(chat_message, target_seq)) return {};
  if (message->event_kind == CHAT_EVENT_MESSAGE) return {};
  return {Error::invalid_argument, "message.event_kind is not CHAT_EVENT_MESSAGE: see chat_edit()"};
}

Status publish(chat_server *handle, const char *function, const chat_message *message, std::uint64_t *seq) {
  if (seq != nullptr) *seq = 0;
  Result<Server *> server = find_live_server(handle);
  if (!server.ok()) return server.status();
  Status status = check_is_message(message);
  if (!status.ok()) return status;
  Result<std::shared_ptr<Message>> given = read_with_sender(*handle, **server, message);
  if (!given.ok()) return given.status();

  chat::Hub &hub = (*server)->hub();
  // A deferred call must not write to the caller's `seq`, which may not exist any more.
  std::uint64_t *const seq_now = chat::CallbackScope::current(hub) == nullptr ? seq : nullptr;
  return act(*handle, **server, function, [&hub, seq_now, given = std::move(*given)]() mutable -> Status {
    Result<Published> published = hub.publish(std::move(given), chat::net::current_moment());
    if (published.ok() && seq_now != nullptr) *seq_now = published->seq;
    return published.status();
  });
}

// ack_timeout_ms: the client is asked to acknowledge the message within this time.
Status send(chat_server *handle, const char *function, chat_client_id client, const chat_message *message,
            std::optional<std::int64_t> ack_timeout_ms = std::nullopt, std::uint64_t *ack_id = nullptr) {
  Result<Server *> server = find_live_server(handle);
  if (!server.ok()) return server.status();
  Result<std::shared_ptr<Message>> given = read_with_sender(*handle, **server, message);
  if (!given.ok()) return given.status();
  chat::Hub &hub = (*server)->hub();
  Result<ClientPtr> receiver = find_client(**server, client);
  if (!receiver.ok() && !ack_timeout_ms) {
    Status status = check_far(hub, client);
    if (!status.ok()) return status;
    return act(*handle, **server, function,
               [&hub, client, given = std::move(*given)] { return hub.send_far(client, *given); });
  }
  if (!receiver.ok()) return receiver.status();

  AckWish wish;
  if (ack_timeout_ms) {
    if (!chat::net::traits_of((*receiver)->origin().protocol).acknowledges_messages) {
      return {Error::unsupported, "only Socket.IO clients acknowledge messages"};
    }
    wish = {hub.next_ack_id(), *ack_timeout_ms};
    // Before on_ack can be called with it.
    if (ack_id != nullptr) *ack_id = wish.id;
  }
  return act(*handle, **server, function,
             [&hub, receiver = std::move(*receiver), given = std::move(*given), wish]() mutable {
               return hub.send(receiver, std::move(given), chat::net::current_moment(), wish);
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
  return guarded([&] { return send(server, "chat_send", client, message); });
}

chat_error chat_send_with_ack(chat_server *server, chat_client_id client, const chat_message *message,
                              int64_t timeout_ms, uint64_t *ack_id) noexcept {
  const chat_error error = guarded([&]() -> Status {
    if (timeout_ms != CHAT_UNLIMITED && (timeout_ms < 0 || timeout_ms > kMaxMs)) {
      return {Error::invalid_argument, "timeout_ms is " + std::to_string(timeout_ms) + ", not within 0 to " +
                                           std::to_string(kMaxMs) + " or CHAT_UNLIMITED"};
    }
    return send(server, "chat_send_with_ack", client, message, timeout_ms == 0 ? kDefaultAckTimeoutMs : timeout_ms,
                ack_id);
  });
  if (error != CHAT_OK && ack_id != nullptr) *ack_id = 0;
  return error;
}

chat_error chat_send_user(chat_server *server, const char *user_id, const chat_message *message) noexcept {
  return guarded([&]() -> Status {
    Result<Server *> running = find_live_server(server);
    if (!running.ok()) return running.status();
    Result<std::string> user = chat::capi::read_user_id(user_id);
    if (!user.ok()) return user.status();
    const Result<std::shared_ptr<Message>> given = read_with_sender(*server, **running, message);
    if (!given.ok()) return given.status();
    chat::Hub &hub = (*running)->hub();
    if (!hub.is_shared() && hub.clients_of_user(*user).empty()) {
      return {Error::no_such_client, "no client of the user " + *user};
    }

    return act(*server, **running, "chat_send_user", [&hub, user = std::move(*user), given = *given]() -> Status {
      return hub.send_to_user(user, *given, chat::net::current_moment());
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
                                          server->application.settings().max_message_bytes, draft);
    if (!status.ok()) return status;
    Result<ClientPtr> receiver = find_client(**running, client);
    if (!receiver.ok()) return receiver.status();
    if (!chat::net::traits_of((*receiver)->origin().protocol).answers_messages) {
      return {Error::unsupported, "the plain protocol has no acknowledgements"};
    }

    chat::Hub &hub = (*running)->hub();
    chat::CallbackScope *const scope = chat::CallbackScope::current(hub);
    const bool answers_current = scope != nullptr && chat::capi::current_ack_id(*server, client) == ack_id;
    if (answers_current && scope->answered(ack_id)) {
      return {Error::wrong_state, "the message has already been answered"};
    }
    chat::Answer answer{client, ack_id, std::string(args, args_size), std::move(draft.attachments)};
    status = act(*server, **running, "chat_reply",
                 [&hub, receiver = std::move(*receiver), answer = std::move(answer)]() mutable {
                   return hub.answer(receiver, std::move(answer));
                 });
    if (answers_current && status.ok()) scope->note_answer(ack_id);
    return status;
  });
}
