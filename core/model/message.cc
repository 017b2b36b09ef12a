// See message.h.
#include "model/message.h"

#include <utility>

#include "model/heap_bytes.h"

namespace chat {

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
