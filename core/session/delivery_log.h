// What a Socket.IO client had been sent from each of its rooms at each moment. Connection state recovery needs this: the
// client names the last message that it saw, or none, and receives what it has not seen from all its rooms.
//
// One for each client, on the client's loop. It is moved by value to another loop or into the recovery store. Knows no socket
// and no clock. For a client in one room it is a few numbers. For a client in several rooms it is a bounded ring of what was
// sent, in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/command.h"
#include "model/message.h"
#include "model/packed_fields.h"

namespace chat::session {

class DeliveryLog {
 public:
  static constexpr std::size_t kMaxEntries = 1024;  // a power of two

  // From now on the client is sent everything after `since`, which is never before what it was sent from the room in this
  // epoch. Has no effect for a room in which the client is.
  void join(std::string_view room, Position since);
  void leave(std::string_view room);

  // The client is sent this message of one of its rooms. own: the message is the client's, and is not sent to it. Ephemeral
  // messages have no position and are ignored.
  void note(const Message& message, bool own = false) {
    if (message.seq == 0) return;
    if (members_.size() == 1 && !own) {
      Room& only = rooms_[members_.front()];
      only.sent_seq = only.heard_seq = message.seq;
    } else {
      write(message, own);
    }
  }

  // A ping was sent after everything noted so far. Its answer proves that the client has received all of that.
  void ping_sent();
  void ping_answered();

  // The position of the client in each of its rooms if the last numbered message that it saw is this one. The named room
  // comes first, the others in the order of joining. A message from before this log (of an earlier connection or another
  // server) means that the client has seen nothing that the log knows: the result is positions_proven(). nullopt: the client
  // is in no room, was never sent that message, or was sent too much since then.
  std::optional<std::vector<RoomPosition>> positions_at(std::string_view room, const Position& last) const;

  // For a client that cannot name a message: its position in each of its rooms at the last ping that it answered, or where it
  // joined the room, in the order of joining.
  std::vector<RoomPosition> positions_proven() const;

  // The memory outside of this object.
  std::size_t memory_bytes() const;

  // Appends all of it but a ping that is not answered, for a log of another server.
  void pack(std::string& out) const;
  // nullopt: not well-formed.
  static std::optional<DeliveryLog> unpack(PackedReader& in);

 private:
  using RoomIndex = std::uint32_t;

  // A room of the client, or one that it has left and that still has entries in the ring. Unused without a name.
  struct Room {
    std::string name;
    std::string epoch;
    std::uint64_t first_since = 0;  // nothing up to here was sent since the log began; 0: not known any more
    std::uint64_t since = 0;      // where the client joined last, or earlier if nothing was published while it was out
    std::uint64_t sent_seq = 0;   // everything up to here was sent to the client, or is its own
    std::uint64_t heard_seq = 0;  // the newest message that was sent to the client
    std::uint64_t written_seq = 0;    // the newest message that ever had an entry in the ring
    std::uint64_t forgotten_seq = 0;  // entries up to here have been dropped from the ring
    std::uint64_t marked_seq = 0;     // sent_seq at the last ping
    std::uint64_t proven_seq = 0;     // sent_seq at the last ping that was answered
    std::uint32_t entries = 0;        // the number of its entries in the ring
    bool member = false;
  };

  // The client has the messages of the room up to `seq`, after everything that is before this entry in the ring.
  struct Entry {
    std::uint64_t seq = 0;
    RoomIndex room = 0;
    bool own = false;  // these messages were not sent to the client
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

  std::vector<Room> rooms_;         // a room keeps its index
  std::vector<RoomIndex> members_;  // the rooms in which the client is, in the order of joining
  bool forgot_room_ = false;        // a room with dropped entries has itself been forgotten
  bool ping_is_out_ = false;

  std::vector<Entry> ring_;  // its size is a power of two, or 0
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
};

}  // namespace chat::session
