// See owned_message.h.
#include "owned_message.h"

#include <cstring>

namespace pychat {
namespace {

// Copies the data of a message into one block: first the arrays, which need the block's alignment, then the bytes.
class Block {
 public:
  Block(char* arrays, char* bytes) : arrays_(arrays), bytes_(bytes) {}

  template <class Item>
  Item* array(std::size_t count) {
    Item* begin = reinterpret_cast<Item*>(arrays_);
    arrays_ += count * sizeof(Item);
    return begin;
  }

  // Adds a NUL after each copy. Strings need it.
  const char* copy(const void* data, std::size_t size) {
    char* begin = bytes_;
    if (size > 0) std::memcpy(begin, data, size);
    begin[size] = '\0';
    bytes_ += size + 1;
    return begin;
  }

  const char* copy(const char* text) { return text == nullptr ? nullptr : copy(text, std::strlen(text)); }

 private:
  char* arrays_;
  char* bytes_;
};

std::size_t size_of(const char* text) { return text == nullptr ? 0 : std::strlen(text) + 1; }

}  // namespace

OwnedMessage::OwnedMessage(const chat_message& message) : view_(message) {
  const std::size_t arrays = message.attachment_count * sizeof(chat_blob) +
                             message.attribute_count * sizeof(chat_pair) +
                             message.reaction_count * sizeof(chat_reaction);
  size_ = arrays + message.data_size + 1 + size_of(message.room) + size_of(message.event) + size_of(message.from_name) +
          size_of(message.epoch) + size_of(message.from_user_id) + size_of(message.id) + size_of(message.kept_state);
  for (std::size_t index = 0; index < message.attachment_count; ++index) {
    size_ += message.attachments[index].size_bytes + 1;
  }
  for (std::size_t index = 0; index < message.attribute_count; ++index) {
    size_ += size_of(message.attributes[index].name) + message.attributes[index].value_size + 1;
  }
  for (std::size_t index = 0; index < message.reaction_count; ++index) {
    size_ += size_of(message.reactions[index].reaction);
  }

  block_ = std::make_unique<char[]>(size_);
  Block block(block_.get(), block_.get() + arrays);
  auto* blobs = block.array<chat_blob>(message.attachment_count);
  auto* pairs = block.array<chat_pair>(message.attribute_count);
  auto* reactions = block.array<chat_reaction>(message.reaction_count);
  view_.data = block.copy(message.data, message.data_size);
  view_.room = block.copy(message.room);
  view_.event = block.copy(message.event);
  view_.from_name = block.copy(message.from_name);
  view_.epoch = block.copy(message.epoch);
  view_.from_user_id = block.copy(message.from_user_id);
  view_.id = block.copy(message.id);
  view_.kept_state = block.copy(message.kept_state);
  for (std::size_t index = 0; index < message.attachment_count; ++index) {
    const chat_blob& blob = message.attachments[index];
    blobs[index] = {block.copy(blob.data, blob.size_bytes), blob.size_bytes};
  }
  for (std::size_t index = 0; index < message.attribute_count; ++index) {
    const chat_pair& pair = message.attributes[index];
    const char* name = block.copy(pair.name);
    pairs[index] = {name, block.copy(pair.value, pair.value_size), pair.value_size};
  }
  for (std::size_t index = 0; index < message.reaction_count; ++index) {
    reactions[index] = {block.copy(message.reactions[index].reaction), message.reactions[index].users};
  }
  view_.attachments = blobs;
  view_.attributes = pairs;
  view_.reactions = reactions;
}

OwnedMessagePtr with_replacement(const chat_message& original, const chat_message& replacement) {
  chat_message merged = replacement;
  merged.room = original.room;
  if (merged.event == nullptr) merged.event = original.event;
  merged.from = original.from;
  merged.from_name = original.from_name;
  merged.from_user_id = original.from_user_id;
  merged.id = original.id;
  merged.event_kind = original.event_kind;
  merged.target_seq = original.target_seq;
  merged.reply_to = original.reply_to;
  merged.epoch = original.epoch;
  merged.time_ms = original.time_ms;
  return std::make_shared<OwnedMessage>(merged);
}

}  // namespace pychat
