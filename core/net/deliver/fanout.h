// Which peers of one loop hear which room, and the delivery of one message to all of them: encoded and framed once for each
// wire form among the receivers, whatever their number. A delivery can be interrupted and goes on later: in between members may
// leave, but none may join and no other message may be delivered. Knows no socket.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/message.h"
#include "model/string_map.h"
#include "net/base/time_budget.h"
#include "net/deliver/frame.h"
#include "wire/codec.h"

namespace chat::net {

class Peer;
struct LocalRoom;

// A peer's place in a room of its loop.
struct Membership {
  LocalRoom* room = nullptr;
  std::size_t index = 0;  // in LocalRoom::members
};
using Memberships = std::vector<std::unique_ptr<Membership>>;

struct LocalRoom {
  struct Member {
    Peer* peer;
    Membership* membership;
  };
  std::string name;
  std::vector<Member> members;
};

// The frames of one message, made when the first receiver needs them.
class EncodedMessage {
 public:
  explicit EncodedMessage(MessagePtr message) : message_(std::move(message)) {}

  const MessagePtr& message() const { return message_; }
  const FramePtr& frame_for(Peer& peer);

 private:
  struct Entry {
    wire::WireForm form;
    Framing framing;
    FramePtr frame;
  };
  MessagePtr message_;
  std::vector<Entry> entries_;
};

class Fanout {
 public:
  // False when it was in already.
  bool add(Peer& peer, std::string_view room);
  // False when it was not in.
  bool remove(Peer& peer, std::string_view room);
  // Of the peer's memberships any one, whose room's name is returned; empty when there is none left.
  std::string remove_any(Peer& peer);

  void add_to_everyone(Peer& peer);
  void remove_from_everyone(Peer& peer);

  // To the members of its room. False when the time was over before all of them had it: go_on() delivers the rest.
  bool deliver(const MessagePtr& message, TimeBudget& budget);
  // The same to everyone.
  bool deliver_to_everyone(const MessagePtr& message, TimeBudget& budget);
  bool interrupted() const { return interrupted_.has_value(); }
  bool go_on(TimeBudget& budget);

 private:
  struct Delivery {
    EncodedMessage encoded;
    LocalRoom* room;   // nullptr: to everyone
    std::size_t next;  // all before it have the message
  };

  bool run(Delivery& delivery, TimeBudget& budget);
  bool begin(Delivery delivery, TimeBudget& budget);
  void set_member(LocalRoom& room, std::size_t index, const LocalRoom::Member& member);
  void set_everyone(std::size_t index, Peer* peer);
  void unlink(Peer& peer, Memberships::iterator membership);

  StringMap<std::unique_ptr<LocalRoom>> rooms_;
  std::vector<Peer*> everyone_;
  std::unordered_map<const Peer*, std::size_t> everyone_index_;
  std::optional<Delivery> interrupted_;
};

}  // namespace chat::net
