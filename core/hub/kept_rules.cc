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

// Modes that are on, after the number of the slow mode: " read_only", " no_links=60000".
constexpr ModerationAction kNamedModes[] = {ModerationAction::members_only, ModerationAction::read_only,
                                            ModerationAction::no_repeats, ModerationAction::no_links,
                                            ModerationAction::hold_first};

std::string joined(std::string_view kind, std::string_view name) { return std::string(kind) + std::string(name); }

std::string end_of(std::int64_t duration_ms, Moment now) {
  if (duration_ms <= 0) return {};
  return std::to_string(duration_ms > INT64_MAX - now.time_ms ? INT64_MAX : now.time_ms + duration_ms);
}

std::string modes_text(RoomModes modes) {
  if (modes == RoomModes()) return {};
  std::string text = std::to_string(modes.slow_mode_ms);
  for (const ModerationAction action : kNamedModes) {
    const std::int64_t value = *modes.of(action);
    if (value == 0) continue;
    text += ' ';
    text += action_name(action);
    if (value != 1) text += '=' + std::to_string(value);
  }
  return text;
}

std::int64_t number_in(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

void restore_modes(RoomRules& rules, std::string_view text) {
  RoomModes before = rules.modes();
  const auto set = [&](ModerationAction action, std::int64_t value) {
    if (*before.of(action) != value) rules.set_mode(action, value);
  };
  set(ModerationAction::slow_mode, number_in(text));
  for (const ModerationAction action : kNamedModes) {
    const std::string name = ' ' + std::string(action_name(action));
    const std::size_t at = text.find(name);
    const std::string_view rest = at == std::string_view::npos ? "=0" : text.substr(at + name.size());
    set(action, rest.starts_with('=') ? number_in(rest.substr(1)) : 1);
  }
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
  RoomModes modes = rules.modes();
  if (std::int64_t* const mode = modes.of(what.action)) {
    *mode = what.value;
    return RoomValue{std::string(kModes), modes_text(modes)};
  }
  switch (what.action) {
    case ModerationAction::ban:
      return RoomValue{block ? joined(kBlock, block->text()) : joined(kBan, key), end_of(what.duration_ms, now)};
    case ModerationAction::mute:
      return RoomValue{joined(kMute, key), end_of(what.duration_ms, now)};
    case ModerationAction::role:
      return kept_role(what.user_id, static_cast<Role>(what.value));
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
    restore_modes(rules, value.value);
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

Status apply_rule(RoomRules& rules, const RoomValue& value, Moment now) {
  if (!value.value.empty() || value.key == kModes) return restore_rule(rules, value, now).status();
  if (const auto user = after(kRole, value.key)) return rules.set_role(std::string(*user), Role::member);
  if (const auto text = after(kBlock, value.key)) {
    const std::optional<IpBlock> block = IpBlock::parse(*text);
    return block ? rules.ban(*block, 0, now.age_ms) : Status();
  }
  if (const auto key = after(kBan, value.key)) return rules.ban(std::string(*key), 0, now.age_ms);
  if (const auto key = after(kMute, value.key)) return rules.mute(std::string(*key), 0, now.age_ms);
  return {};
}

}  // namespace chat
