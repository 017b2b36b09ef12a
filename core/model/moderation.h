// The vocabulary of moderation: the roles of people in a room, what a moderator does, and the record of it. docs/moderation.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "model/message.h"
#include "model/types.h"

namespace chat {

// Each role may do what the lower ones may. The values are those of chat_role.
enum class Role : std::uint8_t {
  guest,      // has no user id
  member,     // has a user id
  moderator,  // may moderate members and guests
  owner,      // may also close the room, and make moderators
};
inline constexpr int kRoleCount = 4;

// "guest", "member", "moderator", "owner".
std::string_view role_name(Role role);
std::optional<Role> role_named(std::string_view name);
// The role that the attributes of an identity give in a room: the higher one of `role` and `role:ROOM`. A value that names no
// role gives none.
Role role_in(const Pairs& attributes, std::string_view room);

// The values are those of chat_moderation_action.
enum class ModerationAction : std::uint8_t {
  kick = 1,          // removes a person from the room
  ban = 2,           // also keeps it out, for a time
  mute = 3,          // refuses a person's messages, for a time
  slow_mode = 4,     // value: the least time in ms between two messages of one person; 0: off
  members_only = 5,  // value 1: guests may neither join nor write
  read_only = 6,     // value 1: only moderators may write
  close = 7,         // removes all members, the history and the rules except roles
  role = 8,          // value: the Role of a user
  clear = 9,         // deletes the kept messages of a person
  approve = 10,      // publishes the first message of a person, which waits
  reject = 11,       // refuses it
  no_repeats = 12,   // value: so many ms a person cannot repeat a text; 0: off
  no_links = 13,     // value: so many ms from its first message a person cannot send links; 0: off
  hold_first = 14,   // value: so many ms at most the first message of a person waits for approve; 0: off
};
inline constexpr int kModerationActionCount = 15;

// "kick", "ban", "mute", "slow_mode", "members_only", "read_only", "close", "role", "clear", "approve", "reject", "no_repeats",
// "no_links", "hold_first". Empty for a number that is no action.
std::string_view action_name(ModerationAction action);
std::optional<ModerationAction> moderation_named(std::string_view name);

inline constexpr std::int64_t kMaxSlowModeMs = 24LL * 3'600'000;  // also of the other modes in ms
inline constexpr std::size_t kMaxModerationReasonBytes = 500;

// Something that a moderator wants done. kick, ban, mute, role, clear, approve and reject have one target: a client, a user or
// (ban only) an address.
struct Moderation {
  std::string room;
  ModerationAction action = ModerationAction::kick;
  ClientId client = 0;
  std::string user_id;
  std::string address;           // an address or a CIDR block; an IPv6 address stands for its /64
  std::int64_t duration_ms = 0;  // ban, mute: 0 lifts it
  std::int64_t value = 0;
  std::string reason;  // for the people concerned; may be empty
};

// Whether the fields fit the action. Errors: invalid_argument, invalid_room, invalid_utf8, too_large.
Status check_moderation(const Moderation& what);

// What was done, by whom, to whom. `what` has the user id of the target, also when it was named by a client.
struct AuditRecord {
  Moderation what;
  Sender actor;  // id 0: the application
  std::string target_name;
  std::int64_t time_ms = 0;
};
using AuditRecordPtr = std::shared_ptr<const AuditRecord>;

// A member of a room has reported a message of it to those who moderate there.
struct Report {
  MessagePtr message;  // as it was then
  Sender reporter;
  std::string reason;  // may be empty; at most kMaxModerationReasonBytes
  std::int64_t time_ms = 0;
};
using ReportPtr = std::shared_ptr<const Report>;

// Errors: too_large, invalid_utf8.
Status check_moderation_reason(std::string_view reason);

}  // namespace chat
