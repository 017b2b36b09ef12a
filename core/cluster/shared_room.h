// A room of the cluster, as the worker of one server knows it. The worker's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/room_log.h"
#include "hub/room_store.h"

namespace chat::cluster {

// What one server sent to one room in one call: an entry of the room's stream.
struct Batch {
  std::uint64_t first = 0;  // the seq of its first message
  std::uint64_t count = 0;
  std::int64_t time_ms = 0;  // when Redis numbered it, Unix milliseconds
  std::string token;         // unique
  std::string epoch;         // of a notice
  std::string messages;      // see message_format.h; empty for one of this server whose answer came first

  std::uint64_t last() const { return first + count - 1; }
};

struct SharedRoom : std::enable_shared_from_this<SharedRoom> {
  enum class State : std::uint8_t {
    closed,       // nothing is known in Redis of this server and the room
    subscribing,  // its channel
    opening,      // asked for its position
    settling,     // not all servers have handed over after a restart or a fail-over of Redis
    open,
  };
  struct Waiting {
    Submission submission;
    std::int64_t since_ms = 0;
    std::int64_t bytes = 0;
  };
  struct Reader {
    RoomStore::Done done;
    std::int64_t since_ms = 0;
  };

  SharedRoom(std::string room_name, std::string_view prefix);

  // Nothing here needs the room.
  bool unused() const {
    return logs == 0 && waiting.empty() && sent.empty() && readers.empty() && close_epoch.empty() && unwritten.empty();
  }

  const std::string name;
  const std::string meta;  // keys
  const std::string stream;
  const std::string ids;
  const std::string values;
  const std::string channel;

  State state = State::closed;
  std::uint64_t attempt = 0;  // answers to earlier ones are ignored
  bool subscribed = false;
  std::size_t logs = 0;     // of the hub: one, two for a moment
  std::string epoch;        // empty: the position is not known
  std::uint64_t seq = 0;    // everything up to here has been given to the hub
  std::string run;          // the Redis that gave the position
  std::string close_epoch;  // not empty: the room is to be closed first, and continues in this epoch
  std::deque<Waiting> waiting;
  std::vector<Waiting> sent;             // the batch that Redis has not answered
  std::string token;                     // its token
  std::map<std::uint64_t, Batch> ahead;  // by their first seq: something before them is missing
  std::int64_t ahead_since_ms = 0;
  std::vector<Reader> readers;
  std::optional<std::uint64_t> tell_above;  // Redis wants what this server has above this seq
  std::int64_t open_ms = 0;                 // when the timer saw it open last, while something waited
  std::int64_t keep_ms = 0;     // the hub has just made its room, and tells so a little later: it stays until then
  bool must_adopt = false;      // the hub has a new room
  std::int64_t retry_ms = 0;    // Redis has refused something: not before this time again
  bool values_changed = false;  // by a notice, while the position is asked for
  std::string values_version;   // of the values that this server has read
  bool ruled = false;           // the hub's room has the values
  bool setting_values = false;  // Redis has not answered for some of these:
  std::map<std::string, std::string> unwritten;  // values by their keys, which Redis does not have yet
};
using SharedRoomPtr = std::shared_ptr<SharedRoom>;

// FNV-1a, 32 bits: the same on all servers.
std::uint32_t partition_of(std::string_view room);
inline constexpr std::uint32_t kPartitions = 256;

}  // namespace chat::cluster
