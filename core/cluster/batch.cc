// See batch.h.
#include "cluster/batch.h"

#include <cstddef>

#include "cluster/message_format.h"
#include "cluster/words.h"
#include "hub/message_ids.h"

namespace chat::cluster {

Result<std::vector<std::shared_ptr<Message>>> Batch::read(const std::string& room, const std::string& in_epoch) const {
  Result<std::vector<std::shared_ptr<Message>>> result = read_messages(messages);
  if (!result.ok()) return result;
  if (result->size() != count) return {Error::invalid_argument, "a batch has another number of messages"};
  std::uint64_t seq = first;
  for (const std::shared_ptr<Message>& message : *result) {
    message->room = room;
    message->epoch = in_epoch;
    message->seq = seq++;
    message->time_ms = time_ms;
  }
  return result;
}

std::optional<Batch> batch_of_entry(const redis::Value& entry) {
  if (!entry.is_array() || entry.items.size() != 2 || !entry.items[1].is_array()) return std::nullopt;
  const std::string_view id = entry.items[0].text;
  const auto last = number_in<std::uint64_t>(id.substr(0, id.find('-')));
  Batch batch;
  const std::vector<redis::Value>& fields = entry.items[1].items;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    const std::string& name = fields[i].text;
    if (name == "n") batch.count = number_in<std::uint64_t>(fields[i + 1]).value_or(0);
    if (name == "t") batch.time_ms = number_in<std::int64_t>(fields[i + 1]).value_or(0);
    if (name == "k") batch.token = fields[i + 1].text;
    if (name == "d") batch.messages = fields[i + 1].text;
  }
  if (!last || batch.count == 0 || batch.count > *last) return std::nullopt;
  batch.first = *last - batch.count + 1;
  return batch;
}

std::optional<Batch> batch_of_notice(std::string_view text) {
  Batch batch;
  batch.epoch = take_word(text);
  batch.first = number_in<std::uint64_t>(take_word(text)).value_or(0);
  batch.count = number_in<std::uint64_t>(take_word(text)).value_or(0);
  batch.time_ms = number_in<std::int64_t>(take_word(text)).value_or(0);
  batch.token = take_word(text);
  batch.run = take_word(text);
  batch.messages = text;
  if (batch.first == 0 || batch.count == 0) return std::nullopt;
  return batch;
}

std::string id_of(const Message& message) {
  if (message.id.empty()) return {};
  std::uint64_t hash = 14'695'981'039'346'656'037U;  // FNV-1a, 64 bits: the same on all servers
  const auto add = [&](std::string_view text) {
    for (const char byte : text) hash = (hash ^ static_cast<std::uint8_t>(byte)) * 1'099'511'628'211U;
    hash = (hash ^ 0xFF) * 1'099'511'628'211U;
  };
  add(message.event);
  add(message.payload);
  for (const std::string& attachment : message.attachments) add(attachment);
  add(std::to_string(static_cast<int>(message.event_kind)));
  add(text_of(message.target_seq));
  add(text_of(message.extra->reply_to));
  return id_key(message.sender, message.room, message.id) + '\n' + text_of(hash);
}

}  // namespace chat::cluster
