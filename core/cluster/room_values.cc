// See room_values.h.
#include "cluster/room_values.h"

#include <cstddef>

namespace chat::cluster {

Status RoomValues::keep(std::string_view room, const RoomValue& value, const std::function<Status()>& push) {
  if (value.key.empty() || value.key.size() > RoomStore::kMaxKeyBytes)
    return {Error::invalid_argument, "a key has 1 to 1,024 bytes"};
  if (value.value.size() > RoomStore::kMaxValueBytes) return {Error::too_large, "a value has more than 4,096 bytes"};
  const std::lock_guard lock(mutex_);
  Values& values = values_[std::string(room)];
  std::size_t bytes = RoomStore::kValueBytes + value.key.size() + value.value.size();
  for (const auto& [name, one] : values) {
    if (RoomStore::is_minor(name) == RoomStore::is_minor(value.key) && name != value.key)
      bytes += RoomStore::kValueBytes + name.size() + one.value.size();
  }
  const bool removes = value.value.empty();
  if (!removes && bytes > RoomStore::kMaxRoomValueBytes) return {Error::too_many, "the room has too many values"};
  if (!removes) values.insert_or_assign(value.key, value);
  int& coming = coming_[{std::string(room), value.key}];
  Status status = push();
  if (status.ok()) ++coming;
  if (removes || !status.ok()) {
    if (const auto found = values.find(value.key); found != values.end()) values.erase(found);
  }
  return status;
}

void RoomValues::arrived(const std::string& room, const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = coming_.find({room, key});
  if (found != coming_.end() && --found->second == 0) coming_.erase(found);
}

bool RoomValues::is_coming(const std::string& room, const std::string& key) const {
  const std::lock_guard lock(mutex_);
  return coming_.contains({room, key});
}

std::vector<RoomValue> RoomValues::of(std::string_view room) const {
  std::vector<RoomValue> result;
  const std::lock_guard lock(mutex_);
  const auto found = values_.find(room);
  if (found == values_.end()) return result;
  result.reserve(found->second.size());
  for (const auto& [key, value] : found->second) result.push_back(value);
  return result;
}

void RoomValues::drop(std::string_view room) {
  const std::lock_guard lock(mutex_);
  if (const auto found = values_.find(room); found != values_.end()) values_.erase(found);
}

std::vector<RoomValue> RoomValues::merge(const std::string& room, const std::vector<redis::Value>& items,
                                         Unwritten& unwritten, bool keeps, bool all, std::int64_t time_ms) {
  Values values;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    values[items[i].text] = {items[i].text, items[i + 1].text, time_ms};
  }
  std::vector<RoomValue> changed;
  const std::lock_guard lock(mutex_);
  static const Values none;
  const auto found = values_.find(room);
  const Values& before = found == values_.end() ? none : found->second;
  if (keeps) {
    for (const auto& [key, value] : before) {
      if (!values.contains(key)) unwritten.try_emplace(key, value.value);
    }
  }
  for (const auto& [key, value] : unwritten) {
    values.erase(key);
    if (!value.empty()) values[key] = {key, value, time_ms};
  }
  // What the hub has set a moment ago counts more.
  for (auto one = coming_.lower_bound({room, {}}); one != coming_.end() && one->first.first == room; ++one) {
    const std::string& key = one->first.second;
    values.erase(key);
    if (const auto own = before.find(key); own != before.end()) values[key] = own->second;
  }
  for (const auto& [key, value] : before) {
    if (!values.contains(key)) changed.push_back({key, {}, value.time_ms});
  }
  for (const auto& [key, value] : values) {
    const auto known = before.find(key);
    if (all || known == before.end() || known->second.value != value.value) changed.push_back(value);
  }
  if (values.empty()) {
    if (found != values_.end()) values_.erase(found);
  } else {
    values_.insert_or_assign(room, std::move(values));
  }
  return changed;
}

void RoomValues::take(const std::string& room, const std::vector<RoomValue>& changed) {
  const std::lock_guard lock(mutex_);
  Values& values = values_[room];
  for (const RoomValue& one : changed) {
    if (one.value.empty()) {
      values.erase(one.key);
    } else {
      values.insert_or_assign(one.key, one);
    }
  }
}

}  // namespace chat::cluster
