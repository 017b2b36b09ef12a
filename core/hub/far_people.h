// What the servers of a shared store tell each other about the people in a room; see Presence. Each server tells who is there
// with a client of its own, or was so within the grace time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "model/presence.h"

namespace chat {

// Names a person in a room: user ids and ids of guests are told apart by the first character.
inline std::string person_key(const std::string& user_id, ClientId client) {
  return user_id.empty() ? 'g' + std::to_string(client) : 'u' + user_id;
}

struct FarPerson {
  Person person;              // when it is not present: only its user id or client
  std::uint64_t version = 0;  // rises with each new name or state of the person, at any server
  bool present = true;        // at the server that tells it
};

// The people of this server in one room, as the others have to be told.
struct OwnPeople {
  bool whole = false;   // `people` has everyone that is told; otherwise what has changed since the last time
  bool unread = false;  // the people of the other servers have not been given to the room: Hub::begin_people()
  std::vector<FarPerson> people;  // with whole: all of them are present
  std::size_t more = 0;           // further people, who are only counted
  std::size_t count = 0;          // everyone, also those
};

}  // namespace chat
