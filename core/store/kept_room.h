// A room of a StoredHistory: what is known of it without reading.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/store_backend.h"

namespace chat::store {

// The values of a room by their keys. An empty value among those to be written is to be removed.
struct TimedValue {
  std::string value;
  std::int64_t time_ms = 0;
};
using RoomValues = std::map<std::string, TimedValue, std::less<>>;

struct KeptRoom {
  KeptRoom(std::string room_name, std::string room_epoch) : name(std::move(room_name)), epoch(std::move(room_epoch)) {
    stored.name = name;
    stored.epoch = epoch;
  }

  const std::string name;

  // Guarded by the history's rooms_mutex_.
  std::string epoch;
  std::size_t open_logs = 0;
  RoomValues values;
  std::array<std::size_t, 2> value_bytes{};  // of the values, and of the minor ones; see RoomStore::kValueBytes
  bool had_values = false;         // a sweep removes the room, because it may be in the database without messages
  std::size_t waiting_values = 0;  // steps of values that the writer has not finished

  // "~" comes after all characters of other keys.
  bool has_major_values() const { return !values.empty() && !RoomStore::is_minor(values.begin()->first); }

  // Any thread.
  std::atomic<std::uint64_t> seq = 0;          // of the newest committed message
  std::atomic<std::uint64_t> dropped_seq = 0;  // as stored
  std::atomic<std::int64_t> count = 0;         // as stored

  // For the writer's thread only.
  StoredRoom stored;                 // as in the database, and what follows from the steps that wait for it:
  bool clear = false;                // drop what the database has of the room
  std::vector<MessagePtr> restored;  // and store these
  RoomValues unwritten;              // and these
  bool dirty = false;                // in the list of rooms whose steps wait
  static constexpr std::size_t kNoChange = SIZE_MAX;
  std::size_t change = kNoChange;  // its place in the transaction that is being made
};
using KeptRoomPtr = std::shared_ptr<KeptRoom>;

}  // namespace chat::store
