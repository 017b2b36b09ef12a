// Which receivers of one loop are in which room, and the delivery of messages to all of them.
//
// The messages that a loop takes from its inbox in one turn form a run for each room: they are encoded and framed once
// for each form among the members, and each member gets the run in one write. A member whose link is open in
// DirectLinks is written to at once; the others get the frame through their links.
//
// Each client receives everything in the order of the inbox. Runs of rooms without common members are independent. A
// room with members that are in other rooms too begins a run only when no other such room has one. Before anything else
// is sent to one client, settle() gives it what it misses of the runs, and before anything else is done, finish()
// delivers all of them.
//
// A delivery can be interrupted and continues later: meanwhile members may leave, but none may join and no message may
// be taken. Knows no client.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/message.h"
#include "model/string_map.h"
#include "net/base/time_budget.h"
#include "net/deliver/encoded_run.h"
#include "net/deliver/link_context.h"
#include "net/deliver/member_forms.h"
#include "net/deliver/receiver.h"

namespace chat::net {

// What a client names when it subscribes to a room, in protocols in which it may do so several times. The fan-out
// compares the ids and gives them to the codec.
struct Subscription {
  std::string_view id;  // empty: none. The packets are those of Codec::encode(), in the receiver's own form
  wire::WireForm form = 0;
  bool own_heads = false;    // the receiver makes the head of each message: Receiver::deliver_body()
  bool counts_only = false;  // see seen_by()
};

struct LocalRoom {
  // All that a delivery needs of a member that is written to directly.
  struct Member {
    Receiver* receiver = nullptr;
    Membership* membership = nullptr;
    DirectLinks::Number link = DirectLinks::kNone;
    MemberForms::Number form = 0;
    std::uint32_t ahead_run = 0;  // the run to which `ahead` belongs
    std::uint16_t ahead = 0;      // so many messages of the run are delivered to it already
    bool noted = false;           // Receiver::notes_deliveries()
    bool plural = false;          // the receiver has other subscriptions to the room
  };

  std::string name;
  std::vector<Member> members;
  std::size_t silent = 0;  // memberships that are not among the members
  MemberForms forms;
  std::size_t shared = 0;  // receivers that are in other rooms too
  std::vector<MessagePtr> run;
  std::unique_ptr<EncodedRun> encoded;  // once it is needed
  std::size_t run_bytes = 0;
  std::uint32_t run_number = 1;
  std::uint32_t open_index = 0;  // of the run, among those of the loop
};

class Fanout {
 public:
  // The loop must outlive the fan-out.
  explicit Fanout(LinkContext& loop) : loop_(loop) {}
  Fanout(const Fanout&) = delete;
  Fanout& operator=(const Fanout&) = delete;

  // Without a subscription, in the receiver's own form. False when the receiver is in the room in this way already. A
  // receiver that is in a room already may join others only when there is no run.
  bool add(Receiver& receiver, std::string_view room) { return add(receiver, room, Subscription{}); }
  // False when the receiver has a subscription with this id to this room, in whatever form.
  bool add(Receiver& receiver, std::string_view room, const Subscription& subscription);
  // Takes the receiver out of the room, with all its subscriptions to it. It gets the room's run before. False when it
  // was not in.
  bool remove(Receiver& receiver, std::string_view room);
  // Ends one subscription. False when there is none with this id.
  bool remove(Receiver& receiver, std::string_view room, std::string_view subscription_id);
  // Takes the receiver out of any one of its rooms. Returns the room's name; empty when there is none left.
  std::string remove_any(Receiver& receiver);

  // Takes the receiver out of all rooms and out of everyone. Throws nothing.
  void forget(Receiver& receiver) noexcept;

  void add_to_everyone(Receiver& receiver);
  void remove_from_everyone(Receiver& receiver) noexcept;

  // What the receiver says about its link, its carrier and its notes has changed.
  void refresh(Receiver& receiver);

  // A message for the members of its room, once for each subscription. It is delivered by finish(), or earlier.
  // excepted: a receiver that does not get it. False when the time was over before earlier messages were delivered, or
  // when an exception is thrown: the message is not taken then, and comes again. Otherwise the pointer is moved from.
  bool take(MessagePtr&& message, Receiver* excepted, TimeBudget& budget);
  // For everyone, once.
  bool take_for_everyone(MessagePtr&& message, Receiver* excepted, TimeBudget& budget);
  // Gives the receiver what it misses of the runs of its rooms.
  void settle(Receiver& receiver);
  // Delivers all runs. False when the time was over before that: the next call continues. The same after an exception
  // from a receiver: that one does not have its messages yet.
  bool finish(TimeBudget& budget);
  // finish() has begun, and there is more to deliver.
  bool interrupted() const { return finishing_; }
  // Receivers are being called.
  bool delivering() const { return delivering_; }

 private:
  using Memberships = std::vector<std::unique_ptr<Membership>>;
  // Of a run to the members of its room.
  struct Delivery {
    LocalRoom& room;
    std::size_t next = 0;                 // all members before it have the run
    const Membership* rest_of = nullptr;  // a member to whom so many bytes are written, and not the rest
    std::size_t written = 0;
    FramePtr own;  // what these are of, when the member makes its heads itself
  };

  bool run(Delivery& delivery, TimeBudget& budget);
  void end_run(LocalRoom& room) noexcept;
  bool write_directly(Delivery& delivery, LocalRoom::Member& member);
  bool write_own_heads(Delivery& delivery, LocalRoom::Member& member);
  static void end_own_heads(Delivery& delivery, LocalRoom::Member& member);
  void deliver(LocalRoom& room, LocalRoom::Member& member);
  void deliver_one(LocalRoom& room, LocalRoom::Member& member, std::size_t at);
  void settle(LocalRoom& room, Receiver& receiver);
  EncodedRun& encoded(LocalRoom& room);
  static std::size_t ahead(const LocalRoom& room, const LocalRoom::Member& member);
  static void set_ahead(const LocalRoom& room, LocalRoom::Member& member, std::size_t messages);
  bool make_way(const LocalRoom& room, const Message& message, TimeBudget& budget);
  void append(LocalRoom& room, MessagePtr&& message, Receiver* excepted);
  bool has_runs() const { return open_runs_ != 0; }

  template <class Visit>
  void visit_members(Receiver& receiver, LocalRoom& room, Visit visit);
  static Memberships::iterator find(Receiver& receiver, const LocalRoom& room, std::string_view subscription_id);
  // nullptr: no member of it is on this loop.
  LocalRoom* find(std::string_view room);
  LocalRoom& find_or_make(std::string_view room);
  void erase(const LocalRoom& room) noexcept;
  static void enter(Membership& membership, LocalRoom& room, Receiver& receiver, const Subscription& subscription);
  void count_rooms(Receiver& receiver, LocalRoom& room, int change) noexcept;
  void mark_plural(Receiver& receiver, LocalRoom& room);
  static void refresh(LocalRoom& room, LocalRoom::Member& member);
  static void set_member(LocalRoom& room, std::size_t index, const LocalRoom::Member& member) noexcept;
  void leave_place(const Membership& membership) noexcept;
  void unlink(Receiver& receiver, Memberships::iterator membership) noexcept;
  void leave(Receiver& receiver, const LocalRoom& room) noexcept;

  LinkContext& loop_;
  StringMap<std::unique_ptr<LocalRoom>> rooms_;
  LocalRoom* found_ = nullptr;  // by find(), the last time: messages of one room often come together
  LocalRoom everyone_;
  std::vector<LocalRoom*> open_;  // the rooms with a run, in the order in which these began; nullptr: it has ended
  std::size_t next_open_ = 0;     // those before have ended
  std::size_t open_runs_ = 0;
  std::unique_ptr<EncodedRun> spare_;  // for the next run
  bool shared_open_ = false;           // one of them has members that are in other rooms
  bool finishing_ = false;
  bool delivering_ = false;  // receivers are being called
  std::optional<Delivery> delivery_;
};

}  // namespace chat::net
