// See peer_input.h.
#include "net/peer/peer_input.h"

#include <algorithm>
#include <new>
#include <utility>

namespace chat::net {
namespace {

std::string ref_of(const Command& command) {
  return std::visit([](const auto& specific) { return specific.ref; }, command);
}

ErrorReply rate_error(const Command& command) {
  return {ref_of(command), Error::rate_limited, "too many messages in a short time",
          std::holds_alternative<SendCommand>(command)};
}

// The answer to it may be long.
bool asks_for_much(const Command& command) {
  return std::holds_alternative<HistoryCommand>(command) || std::holds_alternative<MembersCommand>(command) ||
         std::holds_alternative<RoomsCommand>(command) || std::holds_alternative<PresenceCommand>(command);
}

bool is_long(const Reply& reply) {
  return std::holds_alternative<HistoryReply>(reply) || std::holds_alternative<MembersReply>(reply) ||
         std::holds_alternative<RoomsReply>(reply) || std::holds_alternative<PresenceReply>(reply);
}

constexpr std::uint16_t kPolicyViolation = 1008;

// A ping asks whether the server is there, so it does not wait for a verdict.
bool is_ping(const wire::Decoded& decoded) {
  const auto* const command = std::get_if<Command>(&decoded);
  return command != nullptr && std::holds_alternative<PingCommand>(*command);
}

// A client that asks for history may have so many outboxes of it queued.
constexpr std::size_t kHistoryOutboxes = 1;

// About what a client may have said before its welcome.
constexpr std::size_t kMaxEarlyBytes = 65'536;

std::int64_t verdict_deadline_ms(const LoopContext& loop) { return loop.now_ms() + loop.options().verdict_timeout_ms; }

}  // namespace

bool PeerInput::refuse_for_rate(const ErrorReply& error, std::int64_t now_ms) {
  const bool told = owner_.can_refuse(error);
  if (!told) state_.rate.take_in_advance();
  pause_for_rate(now_ms);
  if (!told) return false;
  owner_.context().stats().messages_refused.add();
  owner_.reply(Reply(error));
  return true;
}

void PeerInput::pause_for_rate(std::int64_t now_ms) {
  note(Refusal::message_rate);
  owner_.link().pause_reading_until(now_ms + rate_wait_ms(now_ms));
}

// Long enough for a tenth of the burst, so that the next read gets several messages.
std::int64_t PeerInput::rate_wait_ms(std::int64_t now_ms) {
  const std::int64_t tokens = std::max<std::int64_t>(1, owner_.context().options().inbound_burst / 10);
  return state_.rate.wait_ms(tokens, now_ms);
}

void PeerInput::charge() {
  const std::int64_t now_ms = owner_.context().now_ms();
  if (state_.rate.take(now_ms)) return;
  state_.rate.take_in_advance();
  pause_for_rate(now_ms);
}

std::int64_t PeerInput::overdrawn_ms() {
  const std::int64_t now_ms = owner_.context().now_ms();
  return state_.rate.overdrawn(now_ms) ? rate_wait_ms(now_ms) : 0;
}

void PeerInput::receive(wire::Decoded&& decoded, Token token) {
  if (state_.ended || owner_.silent() || owner_.link().closing()) return;
  LoopStats& stats = owner_.context().stats();
  stats.messages_in_by_protocol[static_cast<std::size_t>(owner_.client()->origin().protocol)].add();
  stats.messages_in_by_transport[static_cast<std::size_t>(owner_.transport())].add();
  take(decoded, token);
}

void PeerInput::take(wire::Decoded& decoded, Token token) {
  const std::int64_t now_ms = owner_.context().now_ms();
  const bool in_time = token == Token::taken || state_.rate.take(now_ms);
  try {
    if (!owner_.welcomed()) {  // nothing is answered before that, refusals included
      if (!in_time) state_.rate.take_in_advance();
      queue(decoded);
      return;
    }
    const auto* error = std::get_if<wire::DecodeError>(&decoded);
    if (!in_time && refuse_for_rate(error ? error->reply : rate_error(std::get<Command>(decoded)), now_ms)) return;
    if (undecided() && !is_ping(decoded)) {
      queue(decoded);
      return;
    }
  } catch (const std::bad_alloc&) {
    owner_.fail();
    return;
  }
  carry_out(decoded);
}

void PeerInput::carry_out(wire::Decoded& decoded) {
  try {
    execute(decoded);
  } catch (const std::bad_alloc&) {
    auto* const command = std::get_if<Command>(&decoded);
    if (command == nullptr) {
      owner_.fail();
      return;
    }
    std::string ref = std::visit([](auto& specific) { return std::move(specific.ref); }, *command);
    tell_no_memory(std::move(ref), std::holds_alternative<SendCommand>(*command));
  }
}

// This needs memory too, but less than a command. A client whose protocol has no word for it is closed.
void PeerInput::tell_no_memory(std::string ref, bool of_send) noexcept {
  try {
    owner_.context().stats().messages_refused.add();
    const ErrorReply error{std::move(ref), Error::no_memory, "out of memory", of_send};
    if (owner_.reply(error) == 0) owner_.fail();
  } catch (const std::bad_alloc&) {
    owner_.fail();
  }
}

void PeerInput::execute(wire::Decoded& decoded) {
  if (auto* error = std::get_if<wire::DecodeError>(&decoded)) {
    owner_.context().stats().messages_refused.add();
    note_fault(error->reply.code);
    owner_.reply(error->reply);
    if (error->close_code == 0) return;
    forget_more();
    owner_.link().close(error->close_code, error->reply.reason);
    return;
  }
  Command& command = std::get<Command>(decoded);
  if (asks_for_much(command) && state_.reply_rate && !state_.reply_rate->has_token(owner_.context().now_ms())) {
    note(Refusal::reply_rate);
    owner_.context().stats().messages_refused.add();
    ErrorReply error = rate_error(command);
    error.reason = "too many bytes of replies in a short time";
    owner_.reply(error);
    return;
  }
  take_outcome(owner_.context().dispatcher().execute(owner_.client(), std::move(command), state_.acks,
                                                     owner_.context().moment()));
}

void PeerInput::fit(HistoryReply& reply) const {
  const std::uint64_t newest = reply.messages.empty() ? 0 : reply.messages.back()->seq;
  if (owner_.fit_replay(reply.messages, kHistoryOutboxes)) return;
  reply.complete = false;
  if (reply.searched) reply.before_seq = reply.messages.empty() ? newest + 1 : reply.messages.front()->seq;
}

// The command has been carried out. When its reply fails for lack of memory, the client would not know that, so it is closed.
void PeerInput::take_outcome(Outcome outcome) try {
  if (auto* suspended = std::get_if<Suspended>(&outcome)) {
    state_.undecided.make().wait_for_command(std::move(*suspended), verdict_deadline_ms(owner_.context()));
    owner_.on_input_deadline();
    return;
  }
  Reply* const answer = std::get_if<Reply>(&outcome);
  if (answer == nullptr) return;
  if (const auto* error = std::get_if<ErrorReply>(answer)) {
    owner_.context().stats().messages_refused.add();
    if (error->code == Error::too_large) note(Refusal::message_bytes);
  }
  auto* const history = std::get_if<HistoryReply>(answer);
  if (history != nullptr) fit(*history);
  if (auto* const disconnected = std::get_if<DisconnectedReply>(answer)) {
    disconnect(std::move(*disconnected));
    return;
  }
  const std::size_t bytes = owner_.reply(*answer);
  if (is_long(*answer)) take_reply_tokens(bytes);
  // A client that does not take its replies gets no further ones to queue.
  if (history != nullptr || owner_.link().is_half_full()) owner_.link().pause_reading_for_output();
} catch (const std::bad_alloc&) {
  owner_.fail();
}

// The client is closed because of what it said last.
void PeerInput::forget_more() {
  if (state_.undecided.made()) state_.undecided.get().forget_more();
}

void PeerInput::disconnect(DisconnectedReply reply) {
  state_.goodbye = std::make_unique<DisconnectedReply>(std::move(reply));
  forget_more();
  state_.ended = true;
  owner_.post_goodbye();
}

void PeerInput::note(Refusal reason) { owner_.context().refusals().note(reason, owner_.client()->origin().address); }

// A command that is well-formed and only not allowed is no fault.
void PeerInput::note_fault(Error code) {
  switch (code) {
    case Error::too_large:
      note(Refusal::message_bytes);
      break;
    case Error::encoding:
    case Error::invalid_json:
    case Error::invalid_utf8:
      note(Refusal::malformed);
      break;
    default:
      break;
  }
}

void PeerInput::take_reply_tokens(std::size_t bytes) {
  if (!state_.reply_rate) {
    const LoopContext& loop = owner_.context();
    const ServerOptions& options = loop.options();
    state_.reply_rate = std::make_unique<TokenBucket>(options.inbound_rate, options.inbound_burst, loop.now_ms());
  }
  state_.reply_rate->take_in_advance(static_cast<std::int64_t>(bytes / kReplyTokenBytes));
}

void PeerInput::charge_reply(std::size_t bytes) {
  take_reply_tokens(bytes);
  // A join is not refused for this: the next one waits in the socket.
  const std::int64_t now_ms = owner_.context().now_ms();
  if (!state_.reply_rate->has_token(now_ms)) {
    owner_.link().pause_reading_until(now_ms + state_.reply_rate->wait_ms(1, now_ms));
  }
}

// Verdicts that come later --------------------------------------------------------------------------------------------

void PeerInput::queue(wire::Decoded& decoded) {
  const std::size_t outbox_bytes = owner_.context().outbox_limits().bytes;
  const bool welcomed = owner_.welcomed();
  const bool pushed = state_.undecided.make().push(decoded, welcomed ? outbox_bytes : kMaxEarlyBytes + outbox_bytes);
  if (!pushed) note(Refusal::undecided);
  if (!pushed && !welcomed) {
    owner_.link().close(kPolicyViolation, "too much data before the welcome");
    return;
  }
  if (!pushed) {
    owner_.context().stats().messages_refused.add();
    owner_.context().log(LogLevel::warning,
                         "a client sends more messages than can wait for verdicts; some are refused");
    if (const auto* command = std::get_if<Command>(&decoded)) owner_.reply(rate_error(*command));
  }
  if (state_.undecided->full(wanted_bytes())) {
    // When the verdict is deferred once more meanwhile, the next command pauses reading again.
    const std::int64_t until_ms = welcomed ? state_.undecided->deadline_ms() : verdict_deadline_ms(owner_.context());
    owner_.link().pause_reading_until(std::max(until_ms, owner_.context().now_ms() + TimerWheel::kTickMs));
  }
}

std::size_t PeerInput::wanted_bytes() {
  const std::size_t outbox_bytes = owner_.context().outbox_limits().bytes;
  return owner_.welcomed() ? outbox_bytes : std::min(kMaxEarlyBytes, outbox_bytes);
}

void PeerInput::on_welcomed() {
  go_on(state_.undecided->full(std::min(kMaxEarlyBytes, owner_.context().outbox_limits().bytes)));
}

void PeerInput::wait_for_room(DecisionId decision) {
  state_.undecided.make().wait_for_room(decision, verdict_deadline_ms(owner_.context()));
  owner_.on_input_deadline();
}

void PeerInput::decide(DecisionId id, const Decision& decision) {
  if (state_.undecided->waiting_for(id)) resume(decision);
}

std::optional<DecisionId> PeerInput::give_up() {
  state_.undecided.get().stop_clock();
  const DecisionId decision = state_.undecided->decision();
  if (!owner_.client()->end_decision(decision)) return std::nullopt;
  return decision;
}

void PeerInput::resume(Decision decision) {
  const bool was_full = state_.undecided->full(wanted_bytes());
  std::optional<Suspended> suspended = state_.undecided.get().take();
  if (owner_.client()->dismissed()) return;  // it is being closed
  if (suspended) {
    const bool of_send = std::holds_alternative<SendCommand>(suspended->command);
    try {
      take_outcome(owner_.context().dispatcher().resume(owner_.client(), std::move(*suspended), std::move(decision),
                                                        state_.acks, owner_.context().moment()));
    } catch (const std::bad_alloc&) {
      std::string ref = std::visit([](auto& specific) { return std::move(specific.ref); }, suspended->command);
      tell_no_memory(std::move(ref), of_send);
    }
  } else {
    owner_.on_room_verdict(std::move(decision));
  }
  if (owner_.welcomed()) go_on(was_full);  // otherwise on_welcomed() does
  if (!undecided()) owner_.on_all_decided();
  owner_.on_input_deadline();
}

void PeerInput::go_on(bool was_full) {
  // Also when the link has closed meanwhile: the client had said that before.
  while (!undecided() && state_.undecided->has_more() && !owner_.client()->dismissed()) {
    wire::Decoded next = state_.undecided.get().pop();
    carry_out(next);
  }
  if (was_full && !state_.undecided->full(wanted_bytes())) owner_.link().resume_reading();
  if (!undecided() && !state_.undecided->has_more()) state_.undecided.reset();
}

}  // namespace chat::net
