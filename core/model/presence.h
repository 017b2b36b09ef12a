// Who is in a room, by user: several clients of one user are one person.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/types.h"

namespace chat {

struct Message;

// What the members of a room learn about each other. The values are those of chat_presence_level.
enum class PresenceLevel : std::uint8_t { off = 0, counts = 1, full = 2 };

// What a client tells the members of its rooms about itself: a JSON value of at most kMaxStateBytes. nullptr: nothing.
using PublicStatePtr = std::shared_ptr<const std::string>;
inline constexpr std::size_t kMaxStateBytes = 1024;
inline bool same_state(const PublicStatePtr& a, const PublicStatePtr& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

struct Person {
  std::string user_id;  // empty: a guest
  ClientId client = 0;  // of a guest; 0 for a user
  std::string name;
  PublicStatePtr state;

  bool operator==(const Person& other) const {
    return user_id == other.user_id && client == other.client && name == other.name && same_state(state, other.state);
  }
};

// The people in a room, or a change of them.
struct PresenceNotice {
  std::size_t count = 0;     // the people in the room, after the change
  bool listed = false;       // `people` has all of them, and replaces what is known
  bool counts_only = false;  // people are not named at this level, or there are too many. The lists are empty
  std::vector<Person> people;
  std::vector<Person> joined;
  std::vector<Person> left;
  std::vector<Person> changed;  // their names or states
  // For members that may not list people; nullptr: nothing.
  std::shared_ptr<const Message> reduced;
};
using PresenceNoticePtr = std::shared_ptr<const PresenceNotice>;

}  // namespace chat
