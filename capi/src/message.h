// Converts chat_message to Message, with all checks, and messages to chat_message for callbacks and visitors.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chat/chat.h"
#include "hub/hub.h"
#include "model/message.h"

namespace chat::capi {

// sender.id is `from`, see find_sender(). A NULL room becomes an empty one. It is a message, whatever event_kind says.
Result<std::shared_ptr<Message>> read_message(const chat_message* message, std::int64_t max_message_bytes);

// A message that was published before, with its seq, epoch and time. Its room and epoch must be these, or NULL.
Result<std::shared_ptr<Message>> read_kept(const chat_message* message, const std::string& room,
                                           const std::string& epoch, std::int64_t max_message_bytes);

// The sender as the message names it. The detail of an error begins with the field's name.
Status read_sender(const chat_message& given, Sender& sender);

// Fills in the sender when the message is sent in the name of a client. no_such_client.
Status find_sender(const Hub& hub, MessageDraft& draft);

// Sets event-independent payload parts of `draft`: arguments with their attachments. `what` names the list in errors.
Status read_args(const char* args, std::size_t args_size, const chat_blob* attachments, std::size_t attachment_count,
                 std::int64_t max_message_bytes, MessageDraft& draft);

Result<Pairs> read_pairs(const chat_pair* pairs, std::size_t count, const char* what);

// The result points into `pairs`, which must outlive it unchanged.
std::vector<chat_pair> view_pairs(const Pairs& pairs);

// The same for attachments.
std::vector<chat_blob> view_blobs(const std::vector<std::string>& attachments);

// A chat_message that points into a message, which must outlive it. Strings and data end with NUL.
class MessageView {
 public:
  explicit MessageView(const MessageDraft& draft);  // not published yet
  explicit MessageView(const Message& message);
  MessageView(const MessageView&) = delete;
  MessageView& operator=(const MessageView&) = delete;

  const chat_message* get() const { return &message_; }
  // For a store of the application. The text must outlive the view.
  void set_kept_state(const std::string& state) { message_.kept_state = state.c_str(); }

 private:
  std::vector<chat_blob> attachments_;
  std::vector<chat_pair> attributes_;
  std::vector<chat_reaction> reactions_;
  chat_message message_ = CHAT_MESSAGE_INIT;
};

}  // namespace chat::capi
