// How far a stream of Server-Sent Events has come in each of its rooms. The id of an event is the positions of all rooms after it,
// "EPOCH:SEQ,EPOCH:SEQ" in the order of the request, with an empty element for a room without a position. A client that reconnects
// sends the last id back, and the stream resumes in every room. No I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/command.h"

namespace chat::session {

class EventPositions {
 public:
  // last_id: what the client has sent, or empty. An id with another number of rooms, or that is malformed, counts as none.
  EventPositions(std::vector<std::string> rooms, std::string_view last_id);

  const std::vector<std::string>& rooms() const { return rooms_; }
  // The position from which the room resumes.
  const std::optional<Position>& since(std::size_t room) const { return since_[room]; }

  // The stream has joined the room, in which `seq` is the newest message. With a position of this epoch, what was missed follows.
  void joined(std::string_view room, const std::string& epoch, std::uint64_t seq);
  // A numbered message of the room is written next. A room that the request did not name changes nothing.
  void passed(std::string_view room, const std::string& epoch, std::uint64_t seq);

  // Appends the id. Nothing while no room has a position.
  void append_id(std::string& out) const;

 private:
  std::optional<Position>* find(std::string_view room);

  std::vector<std::string> rooms_;
  std::vector<std::optional<Position>> since_;
  std::vector<std::optional<Position>> now_;
};

}  // namespace chat::session
