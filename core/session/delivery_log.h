// What a Socket.IO client had been sent of each of its rooms when it last saw a certain message. Connection state recovery
// needs it: the client names one message, the last that it saw, and is to get what it has not seen of all its rooms.
//
// One for each client, on the client's loop; it travels by value when the client moves, and into the recovery store. Knows no
// socket and no clock. A client in one room costs nothing: what it saw last is the whole answer. In several, what goes to it
// is written down in one order, in a bounded ring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/command.h"
#include "hub/message.h"

namespace chat::session {

class DeliveryLog {
 public:
  static constexpr std::size_t kMaxEntries = 1024;  // a power of two

  // From here on it is sent everything after `since`, which is never before what it was sent of the room in this epoch. Joining
  // again what it is in changes nothing.
  void join(std::string_view room, Position since);
  void leave(std::string_view room);

  // It is sent this message of a room that it is in. Ephemeral ones are not in any position.
  void note(const Message& message) {
    if (message.seq == 0) return;
    if (members_.size() < 2) {
      alone_seq_ = message.seq;
    } else {
      write(message);
    }
  }

  // The last message that it saw is this one: what it has of each of its rooms, the named one first, the others in the order
  // of joining. nullopt: it is in no such room, not since before that message, or too much was sent since.
  std::optional<std::vector<RoomPosition>> positions_at(std::string_view room, const Position& last) const;

  // What it holds beside its own object.
  std::size_t memory_bytes() const;

 private:
  using RoomIndex = std::uint32_t;

  // A room that it is in, or was in while the ring still tells of it. Free when it has no name.
  struct Room {
    std::string name;
    Position since;
    std::uint64_t sent_seq = 0;       // it was sent all up to this, but see alone_seq_
    std::uint64_t written_seq = 0;    // the newest that was ever in the ring
    std::uint64_t forgotten_seq = 0;  // up to here the ring may have told once, and does not any more
    std::uint32_t entries = 0;        // in the ring
    bool member = false;
  };

  // It was sent the room up to here, after all that stands before it in the ring.
  struct Entry {
    RoomIndex room = 0;
    std::uint64_t seq = 0;
  };

  const Entry& entry(std::size_t age_index) const { return ring_[(begin_ + age_index) & (ring_.size() - 1)]; }
  Room* find_member(std::string_view name);
  RoomIndex find_or_add(std::string_view name, const std::string& epoch);
  void write(const Message& message);
  void push(RoomIndex room, std::uint64_t seq);
  void forget_oldest();
  void free_if_unused(Room& room);

  std::vector<Room> rooms_;         // an index stays as long as its room
  std::vector<RoomIndex> members_;  // in the order of joining
  std::uint64_t alone_seq_ = 0;     // the sent_seq of the only room; of no use when there are more
  bool forgot_room_ = false;        // a room of which the ring had forgotten something has itself been forgotten

  std::vector<Entry> ring_;  // its size is a power of two, or 0
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
};

}  // namespace chat::session
