// See message.h.
#include "model/message.h"

#include <utility>

#include "model/heap_bytes.h"

namespace chat {

std::string user_key(const Sender& sender) {
  return sender.user_id.empty() ? '\n' + std::to_string(sender.id) : sender.user_id;
}

void MessageDraft::take_fixed(MessageDraft&& original) {
  room = std::move(original.room);
  sender = std::move(original.sender);
  id = std::move(original.id);
  extra = std::move(original.extra);
  event_kind = original.event_kind;
  target_seq = original.target_seq;
  if (event_kind == RoomEventKind::message) return;
  event = std::move(original.event);
  ephemeral = false;
}

std::size_t MessageDraft::size_bytes() const {
  std::size_t bytes = payload.size();
  for (const std::string& attachment : attachments) bytes += attachment.size();
  for (const Pair& attribute : attributes) bytes += attribute.name.size() + attribute.value.size();
  return bytes;
}

std::size_t Message::memory_bytes() const {
  std::size_t bytes = sizeof(Message);
  for (const std::string* text : {&room, &event, &payload, &sender.name, &sender.user_id, &epoch, &id})
    bytes += heap_bytes(*text);
  bytes += attachments.capacity() * sizeof(std::string);
  for (const std::string& attachment : attachments) bytes += heap_bytes(attachment);
  bytes += attributes.capacity() * sizeof(Pair);
  for (const Pair& attribute : attributes) bytes += heap_bytes(attribute.name) + heap_bytes(attribute.value);
  if (!extra.made()) return bytes;
  bytes += sizeof(MessageExtra) + extra->reactions.capacity() * sizeof(Reaction);
  for (const Reaction& reaction : extra->reactions) {
    bytes += heap_bytes(reaction.text) + reaction.users->capacity() * sizeof(std::string);
    for (const std::string& user : *reaction.users) bytes += heap_bytes(user);
  }
  return bytes;
}

std::shared_ptr<Message> make_message(MessageDraft draft) {
  auto message = std::make_shared<Message>();
  static_cast<MessageDraft&>(*message) = std::move(draft);
  return message;
}

bool is_single_binary(const MessageDraft& draft) {
  return draft.kind == PayloadKind::args && draft.attachments.size() == 1 && draft.payload == kSingleBinaryArgs;
}

}  // namespace chat
