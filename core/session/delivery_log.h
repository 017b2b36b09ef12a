// What a Socket.IO client had been sent of each of its rooms at each moment. Connection state recovery needs it: the client
// names the last message that it saw, or none, and is to get what it has not seen of all its rooms.
//
// One for each client, on the client's loop; it travels by value when the client moves, and into the recovery store. Knows no
// socket and no clock. A client in one room costs a few numbers. In several, what goes to it is written down in one order, in a
// bounded ring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/command.h"
#include "model/message.h"

namespace chat::session {

class DeliveryLog {
 public:
  static constexpr std::size_t kMaxEntries = 1024;  // a power of two

  // From here on it is sent everything after `since`, which is never before what it was sent of the room in this epoch. Joining
  // a room that it is in changes nothing.
  void join(std::string_view room, Position since);
  void leave(std::string_view room);

  // It is sent this message of a room that it is in; or the message is its own and skips it, so that there is nothing to send.
  // Ephemeral messages are not part of any position.
  void note(const Message& message, bool own = false) {
    if (message.seq == 0) return;
    if (members_.size() == 1 && !own) {
      Room& only = rooms_[members_.front()];
      only.sent_seq = only.heard_seq = message.seq;
    } else {
      write(message, own);
    }
  }

  // A ping has left behind everything noted so far. Its answer proves that the client has all of that.
  void ping_sent();
  void ping_answered();

  // The last numbered message that the client saw is this one: the position of each of its rooms, the named one first, the
  // others in the order of joining. A message from before this log (an earlier connection, another server) says that it has
  // seen none of it: positions_proven(). nullopt: it is in no room, was never sent that message, or was sent too much since.
  std::optional<std::vector<RoomPosition>> positions_at(std::string_view room, const Position& last) const;

  // The client cannot name a message: the position of each of its rooms at the last ping that it answered, or where it joined,
  // in the order of joining.
  std::vector<RoomPosition> positions_proven() const;

  // What it holds beside its own object.
  std::size_t memory_bytes() const;

 private:
  using RoomIndex = std::uint32_t;

  // A room that it is in, or was in while the ring still tells of it. Free when it has no name.
  struct Room {
    std::string name;
    std::string epoch;
    std::uint64_t first_since = 0;    // it was sent nothing up to here since the log began; 0: not known any more
    std::uint64_t since = 0;          // where it joined last, or earlier if nothing was said while it was out
    std::uint64_t sent_seq = 0;       // it was sent all up to this, or has written it itself
    std::uint64_t heard_seq = 0;      // the newest that it was sent
    std::uint64_t written_seq = 0;    // the newest that was ever in the ring
    std::uint64_t forgotten_seq = 0;  // up to here the ring may have told once, and does not any more
    std::uint64_t marked_seq = 0;     // sent_seq at the last ping
    std::uint64_t proven_seq = 0;     // sent_seq at the last ping that was answered
    std::uint32_t entries = 0;        // in the ring
    bool member = false;
  };

  // It has the room up to here, after all that stands before it in the ring.
  struct Entry {
    std::uint64_t seq = 0;
    RoomIndex room = 0;
    bool own = false;  // it was not sent these
  };

  const Entry& entry(std::size_t age_index) const { return ring_[(begin_ + age_index) & (ring_.size() - 1)]; }
  Room* find_member(std::string_view name);
  RoomIndex find_or_add(std::string_view name, std::string epoch, std::uint64_t since);
  void write(const Message& message, bool own);
  void write_down_only_member();
  void push(RoomIndex room, std::uint64_t seq, bool own);
  void forget_oldest();
  void free_if_unused(Room& room);
  std::vector<std::uint64_t> told_at(RoomIndex seen, std::uint64_t seq) const;

  std::vector<Room> rooms_;         // an index stays as long as its room
  std::vector<RoomIndex> members_;  // in the order of joining
  bool forgot_room_ = false;        // a room of which the ring had forgotten something has itself been forgotten
  bool ping_is_out_ = false;

  std::vector<Entry> ring_;  // its size is a power of two, or 0
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
};

}  // namespace chat::session
