// What one server sent to one room in one call: an entry of the room's stream, and a notice on its channel.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/message.h"
#include "model/types.h"
#include "redis/redis_value.h"

namespace chat::cluster {

struct Batch {
  std::uint64_t first = 0;  // the seq of its first message
  std::uint64_t count = 0;
  std::int64_t time_ms = 0;  // when Redis numbered it, Unix milliseconds
  std::string token;         // unique
  std::string epoch;         // of a notice
  std::string run;           // of a notice: the Redis that numbered it
  std::string messages;      // see message_format.h; empty for one of this server whose answer came first

  std::uint64_t last() const { return first + count - 1; }
  // The messages with their places in the epoch. Errors: those of read_messages(); invalid_argument when there are not `count`.
  Result<std::vector<std::shared_ptr<Message>>> read(const std::string& room, const std::string& in_epoch) const;
};

// An entry of a stream: {"123-0", {"n", "2", ...}}. nullopt: it is not well-formed.
std::optional<Batch> batch_of_entry(const redis::Value& entry);
// A notice without its kind: EPOCH FIRST COUNT TIME TOKEN RUN MESSAGES. nullopt: it is not well-formed.
std::optional<Batch> batch_of_notice(std::string_view text);

// What names a message with an id in Redis: another message with the id is not the same one. "": it has no id.
std::string id_of(const Message& message);

}  // namespace chat::cluster
