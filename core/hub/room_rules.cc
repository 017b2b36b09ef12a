// See room_rules.h.
#include "hub/room_rules.h"

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
  banned_until_ms_[ban_key] = duration_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + duration_ms;
  return {};
}

void RoomRules::expire(std::int64_t now_ms) {
  std::erase_if(banned_until_ms_, [&](const auto& ban) { return ban.second <= now_ms; });
}

}  // namespace chat
