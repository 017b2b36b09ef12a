// See client.h.
#include "hub/client.h"

#include <algorithm>

#include "hub/room.h"

namespace chat {

IdentityPtr Client::identity() const {
  std::lock_guard lock(mutex_);
  return identity_;
}

ClientState Client::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

std::vector<std::string> Client::rooms() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  names.reserve(rooms_.size());
  for (const RoomPtr& room : rooms_) names.push_back(room->name);
  return names;
}

std::vector<RoomPtr>::const_iterator Client::find_room(std::string_view name) const {
  if (name.empty()) return rooms_.begin();
  return std::ranges::find(rooms_, name, [](const RoomPtr& room) { return std::string_view(room->name); });
}

std::shared_ptr<Room> Client::joined(std::string_view name) const {
  std::lock_guard lock(mutex_);
  const auto found = find_room(name);
  return found == rooms_.end() ? nullptr : *found;
}

std::shared_ptr<Room> Client::place_for_send(std::string_view room, Sender& sender) const {
  std::lock_guard lock(mutex_);
  sender.id = id_;
  sender.name = identity_->name;
  sender.user_id = identity_->user_id;
  const auto found = find_room(room);
  return found == rooms_.end() ? nullptr : *found;
}

std::string Client::refusal_reason() const {
  std::lock_guard lock(mutex_);
  return refused_->reason;
}

std::string Client::refusal_data() const {
  std::lock_guard lock(mutex_);
  return refused_->data;
}

std::string Client::ban_key() const {
  const IdentityPtr current = identity();
  // The prefixes distinguish addresses from user ids that look like addresses.
  if (!current->user_id.empty()) return "user:" + current->user_id;
  return "address:" + SourceTable::key_of(origin_.address);
}

Standing Client::standing_in(std::string_view room) const {
  const IdentityPtr current = identity();
  Standing standing;
  standing.key = ban_key();
  standing.user_id = current->user_id;
  standing.given = role_in(current->attributes, room);
  standing.address = origin_.address;
  standing.pace_key = current->user_id.empty() ? "client:" + std::to_string(id_) : standing.key;
  return standing;
}

}  // namespace chat
