// See kept_rules.h.
#include "hub/kept_rules.h"

#include <charconv>
#include <utility>

namespace chat {
namespace {

constexpr std::string_view kModes = "rules";
constexpr std::string_view kRole = "role:";
constexpr std::string_view kBan = "ban:";
constexpr std::string_view kBlock = "ban:block:";
constexpr std::string_view kMute = "mute:";
constexpr std::string_view kMembersOnly = " members_only";
constexpr std::string_view kReadOnly = " read_only";

std::string joined(std::string_view kind, std::string_view name) { return std::string(kind) + std::string(name); }

std::string end_of(std::int64_t duration_ms, Moment now) {
  if (duration_ms <= 0) return {};
  return std::to_string(duration_ms > INT64_MAX - now.time_ms ? INT64_MAX : now.time_ms + duration_ms);
}

std::string modes_text(std::int64_t slow_mode_ms, bool members_only, bool read_only) {
  if (slow_mode_ms == 0 && !members_only && !read_only) return {};
  std::string text = std::to_string(slow_mode_ms);
  if (members_only) text += kMembersOnly;
  if (read_only) text += kReadOnly;
  return text;
}

std::int64_t number_in(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// 0: it has ended.
std::int64_t duration_until(std::string_view until, Moment now) {
  const std::int64_t until_ms = number_in(until);
  if (until_ms == INT64_MAX) return INT64_MAX;
  return until_ms > now.time_ms ? until_ms - now.time_ms : 0;
}

std::optional<std::string_view> after(std::string_view kind, std::string_view key) {
  if (!key.starts_with(kind)) return std::nullopt;
  return key.substr(kind.size());
}

}  // namespace

std::optional<RoomValue> kept_rule(const RoomRules& rules, const Moderation& what, const std::string& key,
                                   const std::optional<IpBlock>& block, Moment now) {
  const bool on = what.value != 0;
  switch (what.action) {
    case ModerationAction::ban:
      return RoomValue{block ? joined(kBlock, block->text()) : joined(kBan, key), end_of(what.duration_ms, now)};
    case ModerationAction::mute:
      return RoomValue{joined(kMute, key), end_of(what.duration_ms, now)};
    case ModerationAction::role:
      return kept_role(what.user_id, static_cast<Role>(what.value));
    case ModerationAction::slow_mode:
      return RoomValue{std::string(kModes), modes_text(what.value, rules.members_only(), rules.read_only())};
    case ModerationAction::members_only:
      return RoomValue{std::string(kModes), modes_text(rules.slow_mode_ms(), on, rules.read_only())};
    case ModerationAction::read_only:
      return RoomValue{std::string(kModes), modes_text(rules.slow_mode_ms(), rules.members_only(), on)};
    default:
      return std::nullopt;
  }
}

RoomValue kept_role(std::string_view user_id, Role role) {
  return {joined(kRole, user_id), role > Role::member ? std::string(role_name(role)) : std::string()};
}

std::string kept_key(const RoomRules::Ended& ended) {
  if (ended.mute) return joined(kMute, ended.key);
  return joined(ended.block ? kBlock : kBan, ended.key);
}

Result<bool> restore_rule(RoomRules& rules, const RoomValue& value, Moment now) {
  const auto result = [](Status status) -> Result<bool> {
    if (!status.ok()) return status;
    return true;
  };
  if (value.key == kModes) {
    rules.set_slow_mode(number_in(value.value));
    rules.set_members_only(value.value.find(kMembersOnly) != std::string::npos);
    rules.set_read_only(value.value.find(kReadOnly) != std::string::npos);
    return true;
  }
  if (const auto user = after(kRole, value.key)) {
    const std::optional<Role> role = role_named(value.value);
    if (!role) return false;
    return result(rules.set_role(std::string(*user), *role));
  }
  const std::int64_t duration_ms = duration_until(value.value, now);
  if (duration_ms == 0) return false;
  if (const auto text = after(kBlock, value.key)) {
    const std::optional<IpBlock> block = IpBlock::parse(*text);
    if (!block) return false;
    return result(rules.ban(*block, duration_ms, now.age_ms));
  }
  if (const auto key = after(kBan, value.key)) return result(rules.ban(std::string(*key), duration_ms, now.age_ms));
  if (const auto key = after(kMute, value.key)) return result(rules.mute(std::string(*key), duration_ms, now.age_ms));
  return false;
}

}  // namespace chat
