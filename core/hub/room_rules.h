// The rules of one room: who may not enter it. What else the application or a moderator decides about a room (mute, slow mode,
// members only) belongs here too. Not thread-safe: its room's lock guards it. Knows no members; the hub expels them.
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

  // banned. Forgets a ban that is over. ban_key: Client::ban_key(); times are those of Moment::age_ms.
  Status check_join(const std::string& ban_key, std::int64_t now_ms);
  // A duration of 0 lifts the ban. too_many.
  Status ban(const std::string& ban_key, std::int64_t duration_ms, std::int64_t now_ms);

  // Forgets what no longer holds.
  void expire(std::int64_t now_ms);
  void clear() { banned_until_ms_.clear(); }
  // There is none, so a room without members or history has nothing to be kept for.
  bool empty() const { return banned_until_ms_.empty(); }

 private:
  std::unordered_map<std::string, std::int64_t> banned_until_ms_;
};

}  // namespace chat
