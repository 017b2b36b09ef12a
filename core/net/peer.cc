// See peer.h.
#include "net/peer.h"

#include <algorithm>

#include "hub/callback_scope.h"
#include "net/loop.h"
#include "net/server.h"

namespace chat::net {
namespace {

// So many outboxes full of history may wait for one client.
constexpr std::size_t kReplayedOutboxes = 2;

ErrorReply rate_error(const Command& command) {
  std::string ref = std::visit([](const auto& specific) { return specific.ref; }, command);
  return {std::move(ref), Error::rate_limited, "too many messages in a short time",
          std::holds_alternative<SendCommand>(command)};
}

// It asks whether anybody is there, not for its turn.
bool is_ping(const wire::Decoded& decoded) {
  const auto* const command = std::get_if<Command>(&decoded);
  return command != nullptr && std::holds_alternative<PingCommand>(*command);
}

}  // namespace

Peer::Peer(Loop& loop, Link& link, ClientPtr client, std::unique_ptr<wire::Codec> codec)
    : loop_(loop),
      link_(&link),
      client_(std::move(client)),
      id_(client_->id()),
      codec_(std::move(codec)),
      form_(codec_->form()),
      transport_(client_->transport()),
      state_{.inbound = TokenBucket(loop.options().inbound_rate, loop.options().inbound_burst, loop.now_ms())} {
  loop_.stats().clients_now_by_protocol[static_cast<std::size_t>(client_->origin().protocol)].add();
  loop_.stats().clients_now_by_transport[static_cast<std::size_t>(transport_)].add();
}

Peer::~Peer() {
  loop_.stats().clients_now_by_protocol[static_cast<std::size_t>(client_->origin().protocol)].subtract();
  loop_.stats().clients_now_by_transport[static_cast<std::size_t>(transport_)].subtract();
}

void Peer::set_link(Link& link, Transport transport) {
  link_ = &link;
  loop_.stats().clients_now_by_transport[static_cast<std::size_t>(transport_)].subtract();
  transport_ = transport;
  loop_.stats().clients_now_by_transport[static_cast<std::size_t>(transport_)].add();
  client_->set_transport(transport);
}

void Peer::set_first_room(std::string room, std::optional<Position> since) {
  state_.first_room = std::move(room);
  state_.first_since = std::move(since);
}

// Coming --------------------------------------------------------------------------------------------------------------

Status Peer::open() {
  Hub& hub = loop_.server().hub();
  const CallbackScope scope(hub);
  const Authorization allowed = loop_.server().dispatcher().authorize(client_, Action::join, state_.first_room);
  if (allowed.deferred) {
    state_.undecided.wait_for_room(*allowed.deferred, loop_.now_ms() + loop_.options().verdict_timeout_ms);
    set_timer();
    return {};
  }
  return allowed.status.ok() ? enter_first_room() : allowed.status;
}

Status Peer::enter_first_room() {
  return loop_.server().hub().open(client_, state_.first_room, state_.first_since, wall_clock_ms());
}

Status Peer::restore(const std::vector<RoomPosition>& rooms, std::vector<ClientId> earlier) {
  state_.earlier = std::move(earlier);
  const std::size_t max_bytes = kReplayedOutboxes * loop_.outbox_limits().bytes;
  return loop_.server().hub().restore(client_, rooms, max_bytes, wall_clock_ms());
}

void Peer::handle(Joined& joined) {
  // One that departs will be in the room where it arrives, and is told to leave it there.
  if (!departing_ && (silent_ || link_->closing())) return;
  const bool added = loop_.fanout().add(*this, joined.room);
  in_turn([this, joined = std::move(joined), added]() mutable { joined_room(joined, added); });
}

void Peer::joined_room(Joined& joined, bool added) {
  const bool first = !state_.welcomed;
  // What a client comes back for has been measured before: see restore().
  if (state_.earlier.empty() && !fit_replay(joined.missed)) joined.complete = false;
  if (state_.log && added) {
    const std::uint64_t since = joined.missed.empty() ? joined.seq : joined.missed.front()->seq - 1;
    state_.log->join(joined.room, {joined.epoch, since});
  }
  if (first) {
    welcome(joined);
  } else if (!joined.ref.empty() || added) {
    reply(JoinedReply{joined.ref, joined.room, joined.epoch, joined.seq, joined.resumed, joined.complete});
  }
  if (added) loop_.server().application().on_join(client_, joined.room);
  replay(joined.missed);
  if (first) {
    for (const DirectMessage& direct : std::exchange(state_.waiting, {})) send(direct);
  }
}

void Peer::welcome(Joined& joined) {
  state_.welcomed = true;
  reply(
      Welcome{id_, client_->identity()->name, joined.room, joined.epoch, joined.seq, joined.resumed, joined.complete});
  loop_.fanout().add_to_everyone(*this);
  const ClientId recovered_from = state_.earlier.empty() ? 0 : state_.earlier.front();
  loop_.server().application().on_open(client_, joined.room, recovered_from);
}

// The bytes count as they are, before encoding: the bound is for memory, not exact.
bool Peer::fit_replay(std::vector<MessagePtr>& messages) const {
  const std::size_t limit = kReplayedOutboxes * loop_.outbox_limits().bytes;
  std::size_t room = limit - std::min(limit, link_->queued_bytes());
  auto first = messages.end();
  while (first != messages.begin() && (*std::prev(first))->size_bytes() <= room) {
    --first;
    room -= (*first)->size_bytes();
  }
  const bool all = first == messages.begin();
  messages.erase(messages.begin(), first);
  return all;
}

bool Peer::is_own(const Message& message) const {
  if (message.except == 0) return false;
  return message.except == id_ ||
         std::find(state_.earlier.begin(), state_.earlier.end(), message.except) != state_.earlier.end();
}

void Peer::replay(const std::vector<MessagePtr>& messages) {
  for (const MessagePtr& message : messages) {
    if (is_own(*message)) continue;
    FramePtr frame = encode(codec_->encode(*message), message);
    if (!frame) continue;
    count_delivery();
    note_delivery(message);
    link_->push_replay(std::move(frame));
  }
}

// What the hub tells --------------------------------------------------------------------------------------------------

void Peer::handle(Left& left) {
  if (!loop_.fanout().remove(*this, left.room)) return;
  in_turn([this, left = std::move(left)] {
    if (state_.log) state_.log->leave(left.room);
    reply(LeftReply{left.ref, left.room, left.reason});
    loop_.server().application().on_leave(client_, left.room, left.reason);
    link_->user().on_left(id_, left.room, left.reason);
  });
}

void Peer::handle(Renamed& renamed) {
  in_turn([this, renamed = std::move(renamed)] {
    if (state_.welcomed) reply(RenamedReply{{}, renamed.name});
  });
}

void Peer::handle(Answer& answer) {
  in_turn([this, answer = std::move(answer)] {
    std::optional<std::string> ref = state_.acks.take(answer.ack_id);
    if (ref) reply(AnswerReply{std::move(*ref), answer.args, answer.attachments});
  });
}

void Peer::handle(DirectMessage& direct) {
  in_turn([this, direct = std::move(direct)] { send(direct); });
}

void Peer::handle(VerdictGiven& verdict) {
  in_turn([this, verdict] { link_->user().on_verdict(verdict.client); });
}

void Peer::handle(DecisionGiven& given) {
  if (departing_) {
    state_.verdict = std::move(given);
    return;
  }
  in_turn([this, given = std::move(given)] {
    if (state_.undecided.waiting_for(given.id)) resume(given.decision);
  });
}

void Peer::handle(CloseClient& close) {
  in_turn([this, close = std::move(close)] {
    link_->user().close_client(close.client, close.code, close.reason);
    give_up_waiting();
  });
}

void Peer::handle(Continued& continued) {
  in_turn([this, continued] { link_->user().on_continued(continued.client); });
}

void Peer::send(const DirectMessage& direct) {
  if (!state_.welcomed) {
    const OutboxLimits& limits = loop_.outbox_limits();
    if (state_.waiting.size() < limits.frames && state_.waiting_bytes + direct.message->size_bytes() <= limits.bytes) {
      state_.waiting_bytes += direct.message->size_bytes();
      state_.waiting.push_back(direct);
    } else {
      loop_.stats().drops.add();
      if (direct.ack.id != 0) tell_ack(direct.ack.id, Error::too_many);
    }
    return;
  }
  if (direct.ack.id == 0) {
    deliver(encode(codec_->encode(*direct.message), direct.message));
  } else if (state_.awaits.add(direct.ack.id, loop_.now_ms() + direct.ack.timeout_ms)) {
    set_timer();
    deliver(encode(codec_->encode_with_ack(*direct.message, direct.ack.id), direct.message));
  } else {
    tell_ack(direct.ack.id, Error::too_many);
  }
}

FramePtr Peer::encode(const wire::Packets& packets, const MessagePtr& message) const {
  return make_frame(packets, link_->framing(), message);
}

void Peer::count_delivery() {
  loop_.stats().deliveries_by_protocol[static_cast<std::size_t>(client_->origin().protocol)].add();
  loop_.stats().deliveries_by_transport[static_cast<std::size_t>(transport_)].add();
}

void Peer::note_delivery(const MessagePtr& message) {
  if (arriving_) {
    postponed_.push_back([this, message] { note_delivery(message); });
  } else if (state_.log) {
    state_.log->note(*message);
  }
}

void Peer::deliver(const FramePtr& frame) {
  if (!frame || silent_ || link_->closing()) return;
  if (in_order_) {
    postponed_.push_back([this, frame] { deliver(frame); });
    return;
  }
  count_delivery();
  note_delivery(frame->message());
  link_->push(frame);
}

void Peer::reply(const Reply& reply) {
  if (silent_) return;
  FramePtr frame = make_frame(codec_->encode(reply), link_->framing(), nullptr);
  if (std::holds_alternative<HistoryReply>(reply)) {
    link_->push_replay(std::move(frame));
  } else {
    link_->push(std::move(frame));
  }
}

// Acknowledgements that the application wants -------------------------------------------------------------------------

void Peer::set_timer() {
  std::int64_t due_ms = -1;
  for (const std::int64_t deadline_ms :
       {state_.awaits.deadline_ms(), state_.undecided.deadline_ms(), outliving_until_ms_}) {
    if (deadline_ms != -1 && (due_ms == -1 || deadline_ms < due_ms)) due_ms = deadline_ms;
  }
  if (due_ms == -1) {
    TimerWheel::cancel(*this);
  } else if (!pending() || TimerEntry::deadline_ms() != due_ms) {
    loop_.set_timer(*this, due_ms);
  }
}

void Peer::on_deadline(std::int64_t now_ms) {
  for (const std::uint64_t ack_id : state_.awaits.take_expired(now_ms)) tell_ack(ack_id, Error::timed_out);
  if (outliving_until_ms_ != -1 && now_ms >= outliving_until_ms_) {
    outliving_until_ms_ = -1;
    give_up_waiting();
  } else if (const std::int64_t deadline_ms = state_.undecided.deadline_ms();
             deadline_ms != -1 && now_ms >= deadline_ms) {
    state_.undecided.stop_clock();
    const DecisionId decision = state_.undecided.decision();
    DecisionGiven late{id_, decision, {Verdict::refuse, "no verdict in time", std::nullopt}};
    if (client_->end_decision(decision)) handle(late);  // else the verdict is in the inbox
  }
  set_timer();
}

void Peer::tell_ack(std::uint64_t ack_id, Error error) {
  loop_.server().application().on_ack(client_, {ack_id, error, {}, {}});
}

void Peer::receive_ack(std::uint64_t ack_id, std::string_view args, std::vector<std::string> attachments) {
  if (!state_.awaits.take(ack_id)) return;
  set_timer();
  loop_.server().application().on_ack(client_, {ack_id, Error::ok, std::string(args), std::move(attachments)});
}

// What the client asks for --------------------------------------------------------------------------------------------

// False when the client's protocol has no word for it: then the message passes on credit, and is paid for by the pause.
bool Peer::refuse_for_rate(const ErrorReply& error, std::int64_t now_ms) {
  FramePtr refusal = make_frame(codec_->encode(Reply(error)), link_->framing(), nullptr);
  if (!refusal) state_.inbound.take_in_advance();
  // Long enough for a tenth of the burst, so that the next read is worth its while.
  const std::int64_t tokens = std::max<std::int64_t>(1, loop_.options().inbound_burst / 10);
  link_->pause_reading_until(now_ms + state_.inbound.wait_ms(tokens, now_ms));
  if (!refusal) return false;
  loop_.stats().messages_refused.add();
  link_->push(std::move(refusal));
  return true;
}

void Peer::receive(wire::Decoded decoded) {
  if (silent_ || link_->closing()) return;
  LoopStats& stats = loop_.stats();
  stats.messages_in_by_protocol[static_cast<std::size_t>(client_->origin().protocol)].add();
  stats.messages_in_by_transport[static_cast<std::size_t>(transport_)].add();

  const std::int64_t now_ms = loop_.now_ms();
  const auto* error = std::get_if<wire::DecodeError>(&decoded);
  if (!state_.inbound.take(now_ms) &&
      refuse_for_rate(error ? error->reply : rate_error(std::get<Command>(decoded)), now_ms)) {
    return;
  }
  if (!undecided() || is_ping(decoded)) {
    execute(std::move(decoded));
  } else {
    queue(decoded);
  }
}

void Peer::execute(wire::Decoded decoded) {
  if (auto* error = std::get_if<wire::DecodeError>(&decoded)) {
    loop_.stats().messages_refused.add();
    reply(error->reply);
    if (error->close_code == 0) return;
    state_.undecided.forget_more();
    link_->close(error->close_code, error->reply.reason);
    return;
  }
  Command& command = std::get<Command>(decoded);
  take_outcome(loop_.server().dispatcher().execute(client_, std::move(command), state_.acks, wall_clock_ms()));
}

void Peer::take_outcome(Outcome outcome) {
  if (auto* suspended = std::get_if<Suspended>(&outcome)) {
    state_.undecided.wait_for_command(std::move(*suspended), loop_.now_ms() + loop_.options().verdict_timeout_ms);
    set_timer();
    return;
  }
  Reply* const answer = std::get_if<Reply>(&outcome);
  if (answer == nullptr) return;
  if (std::holds_alternative<ErrorReply>(*answer)) loop_.stats().messages_refused.add();
  if (auto* history = std::get_if<HistoryReply>(answer); history && !fit_replay(history->messages)) {
    history->complete = false;
  }
  if (codec_->acknowledges_last() && std::holds_alternative<AckReply>(*answer)) {
    // The message itself goes by the inbox, too.
    loop_.post_task([&loop = loop_, id = id_, ack = std::move(*answer)] {
      if (Peer* peer = loop.find_peer(id)) peer->reply(ack);
    });
  } else {
    reply(*answer);
  }
  // A client that does not take its replies gets no further ones to queue.
  const OutboxLimits& limits = loop_.outbox_limits();
  if (link_->queued_bytes() > limits.bytes / 2 || link_->queued_frames() > limits.frames / 2) {
    link_->pause_reading_until(loop_.now_ms() + 100);
  }
}

// Verdicts that come later --------------------------------------------------------------------------------------------

void Peer::queue(wire::Decoded& decoded) {
  const std::size_t max_bytes = loop_.outbox_limits().bytes;
  if (!state_.undecided.push(decoded, max_bytes)) {
    loop_.stats().messages_refused.add();
    loop_.log(LogLevel::warning, "a client says more than can wait for a verdict, some of it is refused");
    if (const auto* command = std::get_if<Command>(&decoded)) reply(rate_error(*command));
  }
  if (state_.undecided.full(max_bytes)) {
    // The end may be put off again meanwhile: then this comes anew.
    link_->pause_reading_until(std::max(state_.undecided.deadline_ms(), loop_.now_ms() + TimerWheel::kTickMs));
  }
}

void Peer::resume(Decision decision) {
  const bool was_full = state_.undecided.full(loop_.outbox_limits().bytes);
  std::optional<Suspended> suspended = state_.undecided.take();
  if (client_->dismissed()) return;  // its end is on its way
  if (suspended) {
    take_outcome(loop_.server().dispatcher().resume(client_, std::move(*suspended), std::move(decision), state_.acks,
                                                    wall_clock_ms()));
  } else {
    const bool allowed = decision.verdict == Verdict::pass;
    link_->user().on_first_room(id_, allowed ? enter_first_room() : refusal(std::move(decision.reason)));
  }
  // Also when its link has closed meanwhile: it had said that before.
  while (!undecided() && state_.undecided.has_more() && !client_->dismissed()) {
    execute(state_.undecided.pop());
  }
  if (was_full && !state_.undecided.full(loop_.outbox_limits().bytes)) link_->resume_reading();
  if (!undecided()) give_up_waiting();
  set_timer();
}

// Who was thrown out says no more; and who decides is told that the server has stopped.
bool Peer::outlive_link(const Retirement& retirement) {
  if (!undecided() || !state_.welcomed || client_->dismissed() || loop_.draining()) return false;
  if (outliving_) return outliving_until_ms_ != -1;
  silence();
  link_ = &loop_.no_link();
  outliving_ = retirement;
  outliving_until_ms_ = loop_.now_ms() + loop_.options().verdict_timeout_ms;
  set_timer();
  return true;
}

void Peer::give_up_waiting() {
  if (outliving_) loop_.retire(id_, *outliving_);
}

// Going ---------------------------------------------------------------------------------------------------------------

void Peer::retire(const Retirement& retirement) {
  Application& application = loop_.server().application();
  for (const DirectMessage& direct : std::exchange(state_.waiting, {})) {
    if (direct.ack.id != 0) tell_ack(direct.ack.id, Error::no_such_client);
  }
  for (const std::uint64_t ack_id : state_.awaits.take_expired(INT64_MAX)) tell_ack(ack_id, Error::no_such_client);
  loop_.fanout().remove_from_everyone(*this);
  const ClientState last = loop_.server().hub().remove_client(client_);
  for (std::string room; !(room = loop_.fanout().remove_any(*this)).empty();) {
    application.on_leave(client_, room, retirement.reason);
  }
  // Of one that continues another the application hears first when it is open.
  const bool known = state_.welcomed || state_.earlier.empty();
  if (known && (last == ClientState::open || last == ClientState::accepted)) {
    application.on_disconnect(client_, retirement.close_code, retirement.reason);
  }
}

// Moving --------------------------------------------------------------------------------------------------------------

template <class Action>
void Peer::in_turn(Action action) {
  if (arriving_) {
    in_order_ = true;  // what is said from now on comes behind it
    postponed_.push_back(std::move(action));
  } else {
    action();
  }
}

void Peer::handle(Departed& departed) {
  if (departed.room.empty()) {
    loop_.fanout().remove_from_everyone(*this);
  } else {
    loop_.fanout().remove(*this, departed.room);
  }
}

void Peer::handle(Arrived& arrived) {
  if (arrived.room.empty()) {
    loop_.fanout().add_to_everyone(*this);
  } else {
    loop_.fanout().add(*this, arrived.room);
  }
}

void Peer::arrive(State state) {
  arriving_ = in_order_ = false;
  state_ = std::move(state);
  set_timer();
  if (state_.retirement) {
    silence();
    loop_.retire(id_, *state_.retirement);
  }
  if (std::optional<DecisionGiven> given = std::exchange(state_.verdict, std::nullopt)) handle(*given);
  for (const auto& action : std::exchange(postponed_, {})) action();
}

}  // namespace chat::net
