// See moderation.h.
#include "model/moderation.h"

#include <algorithm>
#include <array>

#include "model/address.h"
#include "model/names.h"
#include "model/utf8.h"

namespace chat {
namespace {

constexpr std::array<std::string_view, kRoleCount> kRoles = {"guest", "member", "moderator", "owner"};
constexpr std::array<std::string_view, kModerationActionCount> kActions = {
    "",     "kick",  "ban",     "mute",   "slow_mode",  "members_only", "read_only", "close",
    "role", "clear", "approve", "reject", "no_repeats", "no_links",     "hold_first"};
constexpr std::string_view kRoleAttribute = "role";

bool has_target(ModerationAction action) {
  return action == ModerationAction::kick || action == ModerationAction::ban || action == ModerationAction::mute ||
         action == ModerationAction::role || action == ModerationAction::clear || action == ModerationAction::approve ||
         action == ModerationAction::reject;
}

Status invalid(std::string detail) { return {Error::invalid_argument, std::move(detail)}; }

Status check_target(const Moderation& what) {
  const int targets = static_cast<int>(what.client != 0) + static_cast<int>(!what.user_id.empty()) +
                      static_cast<int>(!what.address.empty());
  if (!has_target(what.action)) {
    return targets == 0 ? Status() : invalid(std::string(action_name(what.action)) + " has no target");
  }
  if (targets != 1) return invalid("exactly one of client, user and address is needed");
  if (!what.address.empty()) {
    if (what.action != ModerationAction::ban) return invalid("only a ban can have an address as its target");
    if (!IpBlock::parse(what.address)) return invalid("the address is neither an address nor a CIDR block");
  }
  Status status = check_person_name(what.user_id);
  if (!status.ok()) return {status.code, "user: " + status.detail};
  return {};
}

Status check_value(const Moderation& what) {
  std::int64_t most = 0;
  switch (what.action) {
    case ModerationAction::slow_mode:
    case ModerationAction::no_repeats:
    case ModerationAction::no_links:
    case ModerationAction::hold_first:
      most = kMaxSlowModeMs;
      break;
    case ModerationAction::members_only:
    case ModerationAction::read_only:
      most = 1;
      break;
    case ModerationAction::role:
      most = kRoleCount - 1;
      break;
    default:
      break;
  }
  if (what.value < 0 || what.value > most) {
    return invalid("value is " + std::to_string(what.value) + ", not between 0 and " + std::to_string(most));
  }
  const bool lasts = what.action == ModerationAction::ban || what.action == ModerationAction::mute;
  if (what.duration_ms < 0) return invalid("duration_ms is negative");
  if (what.duration_ms != 0 && !lasts) return invalid("only a ban or a mute has a duration");
  return {};
}

}  // namespace

std::string_view role_name(Role role) { return kRoles[static_cast<std::size_t>(role)]; }

std::optional<Role> role_named(std::string_view name) {
  const auto found = std::find(kRoles.begin(), kRoles.end(), name);
  if (found == kRoles.end()) return std::nullopt;
  return static_cast<Role>(found - kRoles.begin());
}

Role role_in(const Pairs& attributes, std::string_view room) {
  Role highest = Role::guest;
  for (const Pair& attribute : attributes) {
    std::string_view name = attribute.name;
    if (!name.starts_with(kRoleAttribute)) continue;
    name.remove_prefix(kRoleAttribute.size());
    const bool here = name.empty() || (name.front() == ':' && name.substr(1) == room);
    if (here) highest = std::max(highest, role_named(attribute.value).value_or(Role::guest));
  }
  return highest;
}

std::string_view action_name(ModerationAction action) { return kActions[static_cast<std::size_t>(action)]; }

std::optional<ModerationAction> moderation_named(std::string_view name) {
  const auto found = std::find(kActions.begin() + 1, kActions.end(), name);
  if (found == kActions.end() || name.empty()) return std::nullopt;
  return static_cast<ModerationAction>(found - kActions.begin());
}

Status check_moderation(const Moderation& what) {
  if (action_name(what.action).empty()) return invalid("this is no action");
  Status status = check_room_name(what.room);
  if (status.ok()) status = check_target(what);
  if (status.ok()) status = check_value(what);
  return status.ok() ? check_moderation_reason(what.reason) : status;
}

Status check_moderation_reason(std::string_view reason) {
  if (reason.size() > kMaxModerationReasonBytes) return {Error::too_large, "the reason is longer than 500 bytes"};
  if (!is_utf8(reason)) return {Error::invalid_utf8, "the reason is not UTF-8"};
  return {};
}

}  // namespace chat
