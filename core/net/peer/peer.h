// A client as the loop that it lives on sees it: its codec, its link, the rooms that it hears, and how it comes and goes.
//
// When a session moves to another loop, a second peer of the same client is made there first. It hears what the hub sends
// to the new loop, but does nothing else (arriving) until it is given what the first one knows (State); the first one goes
// without a word (departing).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/ack_waits.h"
#include "hub/client.h"
#include "hub/loop_inbox.h"
#include "model/command.h"
#include "net/base/timer_wheel.h"
#include "net/deliver/carrier.h"
#include "net/deliver/link.h"
#include "net/deliver/receiver.h"
#include "net/peer/peer_context.h"
#include "net/peer/peer_input.h"
#include "net/peer/peer_owner.h"
#include "net/peer/retirement.h"
#include "session/delivery_log.h"
#include "wire/codec.h"

namespace chat::net {

class Peer final : public Receiver, private TimerEntry {
 public:
  // What goes along when the client moves to another loop.
  struct State {
    PeerInput input;
    bool welcomed = false;
    AckWaits awaits;  // what the client shall answer
    std::string first_room;
    std::optional<Position> first_since;  // what it has of that already
    std::vector<DirectMessage> waiting;   // sent to it before the welcome; bounded like an outbox
    std::size_t waiting_bytes = 0;
    std::vector<ClientId> earlier;            // the clients that it continues, the latest first
    std::optional<session::DeliveryLog> log;  // only when it may be continued by another
    std::optional<Retirement> retirement;     // it was to go while it moved
    std::optional<DecisionGiven> verdict;     // came while it moved
  };

  Peer(PeerContext& loop, PeerOwner& owner, Link& link, ClientPtr client, std::unique_ptr<wire::Codec> codec);
  ~Peer() override;

  const ClientPtr& client() const { return client_; }
  Link& link() { return *link_; }
  const wire::Codec& codec() const override { return *codec_; }
  const Carrier& carrier() const override { return link_->carrier(); }
  bool welcomed() const { return state_.welcomed; }

  // Replaces the link. The new one may have another carrier.
  void set_link(Link& link, Transport transport);
  // From here on this is what it has come by.
  void set_owner(PeerOwner& owner) { owner_ = &owner; }
  // The room that it asked for, and what it has of that already.
  void set_first_room(std::string room, std::optional<Position> since);
  // It may come back, and will want to know what it had been sent of its rooms.
  void keep_delivery_log() { state_.log.emplace(); }
  const std::optional<session::DeliveryLog>& delivery_log() const { return state_.log; }
  // A ping leaves behind all that it was sent, and has been answered.
  void ping_sent() {
    if (state_.log) state_.log->ping_sent();
  }
  void ping_answered() {
    if (state_.log) state_.log->ping_answered();
  }
  const std::vector<ClientId>& earlier() const { return state_.earlier; }

  // The verdict is pass: joins the first room, if the application allows it. The welcome follows with the Joined event. When the
  // application puts that off it is undecided(), and its owner is told later.
  Status open();
  // The verdict on its connection has been put off, at most until then. Its owner is told when it does not come.
  void await_verdict(std::int64_t deadline_ms);
  void stop_awaiting_verdict() { await_verdict(-1); }
  // Something that it wants waits for a verdict.
  bool undecided() const { return state_.input.undecided(); }
  // The same for a client that continues earlier ones, in all of their rooms. wrong_state when that would not be complete.
  Status restore(const std::vector<RoomPosition>& rooms, std::vector<ClientId> earlier);

  // One thing that the client has said.
  void receive(wire::Decoded decoded) { state_.input.receive(*this, std::move(decoded)); }
  // Its answer to a message that it was asked to acknowledge. args: a JSON array, checked.
  void receive_ack(std::uint64_t ack_id, std::string_view args, std::vector<std::string> attachments);

  void handle(Joined& joined);
  void handle(Left& left);
  void handle(Departed& departed);
  void handle(Arrived& arrived);
  void handle(Renamed& renamed);
  void handle(Answer& answer);
  void handle(Acknowledged& acknowledged);
  void handle(DirectMessage& direct);
  void handle(VerdictGiven& verdict);
  void handle(DecisionGiven& given);
  void handle(CloseClient& close);
  void handle(Continued& continued);
  // The link is gone or going: leaves everything and tells the application. Once, at the end of a loop round.
  void retire(const Retirement& retirement);
  // What it has said is still to be decided on: it stays for so long, without a link, and then asks for its retirement again.
  // False when there is nothing to stay for.
  bool outlive_link(const Retirement& retirement);
  // It asks for its retirement now, if it stays for that alone.
  void give_up_waiting();

  // Counted.
  void deliver(const FramePtr& frame) override;
  void note_own(const MessagePtr& message) override;
  // The bytes of its frame.
  std::size_t reply(const Reply& reply);

  // The client has been told goodbye, though its link lives on: nothing more is sent to it. retire() follows.
  void silence() { silent_ = true; }
  bool silent() const { return silent_; }

  // Moving: see above.
  void set_departing() { departing_ = true; }
  bool departing() const { return departing_; }
  State& state() { return state_; }
  void set_arriving() { arriving_ = true; }
  bool arriving() const { return arriving_; }
  // It does not go after all.
  void take_back(State state) {
    departing_ = false;
    state_ = std::move(state);
  }
  // What the first peer knew. It is still arriving.
  void arrive(State state) { state_ = std::move(state); }
  // Goes on with what has been postponed. By then the other clients of its connection have their states too, because what
  // happens to one may concern all.
  void end_arriving();

 private:
  friend class PeerInput;

  // Now, or when it has arrived.
  template <class Action>
  void in_turn(Action action);
  // While it arrives. Bounded like an outbox in one turn.
  void postpone(const FramePtr& frame);
  void on_deadline(std::int64_t now_ms) override;
  void set_timer();
  void tell_ack(std::uint64_t ack_id, Error error);
  void count_delivery();
  void note_delivery(const MessagePtr& message, bool own);
  void joined_room(Joined& joined, bool added);
  void welcome(Joined& joined);
  void send(const DirectMessage& direct);
  bool is_own(const Message& message) const;
  static std::size_t replayed_bytes(const Message& message);
  // Takes the oldest away until a replay fits the link; false when it took any.
  bool fit_replay(std::vector<MessagePtr>& messages, std::size_t outboxes) const;
  // The bytes of the frames.
  std::size_t replay(const std::vector<MessagePtr>& messages);
  FramePtr encode(const wire::Packets& packets, const MessagePtr& message) const;
  Status enter_first_room();

  PeerContext& loop_;
  PeerOwner* owner_;
  Link* link_;
  const ClientPtr client_;
  const std::unique_ptr<wire::Codec> codec_;
  Transport transport_;
  bool silent_ = false;
  bool departing_ = false;
  bool arriving_ = false;
  State state_;
  std::vector<std::function<void()>> postponed_;  // while it arrives
  std::size_t postponed_bytes_ = 0;               // of the frames among it
  std::optional<Retirement> outliving_;           // how its link went
  std::int64_t verdict_deadline_ms_ = -1;         // -1: not awaited, or by somebody else
  std::int64_t outliving_until_ms_ = -1;          // -1: no longer, or it does not
};

}  // namespace chat::net
