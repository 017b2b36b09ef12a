// The values of the rooms that are open here: rules and read markers, as the hub set them or as Redis has them. Any thread.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/room_store.h"
#include "model/string_map.h"
#include "model/types.h"
#include "redis/redis_value.h"

namespace chat::cluster {

class RoomValues {
 public:
  RoomValues() = default;
  RoomValues(const RoomValues&) = delete;
  RoomValues& operator=(const RoomValues&) = delete;

  // Sets or, with an empty text, removes a value of this server, and calls push(), which tells the worker, in the same order.
  // Errors: those of RoomStore::keep_value() and of push(); nothing has changed then.
  Status keep(std::string_view room, const RoomValue& value, const std::function<Status()>& push);
  // The worker has the value that keep() pushed.
  void arrived(const std::string& room, const std::string& key);
  // Whether keep() has pushed another value that the worker does not have yet.
  bool is_coming(const std::string& room, const std::string& key) const;

  std::vector<RoomValue> of(std::string_view room) const;
  void drop(std::string_view room);

  using Unwritten = std::map<std::string, std::string>;  // values by their keys
  // Takes all values of the room in Redis: keys, each with its value. unwritten: of this server, which Redis does not have yet;
  // they count more. keeps: what Redis does not have becomes one of them. Returns what has changed, or with `all` everything
  // that there is and what was removed. When it throws, unwritten may have grown, and nothing else has changed.
  std::vector<RoomValue> merge(const std::string& room, const std::vector<redis::Value>& items, Unwritten& unwritten,
                               bool keeps, bool all, std::int64_t time_ms);
  // Takes values that another server has set.
  void take(const std::string& room, const std::vector<RoomValue>& changed);

 private:
  using Values = std::map<std::string, RoomValue, std::less<>>;

  mutable std::mutex mutex_;
  StringMap<Values> values_;                                   // by room and key
  std::map<std::pair<std::string, std::string>, int> coming_;  // steps with a value, by room and key
};

}  // namespace chat::cluster
