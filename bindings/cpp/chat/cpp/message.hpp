// Messages: MessageView shows a message of the library. Message is built and owned by the application.
#ifndef CHAT_CPP_MESSAGE_HPP
#define CHAT_CPP_MESSAGE_HPP

#include <chat/chat.h>

#include <chat/cpp/client.hpp>
#include <chat/cpp/error.hpp>
#include <chat/cpp/range.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chat {
inline namespace v0 {

// chat_message: as callbacks and visitors receive it.
class MessageView {
 public:
  explicit MessageView(const chat_message& raw) noexcept : raw_(&raw) {}

  // Empty: to everyone.
  std::string_view room() const noexcept { return detail::view(raw_->room); }
  std::string_view event() const noexcept { return detail::view(raw_->event); }
  chat_payload payload() const noexcept { return raw_->payload; }
  // The payload's bytes: text, a JSON array, or binary, as payload() says.
  std::string_view data() const noexcept { return detail::view(raw_->data, raw_->data_size); }
  // The data of CHAT_PAYLOAD_TEXT; empty for the other payloads.
  std::string_view text() const noexcept { return payload() == CHAT_PAYLOAD_TEXT ? data() : std::string_view(); }
  Blobs attachments() const noexcept { return {raw_->attachments, raw_->attachment_count}; }
  Pairs attributes() const noexcept { return {raw_->attributes, raw_->attribute_count}; }
  bool ephemeral() const noexcept { return raw_->ephemeral != 0; }
  // 0: no one.
  chat_client_id except() const noexcept { return raw_->except; }
  // 0: the application.
  chat_client_id from() const noexcept { return raw_->from; }
  std::string_view from_name() const noexcept { return detail::view(raw_->from_name); }
  std::string_view from_user_id() const noexcept { return detail::view(raw_->from_user_id); }
  // 0 before it is published, and for ephemeral messages.
  std::uint64_t seq() const noexcept { return raw_->seq; }
  std::string_view epoch() const noexcept { return detail::view(raw_->epoch); }
  std::int64_t time_ms() const noexcept { return raw_->time_ms; }
  // The sender's own id of the message; empty without one.
  std::string_view id() const noexcept { return detail::view(raw_->id); }
  // What it is; events that change a message refer to target_seq().
  chat_event_kind event_kind() const noexcept { return raw_->event_kind; }
  std::uint64_t target_seq() const noexcept { return raw_->target_seq; }
  // The number of the message that this one answers; 0: none.
  std::uint64_t reply_to() const noexcept { return raw_->reply_to; }
  // The time of the last edit; 0: never edited.
  std::int64_t edited_ms() const noexcept { return raw_->edited_ms; }
  // The message was deleted, and has no payload.
  bool redacted() const noexcept { return raw_->redacted != 0; }
  // Of a reaction: given, or taken back.
  bool added() const noexcept { return raw_->added != 0; }
  Reactions reactions() const noexcept { return {raw_->reactions, raw_->reaction_count}; }
  // What a store with keeps_changes() keeps with the row; empty without it.
  std::string_view kept_state() const noexcept { return detail::view(raw_->kept_state); }
  const chat_message& raw() const noexcept { return *raw_; }

 private:
  const chat_message* raw_;
};

namespace detail {
class RawMessage;
}

// A message to publish or send. Create it with its payload, then add the rest in any order:
//   chat::Message::text("hello").room("lobby").from_name("bot")
class Message {
 public:
  // An empty text.
  Message() = default;
  // Text: the single argument of its event.
  static Message text(std::string text) { return Message(CHAT_PAYLOAD_TEXT, std::move(text)); }
  // The arguments of its event, a JSON array; {"_placeholder":true,"num":N} stands for attachment N.
  static Message args(std::string json) { return Message(CHAT_PAYLOAD_ARGS, std::move(json)); }
  // Bytes.
  static Message binary(std::string bytes) { return Message(CHAT_PAYLOAD_BINARY, std::move(bytes)); }
  // A copy of a message of the library. Its seq, epoch, times and redacted() are used by room_restore() only. It has the same id, so
  // publish() knows it as published: .id("") removes it.
  explicit Message(const MessageView& view) : Message(view.payload(), std::string(view.data())) {
    if (view.raw().room != nullptr) room_ = view.room();
    event_ = view.event();
    for (const std::string_view bytes : view.attachments()) attachments_.emplace_back(bytes);
    for (const auto [name, value] : view.attributes()) attributes_.emplace_back(name, value);
    ephemeral_ = view.ephemeral();
    except_ = view.except();
    from_ = view.from();
    from_name_ = view.from_name();
    from_user_id_ = view.from_user_id();
    seq_ = view.seq();
    time_ms_ = view.time_ms();
    id_ = view.id();
    reply_to_ = view.reply_to();
    edited_ms_ = view.edited_ms();
    redacted_ = view.redacted();
    kept_state_ = view.kept_state();
  }

  // A message without a room goes to everyone, and is neither numbered nor kept.
  Message& room(std::string_view name) {
    room_ = name;
    return *this;
  }
  // The default is "chat message".
  Message& event(std::string_view name) {
    event_ = name;
    return *this;
  }
  // Adds an attachment, to which args() must refer.
  Message& attach(std::string bytes) {
    attachments_.push_back(std::move(bytes));
    return *this;
  }
  // Adds an attribute.
  Message& attribute(std::string_view name, std::string_view value) {
    attributes_.emplace_back(name, value);
    return *this;
  }
  // Neither numbered nor kept.
  Message& ephemeral(bool on = true) {
    ephemeral_ = on;
    return *this;
  }
  // A member that does not receive it.
  Message& except(chat_client_id client) {
    except_ = client;
    return *this;
  }
  // The client that is named as the sender.
  Message& from(chat_client_id client) {
    from_ = client;
    return *this;
  }
  // The sender's display name, if the sender is not a client.
  Message& from_name(std::string_view name) {
    from_name_ = name;
    return *this;
  }
  // The sender's user id, if the sender is not a client.
  Message& from_user_id(std::string_view user_id) {
    from_user_id_ = user_id;
    return *this;
  }
  // The id under which the message is published once; see chat_publish().
  Message& id(std::string_view id) {
    id_ = id;
    return *this;
  }
  // The number of the message that this one answers.
  Message& reply_to(std::uint64_t seq) {
    reply_to_ = seq;
    return *this;
  }
  // For room_restore(): the time of the last edit.
  Message& edited_ms(std::int64_t time_ms) {
    edited_ms_ = time_ms;
    return *this;
  }
  // For room_restore(): it was deleted.
  Message& redacted(bool on = true) {
    redacted_ = on;
    return *this;
  }
  // For HistoryReply::message(): what the store was given as MessageView::kept_state().
  Message& kept_state(std::string_view state) {
    kept_state_ = state;
    return *this;
  }
  // For room_restore(): the number that the message had in its room.
  Message& seq(std::uint64_t number) {
    seq_ = number;
    return *this;
  }
  // For room_restore(): the time at which it was published.
  Message& time_ms(std::int64_t time_ms) {
    time_ms_ = time_ms;
    return *this;
  }

 private:
  friend class detail::RawMessage;

  Message(chat_payload payload, std::string data) : payload_(payload), data_(std::move(data)) {}

  std::optional<std::string> room_;
  std::string event_;
  chat_payload payload_ = CHAT_PAYLOAD_TEXT;
  std::string data_;
  std::vector<std::string> attachments_;
  Attributes attributes_;
  bool ephemeral_ = false;
  chat_client_id except_ = 0;
  chat_client_id from_ = 0;
  std::string from_name_;
  std::string from_user_id_;
  std::uint64_t seq_ = 0;
  std::int64_t time_ms_ = 0;
  std::string id_;
  std::uint64_t reply_to_ = 0;
  std::int64_t edited_ms_ = 0;
  bool redacted_ = false;
  std::string kept_state_;
};

namespace detail {

template <class Strings>
std::vector<chat_blob> raw_blobs(const Strings& strings) {
  std::vector<chat_blob> blobs;
  blobs.reserve(strings.size());
  for (const auto& bytes : strings) blobs.push_back({bytes.data(), bytes.size()});
  return blobs;
}

// A Message in the form of chat.h; valid as long as the Message.
class RawMessage {
 public:
  explicit RawMessage(const Message& message)
      : nul_(has_nul(message.room_.value_or("")) || has_nul(message.event_) || has_nul(message.from_name_) ||
             has_nul(message.from_user_id_) || has_nul(message.id_) || has_nul(message.kept_state_)),
        blobs_(raw_blobs(message.attachments_)),
        pairs_(raw_pairs(message.attributes_, nul_)) {
    if (message.room_) raw_.room = message.room_->c_str();
    if (!message.event_.empty()) raw_.event = message.event_.c_str();
    raw_.payload = message.payload_;
    raw_.data = message.data_.data();
    raw_.data_size = message.data_.size();
    raw_.attachments = blobs_.data();
    raw_.attachment_count = blobs_.size();
    raw_.attributes = pairs_.data();
    raw_.attribute_count = pairs_.size();
    raw_.ephemeral = message.ephemeral_ ? 1 : 0;
    raw_.except = message.except_;
    raw_.from = message.from_;
    if (!message.from_name_.empty()) raw_.from_name = message.from_name_.c_str();
    if (!message.from_user_id_.empty()) raw_.from_user_id = message.from_user_id_.c_str();
    raw_.seq = message.seq_;
    raw_.time_ms = message.time_ms_;
    if (!message.id_.empty()) raw_.id = message.id_.c_str();
    raw_.reply_to = message.reply_to_;
    raw_.edited_ms = message.edited_ms_;
    raw_.redacted = message.redacted_ ? 1 : 0;
    if (!message.kept_state_.empty()) raw_.kept_state = message.kept_state_.c_str();
  }
  RawMessage(const RawMessage&) = delete;
  RawMessage& operator=(const RawMessage&) = delete;

  // NULL if a text contains NUL.
  const chat_message* get() const noexcept { return nul_ ? nullptr : &raw_; }

  // Calls a function of chat.h with it.
  template <class Function>
  Result<void> call(Function&& function) const {
    return nul_ ? Result<void>(nul_error()) : result_of(std::forward<Function>(function)(&raw_));
  }

 private:
  bool nul_;
  std::vector<chat_blob> blobs_;
  std::vector<chat_pair> pairs_;
  chat_message raw_ = CHAT_MESSAGE_INIT;
};

}  // namespace detail
}  // namespace v0
}  // namespace chat

#endif  // CHAT_CPP_MESSAGE_HPP
