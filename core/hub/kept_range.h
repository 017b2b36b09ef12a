// Messages that a store keeps: what is asked for, and what was read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/message.h"
#include "model/types.h"

namespace chat {

// Whether a store finds messages by their text, and what it knows of the text: its words, or all sequences of three characters.
enum class HistorySearch : std::uint8_t { off, words, parts };

// Messages of a room that are kept, but not in memory: those with seq above after_seq and below before_seq; with a limit
// (not 0) only the newest `limit` of them.
struct KeptQuery {
  std::string room;
  std::string epoch;
  std::uint64_t after_seq = 0;
  std::uint64_t before_seq = 0;
  std::size_t limit = 0;
  std::string text = {};  // not empty: only messages with all of its words, without events

  bool operator==(const KeptQuery&) const = default;
};

// The answer of a store to a KeptQuery.
struct KeptRange {
  Status status;      // unavailable when the store could not be read
  std::string epoch;  // differs from that of the query when the numbering has restarted; then there are no messages
  // All messages that the store keeps above after_seq and below before_seq, oldest first. They may include messages that
  // are not committed yet.
  std::vector<MessagePtr> messages;
  std::uint64_t after_seq = 0;
  std::uint64_t before_seq = 0;
  bool complete = true;  // as in KeptMessages, for the whole query; of a search: none is left below after_seq
  // Keeps the room that was opened for the query; see RoomStore::is_shared(). It is released before the store stops.
  std::shared_ptr<const void> hold = nullptr;
};
using KeptRangePtr = std::shared_ptr<const KeptRange>;

}  // namespace chat
