// See peer.h.
#include "net/peer/peer.h"

#include <algorithm>

#include "hub/callback_scope.h"
#include "net/base/clock.h"

namespace chat::net {
namespace {

// So many outboxes full of history may wait for one client.
constexpr std::size_t kReplayedOutboxes = 2;

}  // namespace

Peer::Peer(PeerContext& loop, PeerOwner& owner, Link& link, ClientPtr client, std::unique_ptr<wire::Codec> codec)
    : Receiver(client->id(), *codec),
      loop_(loop),
      owner_(&owner),
      link_(&link),
      client_(std::move(client)),
      codec_(std::move(codec)),
      transport_(client_->transport()),
      state_{.input =
                 PeerInput(TokenBucket(loop.options().inbound_rate, loop.options().inbound_burst, loop.now_ms()))} {
  loop_.stats().clients_now_by_protocol[static_cast<std::size_t>(client_->origin().protocol)].add();
  loop_.stats().clients_now_by_transport[static_cast<std::size_t>(transport_)].add();
}

Peer::~Peer() {
  loop_.fanout().forget(*this);
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

void Peer::await_verdict(std::int64_t deadline_ms) {
  verdict_deadline_ms_ = deadline_ms;
  set_timer();
}

Status Peer::open() {
  Hub& hub = loop_.hub();
  const CallbackScope scope(hub);
  const Authorization allowed = loop_.dispatcher().authorize(client_, Action::join, state_.first_room);
  if (allowed.deferred) {
    state_.input.wait_for_room(*this, *allowed.deferred);
    return {};
  }
  return allowed.status.ok() ? enter_first_room() : allowed.status;
}

Status Peer::enter_first_room() {
  return loop_.hub().open(client_, state_.first_room, state_.first_since, current_moment());
}

Status Peer::restore(const std::vector<RoomPosition>& rooms, std::vector<ClientId> earlier) {
  state_.earlier = std::move(earlier);
  const std::size_t max_bytes = kReplayedOutboxes * loop_.outbox_limits().bytes;
  Status status = loop_.hub().restore(client_, rooms, max_bytes, current_moment());
  if (!status.ok()) state_.earlier.clear();
  return status;
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
  if (state_.earlier.empty() && !fit_replay(joined.missed, kReplayedOutboxes)) joined.complete = false;
  if (state_.log && added) {
    const std::uint64_t since = joined.missed.empty() ? joined.seq : joined.missed.front()->seq - 1;
    state_.log->join(joined.room, {joined.epoch, since});
  }
  if (first) {
    welcome(joined);
  } else if (joined.asked || added) {
    reply(JoinedReply{joined.ref, joined.room, joined.epoch, joined.seq, joined.resumed, joined.complete});
  }
  if (added) loop_.application().on_join(client_, joined.room);
  if (const std::size_t bytes = replay(joined.missed); bytes != 0) state_.input.charge_reply(*this, bytes);
  if (first) {
    for (const DirectMessage& direct : std::exchange(state_.waiting, {})) send(direct);
    state_.input.welcomed(*this);
  }
}

void Peer::welcome(Joined& joined) {
  state_.welcomed = true;
  reply(
      Welcome{id(), client_->identity()->name, joined.room, joined.epoch, joined.seq, joined.resumed, joined.complete});
  loop_.fanout().add_to_everyone(*this);
  const ClientId recovered_from = state_.earlier.empty() ? 0 : state_.earlier.front();
  loop_.application().on_open(client_, joined.room, recovered_from);
}

// About what it takes in JSON: text with its escapes, attachments in base64.
std::size_t Peer::replayed_bytes(const Message& message) {
  std::size_t bytes = message.size_bytes();
  if (message.kind == PayloadKind::text) {
    const std::string& text = message.payload;
    const auto controls = std::count_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20; });
    const auto escaped = std::count_if(text.begin(), text.end(), [](char c) { return c == '"' || c == '\\'; });
    bytes += static_cast<std::size_t>(5 * controls + escaped);
  }
  for (const std::string& attachment : message.attachments) bytes += attachment.size() / 3;
  return bytes;
}

// The bound is for memory, not exact.
bool Peer::fit_replay(std::vector<MessagePtr>& messages, std::size_t outboxes) const {
  const std::size_t limit = outboxes * loop_.outbox_limits().bytes;
  std::size_t space = limit - std::min(limit, link_->queued_bytes());
  auto first = messages.end();
  while (first != messages.begin()) {
    const std::size_t bytes = replayed_bytes(**std::prev(first));
    if (bytes > space) break;
    space -= bytes;
    --first;
  }
  const bool all = first == messages.begin();
  messages.erase(messages.begin(), first);
  return all;
}

bool Peer::is_own(const Message& message) const {
  if (message.except == 0) return false;
  return message.except == id() ||
         std::find(state_.earlier.begin(), state_.earlier.end(), message.except) != state_.earlier.end();
}

std::size_t Peer::replay(const std::vector<MessagePtr>& messages) {
  std::size_t bytes = 0;
  for (const MessagePtr& message : messages) {
    if (is_own(*message)) {
      note_delivery(message, true);
      continue;
    }
    FramePtr frame = encode(codec_->encode(*message), message);
    if (!frame) continue;
    count_delivery();
    note_delivery(message, false);
    bytes += frame->size_bytes();
    link_->push_replay(std::move(frame));
  }
  return bytes;
}

// What the hub tells --------------------------------------------------------------------------------------------------

void Peer::handle(Left& left) {
  if (!loop_.fanout().remove(*this, left.room)) return;
  in_turn([this, left = std::move(left)] {
    if (state_.log) state_.log->leave(left.room);
    reply(LeftReply{left.ref, left.room, left.reason});
    loop_.application().on_leave(client_, left.room, left.reason);
    owner_->on_left(*this, left.room, left.reason);
  });
}

void Peer::handle(Renamed& renamed) {
  in_turn([this, renamed = std::move(renamed)] {
    if (state_.welcomed) reply(RenamedReply{{}, renamed.name});
  });
}

void Peer::handle(Answer& answer) {
  in_turn([this, answer = std::move(answer)] {
    std::optional<std::string> ref = state_.input.take_ack(answer.ack_id);
    if (ref) reply(AnswerReply{std::move(*ref), answer.args, answer.attachments});
  });
}

void Peer::handle(Acknowledged& acknowledged) {
  in_turn([this, acknowledged = std::move(acknowledged)]() mutable {
    if (acknowledged.status.ok()) {
      reply(AckReply{std::move(acknowledged.ref), acknowledged.seq, std::move(acknowledged.epoch)});
    } else {
      loop_.stats().messages_refused.add();
      reply(ErrorReply{std::move(acknowledged.ref), acknowledged.status.code, std::move(acknowledged.status.detail),
                       true});
    }
    // A client that does not take its acknowledgements may not ask for more.
    if (link_->is_half_full()) link_->pause_reading_for_output();
  });
}

void Peer::handle(DirectMessage& direct) {
  in_turn([this, direct = std::move(direct)] { send(direct); });
}

void Peer::handle(VerdictGiven&) {
  in_turn([this] { owner_->on_verdict(*this); });
}

void Peer::handle(DecisionGiven& given) {
  if (departing_) {
    state_.verdict = std::move(given);
    return;
  }
  in_turn([this, given = std::move(given)] { state_.input.decide(*this, given.id, given.decision); });
}

void Peer::handle(CloseClient& close) {
  in_turn([this, close = std::move(close)] {
    if (close.whole_connection) {
      owner_->close_connection(*this, close.code, close.reason);
    } else {
      owner_->close_client(*this, close.code, close.reason);
    }
    give_up_waiting();
  });
}

void Peer::handle(Continued&) {
  in_turn([this] { owner_->on_continued(*this); });
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
  } else if (state_.awaits.add(direct.ack.id, direct.ack.timeout_ms == kUnlimited
                                                  ? AckWaits::kNever
                                                  : loop_.now_ms() + direct.ack.timeout_ms)) {
    set_timer();
    deliver(encode(codec_->encode_with_ack(*direct.message, direct.ack.id), direct.message));
  } else {
    tell_ack(direct.ack.id, Error::too_many);
  }
}

FramePtr Peer::encode(const wire::Packets& packets, const MessagePtr& message) const {
  return make_frame(packets, link_->carrier(), message);
}

void Peer::count_delivery() {
  loop_.stats().deliveries_by_protocol[static_cast<std::size_t>(client_->origin().protocol)].add();
  loop_.stats().deliveries_by_transport[static_cast<std::size_t>(transport_)].add();
}

void Peer::note_delivery(const MessagePtr& message, bool own) {
  if (state_.log) state_.log->note(*message, own);
}

void Peer::note_own(const MessagePtr& message) {
  if (silent_ || link_->closing()) return;
  if (arriving_) {
    postponed_.push_back([this, message] { note_own(message); });
    return;
  }
  note_delivery(message, true);
}

void Peer::deliver(const FramePtr& frame) {
  if (!frame || silent_ || link_->closing()) return;
  if (arriving_) {
    postpone(frame);
    return;
  }
  for (const MessagePtr& message : frame->messages()) {
    count_delivery();
    note_delivery(message, false);
  }
  link_->push(frame);
}

std::size_t Peer::reply(const Reply& reply) {
  if (silent_) return 0;
  FramePtr frame = make_frame(codec_->encode(reply), link_->carrier(), nullptr);
  const std::size_t bytes = frame ? frame->size_bytes() : 0;
  if (std::holds_alternative<HistoryReply>(reply)) {
    link_->push_replay(std::move(frame));
  } else {
    link_->push(std::move(frame));
  }
  return bytes;
}

// Acknowledgements that the application wants -------------------------------------------------------------------------

void Peer::set_timer() {
  std::int64_t due_ms = -1;
  for (const std::int64_t deadline_ms :
       {state_.awaits.deadline_ms(), state_.input.deadline_ms(), outliving_until_ms_, verdict_deadline_ms_}) {
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
  if (verdict_deadline_ms_ != -1 && now_ms >= verdict_deadline_ms_) {
    verdict_deadline_ms_ = -1;
    owner_->on_verdict_timeout(*this);
  }
  // First, so that what was said behind has its turn before the end.
  if (const std::int64_t deadline_ms = state_.input.deadline_ms(); deadline_ms != -1 && now_ms >= deadline_ms) {
    if (const std::optional<DecisionId> decision = state_.input.give_up(*this)) {
      DecisionGiven late{id(), *decision, {Verdict::refuse, "no verdict in time", std::nullopt}};
      handle(late);
    }
  }
  if (outliving_until_ms_ != -1 && now_ms >= outliving_until_ms_) {
    outliving_until_ms_ = -1;
    give_up_waiting();
  }
  set_timer();
}

void Peer::tell_ack(std::uint64_t ack_id, Error error) { loop_.application().on_ack(client_, {ack_id, error, {}, {}}); }

void Peer::receive_ack(std::uint64_t ack_id, std::string_view args, std::vector<std::string> attachments) {
  if (!state_.awaits.take(ack_id)) return;
  set_timer();
  loop_.application().on_ack(client_, {ack_id, Error::ok, std::string(args), std::move(attachments)});
}

// Going ---------------------------------------------------------------------------------------------------------------

// Who was thrown out says no more; and who decides is told that the server has stopped.
bool Peer::outlive_link(const Retirement& retirement) {
  if (!undecided() || !state_.welcomed || client_->dismissed() || loop_.draining()) return false;
  if (outliving_) return outliving_until_ms_ != -1;
  silence();
  link_ = &loop_.no_link();
  owner_ = &loop_.no_owner();
  outliving_ = retirement;
  outliving_until_ms_ = loop_.now_ms() + loop_.options().verdict_timeout_ms;
  set_timer();
  return true;
}

void Peer::give_up_waiting() {
  if (outliving_) loop_.peers().retire(id(), *outliving_);
}

void Peer::retire(const Retirement& retirement) {
  Application& application = loop_.application();
  for (const DirectMessage& direct : std::exchange(state_.waiting, {})) {
    if (direct.ack.id != 0) tell_ack(direct.ack.id, Error::no_such_client);
  }
  for (const std::uint64_t ack_id : state_.awaits.take_expired(INT64_MAX)) tell_ack(ack_id, Error::no_such_client);
  loop_.fanout().remove_from_everyone(*this);
  const ClientState last = loop_.hub().remove_client(client_);
  for (std::string room; !(room = loop_.fanout().remove_any(*this)).empty();) {
    application.on_leave(client_, room, retirement.reason);
  }
  // Of one that continues another the application hears first when it is open.
  const bool known = state_.welcomed || state_.earlier.empty();
  if (known && (last == ClientState::open || last == ClientState::accepted)) {
    application.on_disconnect(client_, retirement.close_code, retirement.reason);
  } else if (last == ClientState::connecting || (last == ClientState::refused && client_->timed_out())) {
    application.on_abandon(client_, retirement.close_code, retirement.reason);
  }
}

// Moving --------------------------------------------------------------------------------------------------------------

template <class Action>
void Peer::in_turn(Action action) {
  if (arriving_) {
    postponed_.push_back(std::move(action));
  } else {
    action();
  }
}

// It may have been disconnected before it left: then it hears none of this. So nothing goes to its link before that is known.
void Peer::postpone(const FramePtr& frame) {
  const OutboxLimits& limits = loop_.outbox_limits();
  const std::size_t bytes = postponed_bytes_ + frame->size_bytes();
  if (postponed_.size() < 2 * limits.frames && bytes <= 2 * limits.bytes) {
    postponed_bytes_ = bytes;
    postponed_.push_back([this, frame] { deliver(frame); });
    return;
  }
  loop_.stats().drops.add(frame->messages().size());
  if (limits.policy != OutboxPolicy::disconnect) return;
  loop_.stats().slow_disconnects.add();
  loop_.refusals().note(Refusal::slow_reader, client_->origin().address);
  link_->close(1013, "reading too slowly");
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

void Peer::end_arriving() {
  arriving_ = false;
  postponed_bytes_ = 0;
  set_timer();
  if (state_.retirement) {
    silence();
    loop_.peers().retire(id(), *state_.retirement);
  }
  if (std::optional<DecisionGiven> given = std::exchange(state_.verdict, std::nullopt)) handle(*given);
  for (const auto& action : std::exchange(postponed_, {})) action();
  state_.input.arrived(*this);
}

}  // namespace chat::net
