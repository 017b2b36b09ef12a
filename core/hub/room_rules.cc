// See room_rules.h.
#include "hub/room_rules.h"

#include <algorithm>

namespace chat {

Status RoomRules::check_join(const std::string& ban_key, std::int64_t now_ms) {
  const auto ban = banned_until_ms_.find(ban_key);
  if (ban == banned_until_ms_.end()) return {};
  if (ban->second > now_ms) return {Error::banned, "banned from the room"};
  banned_until_ms_.erase(ban);
  return {};
}

Status RoomRules::ban(const std::string& ban_key, std::int64_t duration_ms, std::int64_t now_ms) {
  if (duration_ms <= 0) {
    banned_until_ms_.erase(ban_key);
    return {};
  }
  if (banned_until_ms_.size() >= kMaxBans && !banned_until_ms_.contains(ban_key)) {
    return {Error::too_many, "the room has the maximum number of bans"};
  }
  const std::int64_t until_ms = duration_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + duration_ms;
  banned_until_ms_[ban_key] = until_ms;
  next_expiry_ms_ = std::min(next_expiry_ms_, until_ms);
  return {};
}

void RoomRules::expire(std::int64_t now_ms) {
  if (now_ms < next_expiry_ms_) return;
  next_expiry_ms_ = INT64_MAX;
  std::erase_if(banned_until_ms_, [&](const auto& ban) {
    if (ban.second <= now_ms) return true;
    next_expiry_ms_ = std::min(next_expiry_ms_, ban.second);
    return false;
  });
}

void RoomRules::clear() {
  banned_until_ms_.clear();
  next_expiry_ms_ = INT64_MAX;
}

}  // namespace chat
