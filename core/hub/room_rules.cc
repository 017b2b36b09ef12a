// See room_rules.h.
#include "hub/room_rules.h"

#include <algorithm>
#include <utility>

namespace chat {
namespace {

std::int64_t end_of(std::int64_t duration_ms, std::int64_t now_ms) {
  return duration_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + duration_ms;
}

// INT64_MAX: without an end.
std::int64_t left_until(std::int64_t until_ms, std::int64_t now_ms) {
  return until_ms == INT64_MAX ? INT64_MAX : std::max<std::int64_t>(0, until_ms - now_ms);
}

// "for 59 s", rounded up, so that nobody tries too early.
Status refuse_for(Error code, std::string_view what, std::int64_t wait_ms) {
  const std::int64_t seconds = wait_ms / 1'000 + (wait_ms % 1'000 != 0 ? 1 : 0);
  return {code, std::string(what) + std::to_string(seconds) + " s", wait_ms};
}

}  // namespace

RoomRules::State& RoomRules::state() {
  if (!state_) state_ = std::make_unique<State>();
  return *state_;
}

void RoomRules::settle() noexcept {
  if (!state_) return;
  const State& now = *state_;
  const bool restricts = !now.muted_until_ms.empty() || now.modes != RoomModes();
  restricts_.store(restricts, std::memory_order_relaxed);
  if (!restricts && now.banned_until_ms.empty() && now.blocks.empty() && now.roles.empty()) state_.reset();
}

Role RoomRules::role_of(std::string_view user_id, Role given) const {
  if (user_id.empty()) return given;
  Role role = std::max(given, Role::member);
  if (!state_) return role;
  if (const auto set = state_->roles.find(user_id); set != state_->roles.end()) role = std::max(role, set->second.role);
  return role;
}

Status RoomRules::check_join(const Standing& who, std::int64_t now_ms) const {
  if (!state_) return {};
  Status refused{Error::banned, "banned from the room"};
  if (const auto ban = state_->banned_until_ms.find(who.key); ban != state_->banned_until_ms.end()) {
    if (ban->second > now_ms) return refused;
  }
  const Role role = role_of(who);
  if (state_->modes.members_only != 0 && role < Role::member) {
    return {Error::forbidden, "only members may join the room"};
  }
  if (state_->blocks.empty() || role >= Role::moderator) return {};
  const std::optional<IpAddress> address = IpAddress::parse(who.address);
  const bool blocked = address && std::any_of(state_->blocks.begin(), state_->blocks.end(), [&](const BlockBan& ban) {
                         return ban.until_ms > now_ms && ban.block.contains(*address);
                       });
  return blocked ? refused : Status();
}

Status RoomRules::check_message(const Standing& who, bool paced, std::int64_t now_ms) const {
  if (!state_) return {};
  if (const auto mute = state_->muted_until_ms.find(who.key); mute != state_->muted_until_ms.end()) {
    if (mute->second == INT64_MAX) return {Error::muted, "muted in this room"};
    if (mute->second > now_ms) return refuse_for(Error::muted, "muted in this room for ", mute->second - now_ms);
  }
  const Role role = role_of(who);
  if (role >= Role::moderator) return {};
  const RoomModes& modes = state_->modes;
  if (modes.members_only != 0 && role < Role::member) {
    return {Error::forbidden, "only members may write in this room"};
  }
  if (modes.read_only != 0) return {Error::read_only, "only moderators may write in this room"};
  if (!paced || modes.slow_mode_ms == 0) return {};
  const auto next = state_->next_message_ms.find(who.pace_key);
  if (next == state_->next_message_ms.end() || next->second <= now_ms) return {};
  return refuse_for(Error::slow_mode, "the room is in slow mode: the next message in ", next->second - now_ms);
}

Status RoomRules::take_turn(const Standing& who, std::int64_t now_ms) {
  if (!state_ || state_->modes.slow_mode_ms == 0 || role_of(who) >= Role::moderator) return {};
  Times& next = state_->next_message_ms;
  if (next.size() >= kMaxPaced && !next.contains(who.pace_key)) {
    std::erase_if(next, [&](const auto& waiting) { return waiting.second <= now_ms; });
    if (next.size() >= kMaxPaced) {
      return refuse_for(Error::slow_mode, "the room is in slow mode, and too many people write: wait ",
                        state_->modes.slow_mode_ms);
    }
  }
  std::int64_t& next_ms = next[who.pace_key];
  if (next_ms > now_ms) {
    return refuse_for(Error::slow_mode, "the room is in slow mode: the next message in ", next_ms - now_ms);
  }
  next_ms = end_of(state_->modes.slow_mode_ms, now_ms);
  return {};
}

Status RoomRules::check_flood(const Standing& who, const MessageDraft& message, std::int64_t now_ms) const {
  if (!state_ || !state_->flood || role_of(who) >= Role::moderator) return {};
  return state_->flood->check(who.pace_key, message, now_ms);
}

bool RoomRules::must_wait(const Standing& who, const MessageDraft& message) const {
  if (!state_ || !state_->flood || role_of(who) >= Role::moderator) return false;
  return state_->flood->must_wait(who.pace_key, message);
}

void RoomRules::note_message(std::string_view pace_key, const MessageDraft& message, std::int64_t now_ms) {
  if (state_ && state_->flood) state_->flood->note(pace_key, message, now_ms);
}

void RoomRules::take_back(const std::string& pace_key, const MessageDraft& message, std::int64_t taken_ms) {
  if (!state_) return;
  const auto paced = state_->next_message_ms.find(pace_key);
  if (paced != state_->next_message_ms.end() && paced->second == end_of(state_->modes.slow_mode_ms, taken_ms)) {
    state_->next_message_ms.erase(paced);
  }
  if (state_->flood) state_->flood->forget_text(pace_key, message, taken_ms);
}

Status RoomRules::hold(Times& times, std::size_t max, std::string_view what, const std::string& key,
                       std::int64_t duration_ms, std::int64_t now_ms) {
  if (duration_ms > 0 && times.size() >= max && !times.contains(key)) {
    return {Error::too_many, "the room has the maximum number of " + std::string(what)};
  }
  if (duration_ms <= 0) {
    times.erase(key);
  } else {
    const std::int64_t until_ms = end_of(duration_ms, now_ms);
    times[key] = until_ms;
    state_->next_expiry_ms = std::min(state_->next_expiry_ms, until_ms);
  }
  return {};
}

Status RoomRules::ban(const std::string& key, std::int64_t duration_ms, std::int64_t now_ms) {
  const Change change{*this};
  if (!state_ && duration_ms <= 0) return {};
  return hold(state().banned_until_ms, kMaxBans, "bans", key, duration_ms, now_ms);
}

Status RoomRules::mute(const std::string& key, std::int64_t duration_ms, std::int64_t now_ms) {
  const Change change{*this};
  if (!state_ && duration_ms <= 0) return {};
  return hold(state().muted_until_ms, kMaxMutes, "mutes", key, duration_ms, now_ms);
}

Status RoomRules::ban(const IpBlock& block, std::int64_t duration_ms, std::int64_t now_ms) {
  const Change change{*this};
  if (!state_ && duration_ms <= 0) return {};
  std::vector<BlockBan>& blocks = state().blocks;
  const auto found =
      std::find_if(blocks.begin(), blocks.end(), [&](const BlockBan& ban) { return ban.block == block; });
  if (duration_ms <= 0) {
    if (found != blocks.end()) blocks.erase(found);
  } else {
    const std::int64_t until_ms = end_of(duration_ms, now_ms);
    if (found != blocks.end()) {
      found->until_ms = until_ms;
    } else if (blocks.size() >= kMaxBlocks) {
      return {Error::too_many, "the room has the maximum number of banned address blocks"};
    } else {
      blocks.push_back({block, until_ms});
    }
    state_->next_expiry_ms = std::min(state_->next_expiry_ms, until_ms);
  }
  return {};
}

std::int64_t* RoomModes::of(ModerationAction action) {
  switch (action) {
    case ModerationAction::slow_mode:
      return &slow_mode_ms;
    case ModerationAction::members_only:
      return &members_only;
    case ModerationAction::read_only:
      return &read_only;
    case ModerationAction::no_repeats:
      return &no_repeats_ms;
    case ModerationAction::no_links:
      return &no_links_ms;
    case ModerationAction::hold_first:
      return &hold_first_ms;
    default:
      return nullptr;
  }
}

void RoomRules::set_mode(ModerationAction action, std::int64_t value) {
  const Change change{*this};
  if (!state_ && value == 0) return;
  const bool floods = action == ModerationAction::no_repeats || action == ModerationAction::no_links ||
                      action == ModerationAction::hold_first;
  if (floods && !state().flood) {
    if (value == 0) return;
    state().flood = std::make_unique<FloodRules>();
  }
  *state().modes.of(action) = value;
  if (action == ModerationAction::slow_mode) state().next_message_ms.clear();
  if (!floods) return;
  FloodRules& flood = *state().flood;
  if (action == ModerationAction::no_repeats) flood.set_no_repeats(value);
  if (action == ModerationAction::no_links) flood.set_no_links(value);
  if (action == ModerationAction::hold_first) flood.set_hold_first(value);
  if (flood.empty()) state().flood.reset();
}

Status RoomRules::set_role(const std::string& user_id, Role role) {
  const Change change{*this};
  if (role <= Role::member) {
    if (state_) state_->roles.erase(user_id);
    return {};
  }
  StringMap<SetRole>& roles = state().roles;
  if (roles.size() >= kMaxRoles && !roles.contains(user_id)) {
    return {Error::too_many, "the room has the maximum number of roles"};
  }
  roles[user_id] = {role};
  return {};
}

std::int64_t RoomRules::left_ms(const Times& times, const std::string& key, std::int64_t now_ms) {
  const auto found = times.find(key);
  return found == times.end() ? 0 : left_until(found->second, now_ms);
}

std::int64_t RoomRules::ban_left_ms(const std::string& key, std::int64_t now_ms) const {
  return state_ ? left_ms(state_->banned_until_ms, key, now_ms) : 0;
}

std::int64_t RoomRules::mute_left_ms(const std::string& key, std::int64_t now_ms) const {
  return state_ ? left_ms(state_->muted_until_ms, key, now_ms) : 0;
}

std::int64_t RoomRules::ban_left_ms(const IpBlock& block, std::int64_t now_ms) const {
  if (!state_) return 0;
  for (const BlockBan& ban : state_->blocks) {
    if (ban.block == block) return left_until(ban.until_ms, now_ms);
  }
  return 0;
}

const StringMap<RoomRules::SetRole>& RoomRules::roles() const {
  static const StringMap<SetRole> none;
  return state_ ? state_->roles : none;
}

void RoomRules::expire(std::int64_t now_ms, const std::function<void(const Ended&)>& dropped) {
  if (!state_ || now_ms < state_->next_expiry_ms) return;
  const Change change{*this};
  std::int64_t& next_ms = state_->next_expiry_ms;
  next_ms = INT64_MAX;
  const auto ended = [&](std::int64_t until_ms) {
    if (until_ms > now_ms) next_ms = std::min(next_ms, until_ms);
    return until_ms <= now_ms;
  };
  const auto drop = [&](const Ended& what) {
    if (dropped) dropped(what);
    return true;
  };
  std::erase_if(state_->banned_until_ms, [&](const auto& ban) { return ended(ban.second) && drop({ban.first}); });
  std::erase_if(state_->muted_until_ms, [&](const auto& mute) {
    return ended(mute.second) && drop({mute.first, true});
  });
  std::erase_if(state_->blocks, [&](const BlockBan& ban) {
    return ended(ban.until_ms) && (!dropped || drop({ban.block.text(), false, true}));
  });
}

void RoomRules::clear() {
  const Change change{*this};
  if (!state_) return;
  StringMap<SetRole> roles = std::move(state_->roles);
  *state_ = State();
  state_->roles = std::move(roles);
}

}  // namespace chat
