// See client.h.
#include "hub/client.h"

#include <algorithm>

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
  return rooms_;
}

bool Client::has_joined(std::string_view room) const {
  std::lock_guard lock(mutex_);
  return std::find(rooms_.begin(), rooms_.end(), room) != rooms_.end();
}

std::string Client::refusal_reason() const {
  std::lock_guard lock(mutex_);
  return refusal_reason_;
}

std::string Client::refusal_data() const {
  std::lock_guard lock(mutex_);
  return refusal_data_;
}

std::string Client::ban_key() const {
  const IdentityPtr current = identity();
  // The prefixes distinguish addresses from user ids that look like addresses.
  if (!current->user_id.empty()) return "user:" + current->user_id;
  return "address:" + origin_.address;
}

}  // namespace chat
