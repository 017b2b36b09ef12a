// Which receivers of one loop hear which room, and the delivery of one message to all of them: encoded and framed once for each
// wire form among the receivers, whatever their number. A delivery can be interrupted and goes on later: in between members may
// leave, but none may join and no other message may be delivered. Knows no socket and no client.
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
#include "net/deliver/carrier.h"
#include "net/deliver/frame.h"
#include "net/deliver/receiver.h"
#include "wire/codec.h"

namespace chat::net {

struct LocalRoom {
  struct Member {
    Receiver* receiver;
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
  const FramePtr& frame_for(const Receiver& receiver);

 private:
  struct Entry {
    wire::WireForm form;
    const Carrier* carrier;
    FramePtr frame;
  };
  MessagePtr message_;
  std::vector<Entry> entries_;
};

class Fanout {
 public:
  // False when it was in already.
  bool add(Receiver& receiver, std::string_view room);
  // False when it was not in.
  bool remove(Receiver& receiver, std::string_view room);
  // Of the receiver's memberships any one, whose room's name is returned; empty when there is none left.
  std::string remove_any(Receiver& receiver);

  // The receiver goes: takes it out of all rooms and of everyone. Throws nothing.
  void forget(Receiver& receiver) noexcept;

  void add_to_everyone(Receiver& receiver);
  void remove_from_everyone(Receiver& receiver);

  // To the members of its room. False when the time was over before all of them had it: go_on() delivers the rest. The same
  // after an exception of a receiver, which has not got it then.
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
  void set_everyone(std::size_t index, Receiver* receiver);
  void unlink(Receiver& receiver, std::vector<std::unique_ptr<Membership>>::iterator membership);

  StringMap<std::unique_ptr<LocalRoom>> rooms_;
  std::vector<Receiver*> everyone_;
  std::unordered_map<const Receiver*, std::size_t> everyone_index_;
  std::optional<Delivery> interrupted_;
};

}  // namespace chat::net
