// The rules of one room: its bans. Other moderation rules (mute, slow mode, members only) belong here too. Not
// thread-safe: the room's lock guards it. It does not know the members; the hub removes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "model/types.h"

namespace chat {

class RoomRules {
 public:
  static constexpr std::size_t kMaxBans = 10'000;

  // Errors: banned. Drops the ban if it has expired. ban_key: Client::ban_key(). Times are Moment::age_ms.
  Status check_join(const std::string& ban_key, std::int64_t now_ms);
  // Bans a key for duration_ms; 0 lifts the ban. Errors: too_many.
  Status ban(const std::string& ban_key, std::int64_t duration_ms, std::int64_t now_ms);

  // Drops expired bans.
  void expire(std::int64_t now_ms);
  // When expire() next drops a ban, or earlier; INT64_MAX without bans.
  std::int64_t next_expiry_ms() const { return next_expiry_ms_; }
  void clear();
  // True when no ban is kept. A room without bans, members and history can be removed.
  bool empty() const { return banned_until_ms_.empty(); }

 private:
  std::unordered_map<std::string, std::int64_t> banned_until_ms_;
  std::int64_t next_expiry_ms_ = INT64_MAX;
};

}  // namespace chat
