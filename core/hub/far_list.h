// A list of clients or rooms of all servers of a shared store, as it is given to those who asked for it.
#pragma once

#include <functional>
#include <memory>

#include "model/command.h"

namespace chat {

struct FarList {
  // Why the list is not complete: timed_out when a server has not answered, unavailable when the others cannot be reached,
  // too_many when entries were left out.
  Status status;
  MemberListPtr members = nullptr;  // this server's first; nullptr: no server has such a room
  RoomListPtr rooms = nullptr;
};
using FarListPtr = std::shared_ptr<const FarList>;
using FarListDone = std::function<void(FarListPtr)>;

// So long other servers have for their part of a list that a client has asked for.
inline constexpr std::int64_t kFarListMs = 1'000;

}  // namespace chat
