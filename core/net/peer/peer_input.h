// What a client says, on its way to the dispatcher: not too quickly, and in order also while a verdict is awaited. Belongs to
// its peer, which is handed in, and moves with the client.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "hub/ack_table.h"
#include "hub/dispatcher.h"
#include "model/command.h"
#include "model/refusal.h"
#include "net/base/token_bucket.h"
#include "net/peer/undecided.h"
#include "wire/codec.h"

namespace chat::net {

class Peer;

class PeerInput {
 public:
  // rate: for messages, and apart from them for replies, where one token stands for kReplyTokenBytes.
  explicit PeerInput(const TokenBucket& rate) : rate_(rate), reply_rate_(rate) {}
  static constexpr std::size_t kReplyTokenBytes = 4'096;

  // One thing that the client has said.
  void receive(Peer& peer, wire::Decoded decoded);
  // The `ref` under which the client waits for this answer of the application, once.
  std::optional<std::string> take_ack(std::uint64_t ack_id) { return acks_.take(ack_id); }

  // It was sent so many bytes of history or of a list because it asked for them. It may owe for them: then no more such request
  // is answered for a while.
  void charge_reply(Peer& peer, std::size_t bytes);

  // A verdict is awaited; what the client says meanwhile waits behind it.
  bool undecided() const { return undecided_.waiting(); }
  // The client has been told its welcome: what it had said before has its turn.
  void welcomed(Peer& peer);
  // It is the one on the entry into its first room.
  void wait_for_room(Peer& peer, DecisionId decision);
  // The peer has arrived on another loop.
  void arrived(Peer& peer);
  // The verdict, unless it is on something else.
  void decide(Peer& peer, DecisionId id, const Decision& decision);
  // Until when it may come; -1: none is awaited, or it is on its way.
  std::int64_t deadline_ms() const { return undecided_.deadline_ms(); }
  // The time is over, and the client may be told so: the decision that this is the answer to. nullopt: a verdict has come.
  std::optional<DecisionId> give_up(Peer& peer);

 private:
  // Stops reading for a while, and answers what came too quickly. False when the client's protocol has no word for it: then the
  // message passes on credit, and is paid for by the pause.
  bool refuse_for_rate(Peer& peer, const ErrorReply& error, std::int64_t now_ms);
  static void note(const Peer& peer, Refusal reason);
  static void note_fault(const Peer& peer, Error code);
  void execute(Peer& peer, wire::Decoded decoded);
  void take_outcome(Peer& peer, Outcome outcome);
  void disconnect(Peer& peer, DisconnectedReply reply);
  static void post_goodbye(Peer& peer);
  void say_goodbye(Peer& peer);
  void queue(Peer& peer, wire::Decoded& decoded);
  void resume(Peer& peer, Decision decision);
  // What waits, until there is something to wait for again.
  void go_on(Peer& peer, bool was_full);
  // What of it may wait before reading stops: less, as long as it is not known who says it.
  static std::size_t wanted_bytes(const Peer& peer);

  TokenBucket rate_;
  TokenBucket reply_rate_;
  AckTable acks_;
  Undecided undecided_;
  bool ended_ = false;                        // the client has said that it says no more
  std::optional<DisconnectedReply> goodbye_;  // the answer to that, until it is sent
};

}  // namespace chat::net
