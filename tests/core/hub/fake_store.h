// A store of rooms in memory that a test can let refuse values. Its logs are those of memory.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/memory_log.h"
#include "hub/room_store.h"

namespace chat::test {

class FakeStore : public RoomStore {
 public:
  std::unique_ptr<RoomLog> open_log(const std::string&, std::string epoch) override {
    return std::make_unique<MemoryLog>(HistoryLimits{}, std::move(epoch));
  }
  bool has(std::string_view) const override { return false; }
  bool can_search() const override { return false; }
  std::vector<RoomInfo> closed_rooms(std::size_t) const override { return {}; }
  Result<std::vector<KeptMessageId>> message_ids(std::int64_t) override { return std::vector<KeptMessageId>(); }
  void read(KeptQuery, Done) override {}
  KeptRangePtr read_now(const KeptQuery&) override { return nullptr; }
  Status keep_value(std::string_view room, std::string_view key, std::string_view value, Moment now) override {
    ++calls;
    if (refuses != Error::ok) return {refuses, {}};
    std::map<std::string, RoomValue>& of_room = rooms[std::string(room)];
    if (value.empty()) {
      of_room.erase(std::string(key));
    } else {
      of_room[std::string(key)] = {std::string(key), std::string(value), now.time_ms};
    }
    return {};
  }
  std::vector<RoomValue> values(std::string_view room) const override {
    std::vector<RoomValue> result;
    const auto found = rooms.find(room);
    if (found == rooms.end()) return result;
    for (const auto& [key, value] : found->second) result.push_back(value);
    return result;
  }
  std::vector<std::string> rooms_with_values() const override {
    std::vector<std::string> names;
    for (const auto& [name, values] : rooms) names.push_back(name);
    return names;
  }

  // "" without one.
  std::string value(const std::string& room, const std::string& key) {
    const auto found = rooms[room].find(key);
    return found == rooms[room].end() ? std::string() : found->second.value;
  }

  std::map<std::string, std::map<std::string, RoomValue>, std::less<>> rooms;
  Error refuses = Error::ok;
  int calls = 0;
};

}  // namespace chat::test
