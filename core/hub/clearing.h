// The deletion of the kept messages of one person in a room. It goes on in slices on the loop that reports to the application
// about the room: see Hub::clear_some(). Only one thread uses it at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "hub/kept_range.h"
#include "model/message.h"

namespace chat {

struct Clearing {
  // Of the room, the newest messages are examined, and of those of the person the newest are deleted.
  static constexpr std::size_t kMaxExamined = 10'000;
  static constexpr std::size_t kMaxDeleted = 1'000;
  static constexpr std::size_t kSlice = 100;  // examined in one turn of the loop
  static constexpr std::size_t kMaxInRoom = 10;

  std::string room;
  std::string epoch;
  std::size_t loop = 0;
  std::string user_id;  // whose messages; empty: those of the guest `client`
  ClientId client = 0;
  Sender by;                     // who deletes them
  std::uint64_t before_seq = 0;  // the messages from here on are done
  std::size_t examined = 0;
  std::size_t deleted = 0;
  KeptRangePtr earlier = nullptr;  // what was read for the next slice

  bool concerns(const Message& message) const {
    const Sender& sender = message.sender;
    if (message.extra->redacted) return false;
    return user_id.empty() ? sender.user_id.empty() && client != 0 && sender.id == client : sender.user_id == user_id;
  }
  bool done() const { return examined >= kMaxExamined || deleted >= kMaxDeleted; }
};
using ClearingPtr = std::shared_ptr<Clearing>;

}  // namespace chat
