// What a client says, on its way to the dispatcher: within its rate, and in order, also while a verdict is awaited. Knows no codec
// and no endpoint.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "hub/ack_table.h"
#include "hub/dispatcher.h"
#include "model/boxed.h"
#include "model/command.h"
#include "model/refusal.h"
#include "net/base/token_bucket.h"
#include "net/peer/peer_input_owner.h"
#include "net/peer/undecided.h"
#include "wire/codec.h"

namespace chat::net {

class PeerInput {
 public:
  // What moves with the client to another loop.
  struct State {
    TokenBucket rate;                              // of what the client says
    std::unique_ptr<TokenBucket> reply_rate = {};  // one token stands for kReplyTokenBytes; nullptr: it is full
    AckTable acks = {};                            // the messages that the application has not answered yet
    bool ended = false;  // the client has ended its connection; what it says after that is ignored
    Boxed<Undecided> undecided = {};
    std::unique_ptr<DisconnectedReply> goodbye = {};  // the answer to the end, until it is sent
  };
  static constexpr std::size_t kReplyTokenBytes = 4'096;

  // Both must outlive the input.
  PeerInput(PeerInputOwner& owner, State& state) : owner_(owner), state_(state) {}

  // Whether the token for a command has been taken before, by charge().
  enum class Token : std::uint8_t { due, taken };
  // One decoded command or fault. When memory fails, the command is not carried out and the client is told so.
  void receive(wire::Decoded&& decoded, Token token = Token::due);
  // The client sent something that is no command. It costs a token too. Without a token it is on credit, and reading pauses.
  void charge();
  // For a protocol that receives several commands at once: so long the next ones must wait, because earlier ones were on
  // credit. 0: they need not.
  std::int64_t overdrawn_ms();
  // The `ref` under which the client waits for this answer of the application, once.
  std::optional<std::string> take_ack(std::uint64_t ack_id) { return state_.acks.take(ack_id); }

  // The client was sent so many bytes of history or of a list because it asked for them. When this is more than its rate allows,
  // no further request for history or lists is answered until the rate allows it again.
  void charge_reply(std::size_t bytes);

  // A verdict is awaited. What the client says meanwhile waits for it.
  bool undecided() const { return state_.undecided->waiting(); }
  // The welcome has been sent. Carries out what the client said before.
  void on_welcomed();
  // The verdict on the entry into the first room is awaited.
  void wait_for_room(DecisionId decision);
  // Ignored unless this verdict is awaited.
  void decide(DecisionId id, const Decision& decision);
  // The deadline of the awaited verdict; -1: none is awaited, or it is in the inbox already.
  std::int64_t deadline_ms() const { return state_.undecided->deadline_ms(); }
  // The deadline has passed. The decision that the client is told to have failed; nullopt: the verdict is in the inbox.
  std::optional<DecisionId> give_up();

 private:
  // From a full bucket on. Throws std::bad_alloc.
  void take_reply_tokens(std::size_t bytes);
  // Pauses reading, and answers a command that exceeds the rate. False when the client's protocol has no word for it: then the
  // command is carried out on credit, and the pause pays for it.
  bool refuse_for_rate(const ErrorReply& error, std::int64_t now_ms);
  void pause_for_rate(std::int64_t now_ms);
  std::int64_t rate_wait_ms(std::int64_t now_ms);
  void note(Refusal reason);
  void note_fault(Error code);
  void take(wire::Decoded& decoded, Token token);
  void carry_out(wire::Decoded& decoded);
  void execute(wire::Decoded& decoded);
  // Keeps the newest messages for which there is space.
  void fit(HistoryReply& reply) const;
  void take_outcome(Outcome outcome);
  void forget_more();
  void disconnect(DisconnectedReply reply);
  void tell_no_memory(std::string ref, bool of_send) noexcept;
  void queue(wire::Decoded& decoded);
  void resume(Decision decision);
  // Carries out what waits, until a verdict is awaited again.
  void go_on(bool was_full);
  // How much may wait before reading stops. Less before the welcome, when the client may not be accepted yet.
  std::size_t wanted_bytes();

  PeerInputOwner& owner_;
  State& state_;
};

}  // namespace chat::net
