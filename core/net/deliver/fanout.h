// Which receivers of one loop are in which room, and the delivery of a message to all of them. The message is encoded
// and framed once for each combination of wire form, carrier and subscription id among the receivers, whatever their
// number. A delivery can be interrupted and continues later: meanwhile members may leave, but none may join and no
// other message may be delivered. Knows no socket and no client.
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
#include "net/deliver/subscription_ids.h"
#include "wire/codec.h"

namespace chat::net {

// What a client names when it subscribes to a room, in protocols in which it may do so several times. The fan-out
// compares the ids and gives them to the codec.
struct Subscription {
  std::string_view id;  // empty: none. The packets are those of Codec::encode(), in the receiver's own form
  wire::WireForm form = 0;
  bool own_heads = false;  // the receiver makes the head of each message: Receiver::deliver_body()
};

struct LocalRoom {
  struct Member {
    Receiver* receiver;
    Membership* membership;
  };
  std::string name;
  std::vector<Member> members;
  std::unique_ptr<SubscriptionIds> subscriptions;  // empty when no member has one
};

// The frames of one message, each made when the first receiver needs it.
class EncodedMessage {
 public:
  explicit EncodedMessage(MessagePtr message) : message_(std::move(message)) {}

  const MessagePtr& message() const { return message_; }
  const FramePtr& frame_for(const Receiver& receiver);
  // For a membership with a subscription.
  const FramePtr& frame_for(const Receiver& receiver, const Membership& membership);
  // For a receiver that makes its heads itself. nullptr: its format cannot express the message.
  const SharedBody* body_for(const Receiver& receiver, const Membership& membership);
  const SharedBody* direct_body_for(const Receiver& receiver);

 private:
  struct Entry {
    wire::WireForm form;
    const Carrier* carrier;
    FramePtr frame;
  };
  struct SubscribedEntry {
    wire::WireForm form;
    const Carrier* carrier;
    std::optional<SharedBody> body;
    std::vector<FramePtr> frames;  // by the number of the subscription; the first is always empty
  };

  SubscribedEntry& subscribed_entry(const Receiver& receiver, wire::WireForm form, std::size_t max_number);

  MessagePtr message_;
  std::vector<Entry> entries_;
  std::vector<SubscribedEntry> subscribed_;
};

class Fanout {
 public:
  // Without a subscription, in the receiver's own form. False when the receiver is in the room in this way already.
  bool add(Receiver& receiver, std::string_view room) { return add(receiver, room, Subscription{}); }
  // False when the receiver has a subscription with this id to this room, in whatever form.
  bool add(Receiver& receiver, std::string_view room, const Subscription& subscription);
  // Takes the receiver out of the room, with all its subscriptions to it. False when it was not in.
  bool remove(Receiver& receiver, std::string_view room);
  // Ends one subscription. False when there is none with this id.
  bool remove(Receiver& receiver, std::string_view room, std::string_view subscription_id);
  // Takes the receiver out of any one of its rooms. Returns the room's name; empty when there is none left.
  std::string remove_any(Receiver& receiver);

  // Takes the receiver out of all rooms and out of everyone. Throws nothing.
  void forget(Receiver& receiver) noexcept;

  void add_to_everyone(Receiver& receiver);
  void remove_from_everyone(Receiver& receiver);

  // To the members of the message's room, once for each subscription. False when the time was over before all had it:
  // go_on() delivers the rest. The same after an exception from a receiver: that one does not have the message yet.
  bool deliver(const MessagePtr& message, TimeBudget& budget);
  // To everyone, once.
  bool deliver_to_everyone(const MessagePtr& message, TimeBudget& budget);
  bool interrupted() const { return interrupted_.has_value(); }
  bool go_on(TimeBudget& budget);

 private:
  using Memberships = std::vector<std::unique_ptr<Membership>>;
  struct Delivery {
    EncodedMessage encoded;
    LocalRoom* room;         // nullptr: to everyone
    std::size_t next;        // all before it have the message
    bool own_noted = false;  // by the receiver that the message excepts
  };

  bool run(Delivery& delivery, TimeBudget& budget);
  static void deliver_to_member(EncodedMessage& encoded, Receiver& receiver, const Membership* membership);
  static void deliver_directly(EncodedMessage& encoded, Receiver& receiver);
  bool begin(Delivery delivery, TimeBudget& budget);
  Memberships::iterator find(Receiver& receiver, const LocalRoom& room, std::string_view subscription_id);
  void set_member(LocalRoom& room, std::size_t index, const LocalRoom::Member& member);
  void set_everyone(std::size_t index, Receiver* receiver);
  void unlink(Receiver& receiver, Memberships::iterator membership);
  void leave(Receiver& receiver, const LocalRoom& room);

  StringMap<std::unique_ptr<LocalRoom>> rooms_;
  std::vector<Receiver*> everyone_;
  std::unordered_map<const Receiver*, std::size_t> everyone_index_;
  std::optional<Delivery> interrupted_;
};

}  // namespace chat::net
