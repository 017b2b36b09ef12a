// A client as its loop sees it: its codec, its link, its places in the fan-out, and how it comes and goes.
//
// When a session moves to another loop, a second peer of the same client is made there first (arriving). It keeps the events of the
// hub until it is given the state of the first peer (departing), which is then dropped without any callback.
//
// When memory fails while an event of the client is handled, the client may not know its own state any more. fail() notes that, and
// Peers closes the client at the end of the round, so that it connects again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/ack_table.h"
#include "hub/client.h"
#include "hub/loop_inbox.h"
#include "model/boxed.h"
#include "model/command.h"
#include "net/base/timer_wheel.h"
#include "net/deliver/carrier.h"
#include "net/deliver/link.h"
#include "net/deliver/receiver.h"
#include "net/peer/peer_context.h"
#include "net/peer/peer_input.h"
#include "net/peer/peer_input_owner.h"
#include "net/peer/peer_owner.h"
#include "net/peer/retirement.h"
#include "session/delivery_log.h"
#include "wire/codec.h"

namespace chat::net {

class Peer final : public Receiver, private PeerInputOwner, private TimerEntry {
 public:
  // What moves with the client to another loop.
  struct State {
    // Until the welcome.
    struct Coming {
      std::string first_room;
      std::optional<Position> first_since;  // the client's position there
      std::vector<DirectMessage> waiting;   // sent to the client; bounded like an outbox
      std::size_t waiting_bytes = 0;
    };
    // While the client moves.
    struct Meanwhile {
      std::optional<Retirement> retirement;  // the client was to be retired
      std::optional<DecisionGiven> verdict;
    };

    PeerInput::State input;
    bool welcomed = false;
    bool failed = false;  // see fail()
    Boxed<Coming> coming = {};
    Boxed<Meanwhile> meanwhile = {};
    Boxed<AckTable> awaits = {};                     // the messages that the client has not acknowledged yet
    Boxed<std::vector<ClientId>> earlier = {};       // the clients that this one continues, the latest first
    std::unique_ptr<session::DeliveryLog> log = {};  // only when another client may continue this one
  };

  Peer(PeerContext& loop, PeerOwner& owner, Link& link, ClientPtr client, std::unique_ptr<wire::Codec> codec);
  ~Peer() override;

  const ClientPtr& client() const override { return client_; }
  Link& link() override { return *link_; }
  const wire::Codec& codec() const override { return *codec_; }
  const Carrier& carrier() const override { return link_->carrier(); }
  bool welcomed() const override { return state_.welcomed; }

  // Replaces the link. The new one may have another carrier.
  void set_link(Link& link, Transport transport);
  void set_owner(PeerOwner& owner) { owner_ = &owner; }
  // The room that the client asked for, and its position there. Not for a codec without a first room.
  void set_first_room(std::string room, std::optional<Position> since);
  // Another client may continue this one, and needs to know what this one was sent.
  void keep_delivery_log();
  // nullptr: none is kept.
  const session::DeliveryLog* delivery_log() const { return state_.log.get(); }
  // A ping was sent after everything that the client has been sent; the ping was answered.
  void ping_sent() {
    if (state_.log) state_.log->ping_sent();
  }
  void ping_answered() {
    if (state_.log) state_.log->ping_answered();
  }
  const std::vector<ClientId>& earlier() const { return *state_.earlier; }

  // The client is accepted: joins its first room, if the application allows it, or opens the client without a room. The welcome
  // follows with Joined or Opened. When the application defers its decision on the room, the peer is undecided(), and its owner
  // is told later.
  Status open();
  // The verdict on the connection is deferred. The owner is told when it has not come at the deadline.
  void await_verdict(std::int64_t deadline_ms);
  void stop_awaiting_verdict() { await_verdict(-1); }
  // A command of the client, or its entry into the first room, waits for a verdict.
  bool undecided() const { return input_.undecided(); }
  // Opens a client that continues earlier ones, in all of their rooms. wrong_state when that would not be complete.
  Status restore(const std::vector<RoomPosition>& rooms, std::vector<ClientId> earlier);

  // One decoded command or fault. See PeerInput for these.
  void receive(wire::Decoded&& decoded, PeerInput::Token token = PeerInput::Token::due) {
    input_.receive(std::move(decoded), token);
  }
  void charge() { input_.charge(); }
  std::int64_t overdrawn_ms() { return input_.overdrawn_ms(); }
  // The client's acknowledgement of a message. args: a JSON array, checked.
  void receive_ack(std::uint64_t ack_id, std::string_view args, std::vector<std::string> attachments);

  void handle(Opened& opened);
  void handle(Joined& joined);
  void handle(Left& left);
  void handle(Departed& departed);
  void handle(Arrived& arrived);
  void handle(Renamed& renamed);
  void handle(Answer& answer);
  void handle(Acknowledged& acknowledged);
  // handle() sends the client something.
  bool tells(const Acknowledged& acknowledged) const {
    return !acknowledged.status.ok() || owner_->tells_success(acknowledged.ref);
  }
  void handle(DirectMessage& direct);
  void handle(DecisionGiven& given);
  void handle(CloseClient& close);
  void handle(Continued& continued);
  // The link is closed or closing: leaves everything and tells the application. Called at the end of a loop round. When memory
  // fails it throws, and the next call continues at the same place, so that each callback is called once.
  void retire(const Retirement& retirement);
  // A verdict is awaited: the peer stays until its deadline, without a link, and then asks for its retirement again. False when
  // there is nothing to stay for.
  bool outlive_link(const Retirement& retirement);
  // Asks for the retirement now, if the peer stays only for a verdict.
  void give_up_waiting();

  // For Peers: a retirement that could not be queued for lack of memory. nullptr: there is none.
  void set_late_retirement(Retirement retirement) noexcept { late_retirement_ = std::move(retirement); }
  const Retirement* late_retirement() const { return late_retirement_ ? &*late_retirement_ : nullptr; }
  Retirement take_late_retirement() noexcept { return *std::exchange(late_retirement_, std::nullopt); }

  // Memory failed, and something that the client should know is lost.
  void fail() noexcept override;
  // Closes the client when it has failed. Throws std::bad_alloc; the next call tries again.
  void close_if_failed();

  DeliveryCounters counters() const override;
  DirectLinks::Number direct_link() const override;
  bool notes_deliveries() const override { return state_.log != nullptr; }
  void note_delivered(const Frame& frame) override;
  void deliver_rest(const FramePtr& frame, std::size_t written) override;
  bool takes_whole(const Frame& frame) override;
  // Counts the delivery.
  void deliver(const FramePtr& frame) override;
  std::vector<std::string> make_heads(const Message& message, std::string_view subscription) override {
    return owner_->message_heads(*this, message, subscription);
  }
  void deliver_body(const MessagePtr& message, std::string_view subscription, const SharedBody& body) override;
  void note_own(const MessagePtr& message) override;
  // The bytes of the reply's frame.
  std::size_t reply(const Reply& reply) override;

  // Sends nothing more to the client, though the link may live on. retire() follows.
  void silence();
  bool silent() const override { return silent_; }

  // Moving, see above.
  void set_departing() { departing_ = true; }
  bool departing() const { return departing_; }
  State& state() { return state_; }
  void set_arriving() { arriving_ = true; }
  bool arriving() const { return arriving_; }
  // The move failed.
  void take_back(State state);
  // Takes over the state of the first peer. This one is still arriving.
  void arrive(State state);
  // Handles the events that were kept. All clients of the connection have their states by then, because an event of one may
  // concern all.
  void end_arriving();

 private:
  // How far a retirement has come.
  struct Retiring {
    std::size_t waiting_told = 0;     // entries of State::waiting
    std::optional<ClientState> last;  // of the client, before it was removed from the hub
    std::string left_room;            // on_leave has not been called for it yet
  };
  struct Postponed {
    std::vector<std::function<void()>> actions;
    std::size_t bytes = 0;  // of the frames among them
  };

  PeerContext& context() override { return loop_; }
  Transport transport() const override { return transport_; }
  bool can_refuse(const ErrorReply& error) const override;
  void on_input_deadline() override { set_timer(); }
  void on_room_verdict(Decision decision) override;
  void on_all_decided() override { give_up_waiting(); }
  void post_goodbye() override;
  void say_goodbye();

  // Now, or when the peer has arrived.
  template <class Action>
  void in_turn(Action action);
  // Calls fail() when memory fails.
  template <class Action>
  void or_fail(Action action);
  // Keeps a frame while the peer arrives. Bounded like an outbox in one turn.
  void postpone(const FramePtr& frame);
  void on_deadline(std::int64_t now_ms) override;
  void set_timer();
  void tell_ack(std::uint64_t ack_id, Error error);
  void tell_ack(const AckOutcome& outcome);
  void count_delivery();
  void note_delivery(const MessagePtr& message, bool own);
  void joined_room(Joined& joined, bool added, bool sees_people);
  void tell_joined(const std::string& room);
  void tell_left(const std::string& room, std::string_view reason);
  void tell_missed_leave(std::string_view reason);
  // What the members know of each other, for the new one.
  void tell_presence(const MessagePtr& message, const std::optional<Subscription>& subscription);
  void welcome(const Welcome& welcome);
  void send_waiting();
  void send(const DirectMessage& direct);
  bool is_own(const Message& message) const;
  static std::size_t replayed_bytes(const Message& message);
  bool fit_replay(std::vector<MessagePtr>& messages, std::size_t outboxes) const override;
  // The bytes of the frames.
  std::size_t replay(const std::vector<MessagePtr>& messages, const std::optional<Subscription>& subscription);
  FramePtr encode(const wire::Packets& packets, const MessagePtr& message) const;
  FramePtr encode(const Subscription& subscription, const MessagePtr& message);
  // earlier: what was read for it; nullptr: nothing yet.
  Status enter_first_room(const KeptRangePtr& earlier = nullptr);

  PeerContext& loop_;
  PeerOwner* owner_;
  Link* link_;
  const ClientPtr client_;
  const std::unique_ptr<wire::Codec> codec_;
  Transport transport_;
  bool silent_ = false;
  bool failure_told_ = false;  // see close_if_failed()
  bool departing_ = false;
  bool arriving_ = false;
  State state_;
  PeerInput input_{*this, state_.input};
  Boxed<Postponed> postponed_;                 // while the peer arrives
  std::optional<Retirement> late_retirement_;  // see Peers::retire()
  std::unique_ptr<Retirement> outliving_;      // how the link was closed
  std::int64_t verdict_deadline_ms_ = -1;      // -1: not awaited, or not by this object
  std::int64_t outliving_until_ms_ = -1;       // -1: the peer does not wait without a link
  Boxed<Retiring> retiring_;
};

}  // namespace chat::net
