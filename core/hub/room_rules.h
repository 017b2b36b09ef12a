// The rules of one room: who may join it and write in it, and who may moderate. Not thread-safe, except for restricts(): the
// room's lock guards it. It does not know the members; the hub removes them. A room without rules has no memory for them.
// Times are Moment::age_ms.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hub/flood_rules.h"
#include "model/address.h"
#include "model/moderation.h"
#include "model/string_map.h"
#include "model/types.h"

namespace chat {

// How somebody stands in a room: what the rules need to know.
struct Standing {
  std::string key = {};       // Client::ban_key(): bans and mutes are kept by it
  std::string user_id = {};   // empty: a guest
  Role given = Role::guest;   // by the attributes of the identity; see role_in()
  std::string address = {};   // may be empty
  std::string pace_key = {};  // the slow mode counts messages by it: a user, or a single client of a guest
};

// What does not concern a single person. The values of those that are on or off are 1 and 0.
struct RoomModes {
  std::int64_t slow_mode_ms = 0;
  std::int64_t members_only = 0;
  std::int64_t read_only = 0;
  std::int64_t no_repeats_ms = 0;
  std::int64_t no_links_ms = 0;
  std::int64_t hold_first_ms = 0;

  // The one that the action sets; nullptr: it sets none.
  std::int64_t* of(ModerationAction action);
  bool operator==(const RoomModes&) const = default;
};

class RoomRules {
 public:
  static constexpr std::size_t kMaxBans = 10'000;   // of users and guests
  static constexpr std::size_t kMaxBlocks = 1'000;  // of address blocks
  static constexpr std::size_t kMaxMutes = 10'000;
  static constexpr std::size_t kMaxRoles = 10'000;
  static constexpr std::size_t kMaxPaced = 10'000;  // people who must wait for the end of the slow mode's time

  // The higher one of the role that was set here and the given one. With a user id at least `member`.
  Role role_of(const Standing& who) const { return role_of(who.user_id, who.given); }
  Role role_of(std::string_view user_id, Role given) const;

  // Errors: banned; forbidden when guests may not join. Bans of address blocks do not concern moderators.
  Status check_join(const Standing& who, std::int64_t now_ms) const;
  // True when check_message() may refuse. May be called without the room's lock.
  bool restricts() const { return restricts_.load(std::memory_order_relaxed); }
  // Errors: muted, forbidden (members_only), read_only, slow_mode. All but `muted` do not concern moderators. paced: the slow
  // mode counts the message.
  Status check_message(const Standing& who, bool paced, std::int64_t now_ms) const;
  // The message will be published: starts the time of the slow mode. Errors: slow_mode, also when too many people wait.
  Status take_turn(const Standing& who, std::int64_t now_ms);
  // The rules against floods, which do not concern moderators. Errors: repeated, no_links.
  Status check_flood(const Standing& who, const MessageDraft& message, std::int64_t now_ms) const;
  // The message must wait until a moderator approves it.
  bool must_wait(const Standing& who, const MessageDraft& message) const;
  // The message will be published, or was approved.
  void note_message(std::string_view pace_key, const MessageDraft& message, std::int64_t now_ms);
  // The message that took its turn and was noted at taken_ms was not published after all. It may be sent again at once.
  void take_back(const std::string& pace_key, const MessageDraft& message, std::int64_t taken_ms);

  // For duration_ms; 0 lifts it. Errors: too_many. When one of these throws, nothing has changed.
  Status ban(const std::string& key, std::int64_t duration_ms, std::int64_t now_ms);
  Status ban(const IpBlock& block, std::int64_t duration_ms, std::int64_t now_ms);
  Status mute(const std::string& key, std::int64_t duration_ms, std::int64_t now_ms);
  void set_mode(ModerationAction action, std::int64_t value);  // an action that RoomModes::of() knows
  void set_slow_mode(std::int64_t between_ms) { set_mode(ModerationAction::slow_mode, between_ms); }
  void set_members_only(bool on) { set_mode(ModerationAction::members_only, on ? 1 : 0); }
  void set_read_only(bool on) { set_mode(ModerationAction::read_only, on ? 1 : 0); }
  // guest or member: the user has no role of its own. Errors: too_many.
  Status set_role(const std::string& user_id, Role role);

  RoomModes modes() const { return state_ ? state_->modes : RoomModes(); }

  // What is left of a ban or a mute; 0: there is none.
  std::int64_t ban_left_ms(const std::string& key, std::int64_t now_ms) const;
  std::int64_t ban_left_ms(const IpBlock& block, std::int64_t now_ms) const;
  std::int64_t mute_left_ms(const std::string& key, std::int64_t now_ms) const;
  // A role in a map. An enumeration itself there would make names of the standard library visible in libchat.a.
  struct SetRole {
    Role role = Role::guest;
  };
  // The roles that were set, by user ids.
  const StringMap<SetRole>& roles() const;

  // A ban or a mute that has ended. key: as it was given, or the text of the block.
  struct Ended {
    std::string_view key;
    bool mute = false;
    bool block = false;
  };
  // Drops bans and mutes that have expired. dropped: called for each of them, must not throw.
  void expire(std::int64_t now_ms, const std::function<void(const Ended&)>& dropped = {});
  // When expire() next drops something, or earlier; INT64_MAX when it does not.
  std::int64_t next_expiry_ms() const { return state_ ? state_->next_expiry_ms : INT64_MAX; }
  // Drops everything but the roles.
  void clear();
  // True without any rule. A room without rules, members and history can be removed.
  bool empty() const { return state_ == nullptr; }

 private:
  using Times = std::unordered_map<std::string, std::int64_t>;
  struct BlockBan {
    IpBlock block;
    std::int64_t until_ms = 0;
  };
  struct State {
    Times banned_until_ms;
    std::vector<BlockBan> blocks;
    Times muted_until_ms;
    StringMap<SetRole> roles;
    RoomModes modes;
    Times next_message_ms;              // of the slow mode
    std::unique_ptr<FloodRules> flood;  // nullptr: there are none
    std::int64_t next_expiry_ms = INT64_MAX;
  };

  State& state();
  static std::int64_t left_ms(const Times& times, const std::string& key, std::int64_t now_ms);
  // Notes what a change of the state has changed.
  void settle() noexcept;
  // settle() at the end of a change, also of one that fails.
  struct Change {
    RoomRules& rules;
    ~Change() { rules.settle(); }
  };
  Status hold(Times& times, std::size_t max, std::string_view what, const std::string& key, std::int64_t duration_ms,
              std::int64_t now_ms);

  std::unique_ptr<State> state_;
  std::atomic<bool> restricts_ = false;
};

}  // namespace chat
