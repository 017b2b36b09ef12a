// The interface of a store that keeps the logs of rooms beyond memory, and beyond a restart. The hub asks it for the logs of
// new rooms and for messages that are not in memory. The store writes on threads of its own and calls Hub::commit() for what
// its logs kept; see RoomLog::submit(). Every function may be called from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hub/room_log.h"
#include "model/command.h"

namespace chat {

class RoomStore {
 public:
  virtual ~RoomStore() = default;

  // The log of a room that continues what is kept of it. `epoch` is for a room of which nothing is kept. Called with the
  // room table's lock held; it must not block.
  virtual std::unique_ptr<RoomLog> open_log(const std::string& room, std::string epoch) = 0;
  // Whether anything is kept of the room.
  virtual bool has(std::string_view room) const = 0;
  // At most `limit` (0: all) of the kept rooms without an open log, with 0 members.
  virtual std::vector<RoomInfo> closed_rooms(std::size_t limit) const = 0;

  // The ids of kept messages that are not older than this. Waits for the disk; call it before the hub has clients.
  virtual Result<std::vector<KeptMessageId>> message_ids(std::int64_t since_ms) = 0;

  // Reads a range and calls done() once: from a thread of the store, or from this call when too many reads are waiting.
  // No lock is held during the call. Never blocks. After the store has stopped, done() may be dropped.
  using Done = std::function<void(KeptRangePtr)>;
  virtual void read(KeptQuery query, Done done) = 0;
  // The same on the calling thread, which waits for the disk.
  virtual KeptRangePtr read_now(const KeptQuery& query) = 0;
};

}  // namespace chat
