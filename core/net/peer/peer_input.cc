// See peer_input.h.
#include "net/peer/peer_input.h"

#include <algorithm>
#include <utility>

#include "net/base/clock.h"
#include "net/peer/peer.h"

namespace chat::net {
namespace {

ErrorReply rate_error(const Command& command) {
  std::string ref = std::visit([](const auto& specific) { return specific.ref; }, command);
  return {std::move(ref), Error::rate_limited, "too many messages in a short time",
          std::holds_alternative<SendCommand>(command)};
}

// Its answer may be long.
bool asks_for_much(const Command& command) {
  return std::holds_alternative<HistoryCommand>(command) || std::holds_alternative<MembersCommand>(command) ||
         std::holds_alternative<RoomsCommand>(command);
}

bool is_long(const Reply& reply) {
  return std::holds_alternative<HistoryReply>(reply) || std::holds_alternative<MembersReply>(reply) ||
         std::holds_alternative<RoomsReply>(reply);
}

constexpr std::uint16_t kNormalClosure = 1000;
constexpr std::uint16_t kPolicyViolation = 1008;

// It asks whether anybody is there, not for its turn.
bool is_ping(const wire::Decoded& decoded) {
  const auto* const command = std::get_if<Command>(&decoded);
  return command != nullptr && std::holds_alternative<PingCommand>(*command);
}

// So many outboxes full of history may wait for a client that asks for it.
constexpr std::size_t kHistoryOutboxes = 1;

// What a client may have said before its welcome, about.
constexpr std::size_t kMaxEarlyBytes = 65'536;

std::int64_t verdict_deadline_ms(const LoopContext& loop) { return loop.now_ms() + loop.options().verdict_timeout_ms; }

}  // namespace

bool PeerInput::refuse_for_rate(Peer& peer, const ErrorReply& error, std::int64_t now_ms) {
  FramePtr refusal = make_frame(peer.codec_->encode(Reply(error)), peer.link_->carrier(), nullptr);
  if (!refusal) rate_.take_in_advance();
  note(peer, Refusal::message_rate);
  // Long enough for a tenth of the burst, so that the next read is worth its while.
  const std::int64_t tokens = std::max<std::int64_t>(1, peer.loop_.options().inbound_burst / 10);
  peer.link_->pause_reading_until(now_ms + rate_.wait_ms(tokens, now_ms));
  if (!refusal) return false;
  peer.loop_.stats().messages_refused.add();
  peer.link_->push(std::move(refusal));
  return true;
}

void PeerInput::receive(Peer& peer, wire::Decoded decoded) {
  if (ended_ || peer.silent_ || peer.link_->closing()) return;
  LoopStats& stats = peer.loop_.stats();
  stats.messages_in_by_protocol[static_cast<std::size_t>(peer.client_->origin().protocol)].add();
  stats.messages_in_by_transport[static_cast<std::size_t>(peer.transport_)].add();

  const std::int64_t now_ms = peer.loop_.now_ms();
  const auto* error = std::get_if<wire::DecodeError>(&decoded);
  const bool in_time = rate_.take(now_ms);
  if (!peer.welcomed()) {  // nothing is answered before that, refusals included
    if (!in_time) rate_.take_in_advance();
    queue(peer, decoded);
    return;
  }
  if (!in_time && refuse_for_rate(peer, error ? error->reply : rate_error(std::get<Command>(decoded)), now_ms)) return;
  if (!undecided() || is_ping(decoded)) {
    execute(peer, std::move(decoded));
  } else {
    queue(peer, decoded);
  }
}

void PeerInput::execute(Peer& peer, wire::Decoded decoded) {
  if (auto* error = std::get_if<wire::DecodeError>(&decoded)) {
    peer.loop_.stats().messages_refused.add();
    note_fault(peer, error->reply.code);
    peer.reply(error->reply);
    if (error->close_code == 0) return;
    undecided_.forget_more();
    peer.link_->close(error->close_code, error->reply.reason);
    return;
  }
  Command& command = std::get<Command>(decoded);
  if (asks_for_much(command) && !reply_rate_.has_token(peer.loop_.now_ms())) {
    note(peer, Refusal::reply_rate);
    peer.loop_.stats().messages_refused.add();
    ErrorReply error = rate_error(command);
    error.reason = "too many bytes of replies in a short time";
    peer.reply(error);
    return;
  }
  take_outcome(peer, peer.loop_.dispatcher().execute(peer.client_, std::move(command), acks_, current_moment()));
}

void PeerInput::take_outcome(Peer& peer, Outcome outcome) {
  if (auto* suspended = std::get_if<Suspended>(&outcome)) {
    undecided_.wait_for_command(std::move(*suspended), verdict_deadline_ms(peer.loop_));
    peer.set_timer();
    return;
  }
  Reply* const answer = std::get_if<Reply>(&outcome);
  if (answer == nullptr) return;
  if (const auto* error = std::get_if<ErrorReply>(answer)) {
    peer.loop_.stats().messages_refused.add();
    if (error->code == Error::too_large) note(peer, Refusal::message_bytes);
  }
  auto* const history = std::get_if<HistoryReply>(answer);
  if (history != nullptr && !peer.fit_replay(history->messages, kHistoryOutboxes)) history->complete = false;
  if (auto* const disconnected = std::get_if<DisconnectedReply>(answer)) {
    disconnect(peer, std::move(*disconnected));
    return;
  }
  const std::size_t bytes = peer.reply(*answer);
  if (is_long(*answer)) reply_rate_.take_in_advance(static_cast<std::int64_t>(bytes / kReplyTokenBytes));
  // A client that does not take its replies gets no further ones to queue.
  if (history != nullptr || peer.link_->is_half_full()) peer.link_->pause_reading_for_output();
}

// What the client says after this is ignored.
void PeerInput::disconnect(Peer& peer, DisconnectedReply reply) {
  undecided_.forget_more();
  ended_ = true;
  goodbye_ = std::move(reply);
  post_goodbye(peer);
}

// The goodbye comes after what the client's messages have caused, which comes through the inbox. If the peer has departed by then, the
// task finds nothing, and the peer posts another one where it arrives.
void PeerInput::post_goodbye(Peer& peer) {
  peer.loop_.post_task([&loop = peer.loop_, id = peer.id()] {
    if (Peer* const there = loop.peers().find(id)) there->state_.input.say_goodbye(*there);
  });
}

void PeerInput::arrived(Peer& peer) {
  if (goodbye_) post_goodbye(peer);
}

void PeerInput::say_goodbye(Peer& peer) {
  std::optional<DisconnectedReply> reply = std::exchange(goodbye_, std::nullopt);
  if (!reply) return;
  peer.reply(Reply(std::move(*reply)));
  peer.owner_->close_client(peer, kNormalClosure, "the client has disconnected");
}

void PeerInput::note(const Peer& peer, Refusal reason) {
  peer.loop_.refusals().note(reason, peer.client_->origin().address);
}

// What is well-formed and only not allowed is nobody's fault.
void PeerInput::note_fault(const Peer& peer, Error code) {
  switch (code) {
    case Error::too_large:
      note(peer, Refusal::message_bytes);
      break;
    case Error::encoding:
    case Error::invalid_json:
    case Error::invalid_utf8:
      note(peer, Refusal::malformed);
      break;
    default:
      break;
  }
}

void PeerInput::charge_reply(Peer& peer, std::size_t bytes) {
  reply_rate_.take_in_advance(static_cast<std::int64_t>(bytes / kReplyTokenBytes));
  // A join is not refused for this: the next one waits in the socket.
  const std::int64_t now_ms = peer.loop_.now_ms();
  if (!reply_rate_.has_token(now_ms)) peer.link_->pause_reading_until(now_ms + reply_rate_.wait_ms(1, now_ms));
}

// Verdicts that come later --------------------------------------------------------------------------------------------

void PeerInput::queue(Peer& peer, wire::Decoded& decoded) {
  const std::size_t outbox_bytes = peer.loop_.outbox_limits().bytes;
  const bool pushed = undecided_.push(decoded, peer.welcomed() ? outbox_bytes : kMaxEarlyBytes + outbox_bytes);
  if (!pushed) note(peer, Refusal::undecided);
  if (!pushed && !peer.welcomed()) {
    peer.link_->close(kPolicyViolation, "too much data before the welcome");
    return;
  }
  if (!pushed) {
    peer.loop_.stats().messages_refused.add();
    peer.loop_.log(LogLevel::warning, "a client sends more messages than can wait for verdicts; some are refused");
    if (const auto* command = std::get_if<Command>(&decoded)) peer.reply(rate_error(*command));
  }
  if (undecided_.full(wanted_bytes(peer))) {
    // The end may be put off again meanwhile: then this comes anew.
    const std::int64_t until_ms = peer.welcomed() ? undecided_.deadline_ms() : verdict_deadline_ms(peer.loop_);
    peer.link_->pause_reading_until(std::max(until_ms, peer.loop_.now_ms() + TimerWheel::kTickMs));
  }
}

std::size_t PeerInput::wanted_bytes(const Peer& peer) {
  const std::size_t outbox_bytes = peer.loop_.outbox_limits().bytes;
  return peer.state_.welcomed ? outbox_bytes : std::min(kMaxEarlyBytes, outbox_bytes);
}

void PeerInput::welcomed(Peer& peer) {
  go_on(peer, undecided_.full(std::min(kMaxEarlyBytes, peer.loop_.outbox_limits().bytes)));
}

void PeerInput::wait_for_room(Peer& peer, DecisionId decision) {
  undecided_.wait_for_room(decision, verdict_deadline_ms(peer.loop_));
  peer.set_timer();
}

void PeerInput::decide(Peer& peer, DecisionId id, const Decision& decision) {
  if (undecided_.waiting_for(id)) resume(peer, decision);
}

std::optional<DecisionId> PeerInput::give_up(Peer& peer) {
  undecided_.stop_clock();
  const DecisionId decision = undecided_.decision();
  if (!peer.client_->end_decision(decision)) return std::nullopt;  // the verdict is in the inbox
  return decision;
}

void PeerInput::resume(Peer& peer, Decision decision) {
  const bool was_full = undecided_.full(wanted_bytes(peer));
  std::optional<Suspended> suspended = undecided_.take();
  if (peer.client_->dismissed()) return;  // its end is on its way
  if (suspended) {
    take_outcome(peer, peer.loop_.dispatcher().resume(peer.client_, std::move(*suspended), std::move(decision), acks_,
                                                      current_moment()));
  } else {
    const bool allowed = decision.verdict == Verdict::pass;
    peer.owner_->on_first_room(peer, allowed ? peer.enter_first_room() : refusal(std::move(decision.reason)));
  }
  if (peer.welcomed()) go_on(peer, was_full);  // else that follows the welcome
  if (!undecided()) peer.give_up_waiting();
  peer.set_timer();
}

void PeerInput::go_on(Peer& peer, bool was_full) {
  // Also when its link has closed meanwhile: it had said that before.
  while (!undecided() && undecided_.has_more() && !peer.client_->dismissed()) {
    execute(peer, undecided_.pop());
  }
  if (was_full && !undecided_.full(wanted_bytes(peer))) peer.link_->resume_reading();
}

}  // namespace chat::net
