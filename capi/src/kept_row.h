// A row of a store of the application: a message or an event, and what the library remembers of it between changes. A store
// with keeps_changes keeps that as a text (chat_message.kept_state), which only this file reads and writes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "chat/chat.h"
#include "model/message.h"
#include "store/store_backend.h"

namespace chat::capi {

struct KeptRow {
  // With the reactions and their users. A reaction event has its count.
  MessagePtr message;
  // Of a message: the events that say what it says too, so that they are emptied with it.
  std::uint64_t edit_seq = 0;                // the last edit; 0: none
  std::vector<std::uint64_t> reaction_seqs;  // the newest reaction events, ascending
};
using KeptRows = std::map<std::uint64_t, KeptRow>;  // by seq

// A message has so many reaction events with content; older ones are emptied. The message itself has all reactions.
inline constexpr std::size_t kMaxReactionEvents = 256;
// A longer text is refused before it is read.
inline constexpr std::size_t kMaxStateBytes = 8 << 20;

// A JSON object; empty for a message that has only what every message has.
std::string state_of(const KeptRow& row);
// Reads a row that the application gives back. with_state: kept_state counts; event_kind and other fields that it has do not.
// The message is also in `row`. Errors as read_kept(), invalid_argument when the text is not one of state_of().
Result<std::shared_ptr<Message>> read_row(const chat_message* given, const std::string& room, const std::string& epoch,
                                          bool with_state, std::int64_t max_message_bytes, KeptRow& row);

// Finds rows in the store by their ascending seqs. Those that are not there are left out.
using FindRows = std::function<Status(const std::vector<std::uint64_t>& seqs, KeptRows& found)>;

// All rows that a change writes: its messages and events, their targets after the events, and earlier events that these have
// emptied. It changes rows as chat::changed() and History::append() do in memory. An error is one of `find`.
Result<KeptRows> rows_after(const store::RoomChange& change, const FindRows& find);

}  // namespace chat::capi
