// The events that callbacks receive: light views of the event structures of chat.h, valid until the callback returns.
// Texts are string_views into the library; they are followed by a NUL.
#ifndef CHAT_CPP_EVENTS_HPP
#define CHAT_CPP_EVENTS_HPP

#include <chat/chat.h>

#include <chat/cpp/message.hpp>
#include <chat/cpp/range.hpp>
#include <chat/cpp/server_ref.hpp>
#include <chat/cpp/verdict.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace chat {
inline namespace v0 {

// The part that all events share.
template <class Raw>
class Event {
 public:
  Event(chat_server* server, const Raw& raw) noexcept : server_(server), raw_(&raw) {}

  // The server of the callback, even before Server::start() has returned.
  ServerRef server() const noexcept { return ServerRef(server_); }
  // The client concerned.
  chat_client_id client() const noexcept { return raw_->client; }
  const Raw& raw() const noexcept { return *raw_; }

 private:
  chat_server* server_;
  const Raw* raw_;
};

// chat_connect_event: a client asks to connect.
class ConnectEvent : public Event<chat_connect_event> {
 public:
  using Event::Event;

  std::string_view path() const noexcept { return detail::view(raw().path); }
  Pairs query() const noexcept { return {raw().query, raw().query_count}; }
  // Names are in lower case: find(event.headers(), "user-agent").
  Pairs headers() const noexcept { return {raw().headers, raw().header_count}; }
  Pairs cookies() const noexcept { return {raw().cookies, raw().cookie_count}; }
  std::string_view origin() const noexcept { return detail::view(raw().origin); }
  std::string_view address() const noexcept { return detail::view(raw().address); }
  // Whether the connection uses TLS.
  bool secure() const noexcept { return raw().secure != 0; }
  // The requested room.
  std::string_view room() const noexcept { return detail::view(raw().room); }
  std::string_view token() const noexcept { return detail::view(raw().token); }
  std::string_view user_name() const noexcept { return detail::view(raw().user_name); }
  std::string_view password() const noexcept { return detail::view(raw().password); }
  // Socket.IO: a JSON object, or empty.
  std::string_view auth() const noexcept { return detail::view(raw().auth); }
  // The id for ServerRef::find_client().
  std::string_view socket_id() const noexcept { return detail::view(raw().socket_id); }
  // With recovery_asks_on_connect: the client that this one continues, or 0.
  chat_client_id recovered_from() const noexcept { return raw().recovered_from; }
  chat_protocol protocol() const noexcept { return raw().protocol; }
  chat_transport transport() const noexcept { return raw().transport; }
};

// chat_client_event: a client opened, disconnected, joined or left.
class ClientEvent : public Event<chat_client_event> {
 public:
  using Event::Event;

  // See ServerRef::set_user().
  void* user() const noexcept { return raw().user; }
  // Its display name now.
  std::string_view name() const noexcept { return detail::view(raw().name); }
  // Empty: a guest.
  std::string_view user_id() const noexcept { return detail::view(raw().user_id); }
  // on_join, on_leave: the room; on_open: the first room, empty without one.
  std::string_view room() const noexcept { return detail::view(raw().room); }
  // on_disconnect: the WebSocket close code.
  int close_code() const noexcept { return raw().close_code; }
  // on_disconnect, on_leave: a text for humans.
  std::string_view reason() const noexcept { return detail::view(raw().reason); }
  // on_open: the client that this one continues, or 0.
  chat_client_id recovered_from() const noexcept { return raw().recovered_from; }
  // The id for ServerRef::find_client().
  std::string_view socket_id() const noexcept { return detail::view(raw().socket_id); }
};

// chat_authorize_event: a client asks to perform an action.
class AuthorizeEvent : public Event<chat_authorize_event> {
 public:
  using Event::Event;

  // See ServerRef::set_user().
  void* user() const noexcept { return raw().user; }
  chat_action action() const noexcept { return raw().action; }
  // Empty for CHAT_ACTION_ROOMS, CHAT_ACTION_RENAME and CHAT_ACTION_STATE.
  std::string_view room() const noexcept { return detail::view(raw().room); }
  // CHAT_ACTION_RENAME: the requested name. CHAT_ACTION_PUBLISH: the event name. CHAT_ACTION_STATE: the JSON value.
  std::string_view value() const noexcept { return detail::view(raw().value); }
  // Identifies the event for ServerRef::decide(), after defer().
  Decision decision() const noexcept { return {raw().client, raw().decision_id}; }
};

// chat_message_event: a client sent a message.
class MessageEvent : public Event<chat_message_event> {
 public:
  using Event::Event;

  // See ServerRef::set_user().
  void* user() const noexcept { return raw().user; }
  MessageView message() const noexcept { return MessageView(*raw().message); }
  // Shortcuts for fields of message().
  std::string_view room() const noexcept { return message().room(); }
  // The sender's id for ServerRef::find_client().
  std::string_view socket_id() const noexcept { return detail::view(raw().socket_id); }
  // The sender's display name.
  std::string_view from_name() const noexcept { return message().from_name(); }
  // Empty if the message is not text.
  std::string_view text() const noexcept { return message().text(); }
  // 0, or the id for ServerRef::reply() if the sender waits for an answer.
  std::uint64_t ack_id() const noexcept { return raw().ack_id; }
  // ServerRef::reply() to this message. Fails with CHAT_ERROR_INVALID_ARGUMENT if the sender does not wait for an
  // answer.
  Result<void> reply(std::string_view args, const std::vector<std::string_view>& attachments = {}) const {
    return server().reply(client(), ack_id(), args, attachments);
  }
  // Identifies the event for ServerRef::decide(), after defer().
  Decision decision() const noexcept { return {raw().client, raw().decision_id}; }
};

// A numbered message is published: it has its seq, epoch and time.
class PublishedEvent {
 public:
  PublishedEvent(chat_server* server, const chat_message& message) noexcept : server_(server), message_(message) {}

  // The server of the callback.
  ServerRef server() const noexcept { return server_; }
  // As chat_history() shows it.
  MessageView message() const noexcept { return message_; }
  // Shortcuts for fields of message().
  std::string_view room() const noexcept { return message_.room(); }
  // Its number in the room.
  std::uint64_t seq() const noexcept { return message_.seq(); }

 private:
  ServerRef server_;
  MessageView message_;
};

// chat_presence_event: the people in a room have changed.
class PresenceEvent {
 public:
  PresenceEvent(chat_server* server, const chat_presence_event& raw) noexcept : server_(server), raw_(&raw) {}

  // The server of the callback.
  ServerRef server() const noexcept { return server_; }
  std::string_view room() const noexcept { return detail::view(raw_->room); }
  std::string_view epoch() const noexcept { return detail::view(raw_->epoch); }
  std::int64_t time_ms() const noexcept { return raw_->time_ms; }
  // The people in the room, after the change.
  std::size_t count() const noexcept { return raw_->count; }
  People joined() const noexcept { return {raw_->joined, raw_->joined_count}; }
  People left() const noexcept { return {raw_->left, raw_->left_count}; }
  // With a new name or a new state.
  People changed() const noexcept { return {raw_->changed, raw_->changed_count}; }
  const chat_presence_event& raw() const noexcept { return *raw_; }

 private:
  ServerRef server_;
  const chat_presence_event* raw_;
};

// chat_report_event: a member of a room has reported a message there to those who moderate.
class ReportEvent {
 public:
  ReportEvent(chat_server* server, const chat_report_event& raw) noexcept : server_(server), raw_(&raw) {}

  // The server of the callback.
  ServerRef server() const noexcept { return server_; }
  // As it was then, with its room, number and sender.
  MessageView message() const noexcept { return MessageView(*raw_->message); }
  // Who reports it. The client may have disconnected.
  chat_client_id client() const noexcept { return raw_->client; }
  // Empty: a guest.
  std::string_view user_id() const noexcept { return detail::view(raw_->user_id); }
  std::string_view name() const noexcept { return detail::view(raw_->name); }
  // May be empty.
  std::string_view reason() const noexcept { return detail::view(raw_->reason); }
  std::int64_t time_ms() const noexcept { return raw_->time_ms; }
  const chat_report_event& raw() const noexcept { return *raw_; }

 private:
  ServerRef server_;
  const chat_report_event* raw_;
};

// chat_ack_event: a client answered a message of ServerRef::send_with_ack(), or will not answer.
class AckEvent : public Event<chat_ack_event> {
 public:
  using Event::Event;

  // See ServerRef::set_user().
  void* user() const noexcept { return raw().user; }
  // From ServerRef::send_with_ack().
  std::uint64_t ack_id() const noexcept { return raw().ack_id; }
  // CHAT_OK if there is an answer.
  chat_error error() const noexcept { return raw().error; }
  // The answer, a JSON array.
  std::string_view args() const noexcept { return detail::view(raw().args, raw().args_size); }
  Blobs attachments() const noexcept { return {raw().attachments, raw().attachment_count}; }
};

}  // namespace v0
}  // namespace chat

#endif  // CHAT_CPP_EVENTS_HPP
