// What a StoredHistory needs from a database: transactions that change rooms, and reads. The interface knows no threads of the
// store. It fits a database of the application too.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hub/history.h"
#include "hub/kept_range.h"
#include "hub/message_ids.h"
#include "hub/moment.h"
#include "hub/room_store.h"
#include "model/message.h"
#include "model/types.h"

namespace chat::store {

// What is kept of a room, without its messages.
struct StoredRoom {
  std::int64_t id = 0;  // of the database; 0: it is not there
  std::string name;
  std::string epoch;
  std::uint64_t seq = 0;          // of the newest message of the epoch, kept or not
  std::uint64_t dropped_seq = 0;  // messages up to here were dropped or never kept
  std::int64_t count = 0;         // kept messages
  std::int64_t bytes = 0;         // of the kept messages and events, see stored_bytes()
  std::int64_t oldest_ms = 0;     // time of the oldest kept message or event, Unix milliseconds
  std::int64_t newest_ms = 0;     // time of the newest message
  std::int64_t events = 0;        // kept events that changed messages

  bool is_empty() const { return count == 0 && events == 0; }
};

// What a message counts in the limits: about what it takes in memory.
inline std::int64_t stored_bytes(const Message& message) {
  return static_cast<std::int64_t>(sizeof(Message) + message.size_bytes() + message.event.size() + message.room.size() +
                                   message.sender.name.size() + message.sender.user_id.size() + message.id.size());
}

// One step of a transaction, in the order of the fields.
struct RoomChange {
  StoredRoom room;                   // before; the backend writes it as it is afterwards
  bool clear = false;                // drop all messages and values that are stored under this name
  std::vector<RoomValue> values;     // to set, one after the other; an empty value is removed
  std::vector<MessagePtr> messages;  // to add: rising seq above room.seq. An event also changes its kept target
  std::int64_t drop_before_ms = 0;   // drop messages that are older; 0: none
  std::int64_t drop_bytes = 0;       // drop so many bytes of the oldest messages
  bool remove = false;               // remove the room with its values
};

// Once when the server starts.
struct StoredRooms {
  std::vector<StoredRoom> rooms;
  std::vector<std::pair<std::size_t, RoomValue>> values;  // each after the index of its room
  std::uint64_t last_client_number = 0;                   // the highest that a kept sender has
};

// All functions return unavailable, system, permission or unsupported, with a sentence that names the file.
class StoreBackend {
 public:
  virtual ~StoreBackend() = default;

  // Before all other calls.
  virtual Result<StoredRooms> load() = 0;
  // The ids of messages that are not older than this, as many as `limit`, in any order. After load(), before the others.
  virtual Result<std::vector<KeptMessageId>> message_ids(std::int64_t since_ms, std::size_t limit) = 0;

  // These three are called by one thread at a time, the writer.
  // Makes all changes or none, within the limits of each room. Afterwards `room` of each change is current.
  // last_client_number is stored with it.
  virtual Status write(std::span<RoomChange> changes, std::uint64_t last_client_number) = 0;
  // Gives space back that has become free, a little at a time. True when there is more.
  virtual bool release_space() = 0;
  // The last call. clean: everything was written.
  virtual void close(bool clean) = 0;

  // These are called by one thread at a time, the reader, while the writer may write.
  // Reads what is stored under the query's room. A message's born_ms is set so that it is as old as its time_ms says.
  virtual KeptRange read(const KeptQuery& query, Moment now) = 0;
  // Whether upkeep() has something to do. Any thread.
  virtual bool needs_upkeep() const = 0;
  virtual void upkeep() = 0;

  virtual std::int64_t file_bytes() const = 0;  // any thread
  // Whether write() also changes the target of an edit, a redaction or a reaction. Constant.
  virtual bool applies_changes() const { return true; }
  // Whether read() takes queries with a text. Such a read ends after a bounded number of messages, as `after_seq` of its result
  // says. Constant after load().
  virtual bool can_search() const { return false; }
};

}  // namespace chat::store
