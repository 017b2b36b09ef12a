// The rules of a room as values of a RoomStore, so that they survive a restart. Keys: "rules" for the modes, "role:USER",
// "ban:KEY", "ban:block:CIDR" and "mute:KEY"; see Client::ban_key(). Times are kept as Unix milliseconds.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hub/moment.h"
#include "hub/room_rules.h"
#include "hub/room_store.h"
#include "model/moderation.h"

namespace chat {

// What to keep of a change, before it is made; an empty value is to be removed. key, block: of the target. nullopt: the action
// changes no rule.
std::optional<RoomValue> kept_rule(const RoomRules& rules, const Moderation& what, const std::string& key,
                                   const std::optional<IpBlock>& block, Moment now);
RoomValue kept_role(std::string_view user_id, Role role);
// The key of a ban or a mute that has ended.
std::string kept_key(const RoomRules::Ended& ended);

// Adds a kept value to the rules. False when it has ended meanwhile, or is no rule. Errors: too_many.
Result<bool> restore_rule(RoomRules& rules, const RoomValue& value, Moment now);
// The same for a value that another server has changed: an empty one ends the rule.
Status apply_rule(RoomRules& rules, const RoomValue& value, Moment now);

}  // namespace chat
