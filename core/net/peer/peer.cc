// See peer.h.
#include "net/peer/peer.h"

#include <algorithm>
#include <new>

#include "hub/callback_scope.h"
#include "net/base/clock.h"

namespace chat::net {
namespace {

// A client may have so many outboxes of history queued when it joins a room.
constexpr std::size_t kReplayedOutboxes = 2;

// RFC 6455 section 7.4.1.
constexpr std::uint16_t kNormalClosure = 1000;
constexpr std::uint16_t kInternalError = 1011;

}  // namespace

Peer::Peer(PeerContext& loop, PeerOwner& owner, Link& link, ClientPtr client, std::unique_ptr<wire::Codec> codec)
    : Receiver(client->id(), *codec),
      loop_(loop),
      owner_(&owner),
      link_(&link),
      client_(std::move(client)),
      codec_(std::move(codec)),
      transport_(client_->transport()),
      state_{.input = {TokenBucket(loop.options().inbound_rate, loop.options().inbound_burst, loop.now_ms())}} {
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
  loop_.fanout().refresh(*this);
}

void Peer::keep_delivery_log() {
  state_.log = std::make_unique<session::DeliveryLog>();
  loop_.fanout().refresh(*this);
}

void Peer::silence() {
  silent_ = true;
  loop_.fanout().refresh(*this);
}

void Peer::set_first_room(std::string room, std::optional<Position> since) {
  State::Coming& coming = state_.coming.make();
  coming.first_room = std::move(room);
  coming.first_since = std::move(since);
}

// Coming --------------------------------------------------------------------------------------------------------------

void Peer::await_verdict(std::int64_t deadline_ms) {
  verdict_deadline_ms_ = deadline_ms;
  set_timer();
}

Status Peer::open() {
  Hub& hub = loop_.hub();
  if (!codec_->has_first_room()) return hub.open(client_);
  const CallbackScope scope(hub);
  const Authorization allowed = loop_.dispatcher().authorize(client_, Action::join, state_.coming->first_room);
  if (allowed.deferred) {
    input_.wait_for_room(*allowed.deferred);
    return {};
  }
  return allowed.status.ok() ? enter_first_room() : allowed.status;
}

Status Peer::enter_first_room(const KeptRangePtr& earlier) {
  const State::Coming& coming = *state_.coming;
  if (!earlier) {
    if (const auto read = loop_.dispatcher().read_for(client_, coming.first_room, coming.first_since)) {
      input_.wait_for_room(*read);
      return {};
    }
  } else if (!earlier->status.ok()) {
    return earlier->status;
  }
  return loop_.hub().open(client_, coming.first_room, coming.first_since, current_moment(), earlier.get());
}

Status Peer::restore(const std::vector<RoomPosition>& rooms, std::vector<ClientId> earlier) {
  state_.earlier.make() = std::move(earlier);
  const std::size_t max_bytes = kReplayedOutboxes * loop_.outbox_limits().bytes;
  Status status = loop_.hub().restore(client_, rooms, max_bytes, current_moment());
  if (!status.ok()) state_.earlier.reset();
  return status;
}

void Peer::on_room_verdict(Decision decision) {
  or_fail([&] {
    const bool allowed = decision.verdict == Verdict::pass;
    const Status status = allowed ? enter_first_room(decision.earlier) : refusal(std::move(decision.reason));
    // It may wait again: what is read from a store follows a deferred verdict.
    if (!status.ok() || !input_.undecided()) owner_->on_first_room(*this, status);
  });
}

void Peer::handle(Opened&) {
  if (!departing_ && (silent_ || link_->closing())) return;
  in_turn([this] {
    state_.welcomed = true;
    or_fail([&] { welcome({id(), client_->identity()->name, {}, {}, 0, false, true}); });
    loop_.application().on_open(client_, {}, 0);
    send_waiting();
  });
}

void Peer::handle(Joined& joined) {
  // A departing peer joins too, so that on_join is called: its second peer is in the room by Arrived, and calls on_leave.
  if (!departing_ && (silent_ || link_->closing())) return;
  const bool sees_people = joined.names_people && loop_.dispatcher().may_see_people(client_, joined.room);
  if (joined.names_people) loop_.hub().set_sees_people(*client_, joined.room, sees_people);
  const Subscription membership{.counts_only = !sees_people};
  const bool added = loop_.fanout().add(*this, joined.room, membership);
  try {
    if (std::optional<Subscription> subscription = owner_->subscription_of(*this, joined.ref)) {
      subscription->counts_only = !sees_people;
      loop_.fanout().add(*this, joined.room, *subscription);
    } else if (!added && joined.names_people && direct_form() == 0) {  // the answer may be another one now
      loop_.fanout().remove(*this, joined.room);
      loop_.fanout().add(*this, joined.room, membership);
    }
  } catch (...) {
    if (added) loop_.fanout().remove(*this, joined.room);  // on_join is not called
    throw;
  }
  in_turn(
      [this, joined = std::move(joined), added, sees_people]() mutable { joined_room(joined, added, sees_people); });
}

// The application hears of the room also when memory fails for what the client is sent.
void Peer::joined_room(Joined& joined, bool added, bool sees_people) {
  const bool first = !state_.welcomed;
  const std::string ref = std::move(joined.ref);
  or_fail([&] {
    // What a recovered client has missed was measured before: see restore().
    if (state_.earlier->empty() && !fit_replay(joined.missed, kReplayedOutboxes)) joined.complete = false;
    if (state_.log && (added || joined.renumbered)) {
      const std::uint64_t since = joined.missed.empty() ? joined.seq : joined.missed.front()->seq - 1;
      if (joined.renumbered) state_.log->leave(joined.room);
      state_.log->join(joined.room, {joined.epoch, since});
      owner_->on_logged_room(*this);
    }
  });
  if (first) {
    state_.welcomed = true;
    or_fail([&] {
      const IdentityPtr identity = client_->identity();
      welcome({id(), identity->name, joined.room, joined.epoch, joined.seq, joined.resumed, joined.complete,
               identity->user_id, joined.role, joined.slow_mode_ms, joined.seen});
    });
    const ClientId recovered_from = state_.earlier->empty() ? 0 : state_.earlier->front();
    loop_.application().on_open(client_, joined.room, recovered_from);
  } else if (joined.asked || added || joined.renumbered) {
    or_fail([&] {
      reply(JoinedReply{ref, joined.room, joined.epoch, joined.seq, joined.resumed, joined.complete, joined.role,
                        joined.slow_mode_ms, joined.seen});
    });
  }
  if (added) tell_joined(joined.room);
  const std::size_t bytes = replay(joined.missed, owner_->subscription_of(*this, ref));
  if (joined.presence)
    or_fail([&] { tell_presence(seen_by(joined.presence, !sees_people), owner_->subscription_of(*this, ref)); });
  if (bytes != 0) input_.charge_reply(bytes);
  if (first) send_waiting();
}

void Peer::tell_presence(const MessagePtr& message, const std::optional<Subscription>& subscription) {
  if (!message) return;
  FramePtr frame = subscription ? encode(*subscription, message)
                                : encode(codec_->encode_in_form(*message, form_in(message->room)), message);
  if (frame) deliver(frame);
}

void Peer::welcome(const Welcome& welcome) {
  reply(welcome);
  loop_.fanout().add_to_everyone(*this);
}

void Peer::send_waiting() {
  const std::vector<DirectMessage> waiting =
      state_.coming.made() ? std::move(state_.coming.get().waiting) : std::vector<DirectMessage>();
  state_.coming.reset();
  for (const DirectMessage& direct : waiting) send(direct);
  input_.on_welcomed();
}

// About the size in JSON: text with its escapes, attachments in base64.
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

// Approximate: the bound limits memory.
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
  return message.except == id() || std::ranges::find(earlier(), message.except) != earlier().end();
}

std::size_t Peer::replay(const std::vector<MessagePtr>& messages, const std::optional<Subscription>& subscription) {
  std::size_t bytes = 0;
  for (const MessagePtr& message : messages) {
    if (is_own(*message)) {
      note_delivery(message, true);
      continue;
    }
    FramePtr frame = subscription ? encode(*subscription, message)
                                  : encode(codec_->encode_in_form(*message, form_in(message->room)), message);
    if (!frame) continue;
    count_delivery();
    note_delivery(message, false);
    bytes += frame->size_bytes();
    link_->push_replay(std::move(frame));
  }
  return bytes;
}

// Events of the hub ---------------------------------------------------------------------------------------------------

void Peer::handle(Left& left) {
  retiring_.make().left_room.reserve(left.room.size());  // before on_leave is due
  if (!loop_.fanout().remove(*this, left.room)) return;
  in_turn([this, left = std::move(left)] {
    or_fail([&] {
      if (state_.log) state_.log->leave(left.room);
      reply(LeftReply{left.ref, left.room, left.reason});
    });
    tell_left(left.room, left.reason);
    owner_->on_left(*this, left.room, left.reason);
  });
}

// on_join and on_leave come in pairs. When memory fails before one of them is called, the client is closed: without on_join there
// is no on_leave, and a missed on_leave is called by retire().
void Peer::tell_joined(const std::string& room) {
  try {
    loop_.application().on_join(client_, room);
  } catch (...) {
    loop_.fanout().remove(*this, room);
    throw;
  }
}

void Peer::tell_left(const std::string& room, std::string_view reason) {
  tell_missed_leave(reason);
  retiring_.make().left_room = room;
  tell_missed_leave(reason);
}

void Peer::tell_missed_leave(std::string_view reason) {
  if (retiring_->left_room.empty()) return;
  loop_.application().on_leave(client_, retiring_->left_room, reason);
  retiring_.get().left_room.clear();
}

void Peer::handle(Renamed& renamed) {
  in_turn([this, renamed = std::move(renamed)] {
    if (state_.welcomed) reply(RenamedReply{{}, renamed.name});
  });
}

void Peer::handle(Answer& answer) {
  in_turn([this, answer = std::move(answer)] {
    std::optional<std::string> ref = input_.take_ack(answer.ack_id);
    if (ref) reply(AnswerReply{std::move(*ref), answer.args, answer.attachments});
  });
}

void Peer::handle(Acknowledged& acknowledged) {
  in_turn([this, acknowledged = std::move(acknowledged)]() mutable {
    if (acknowledged.status.ok()) {
      reply(AckReply{std::move(acknowledged.ref), acknowledged.seq, std::move(acknowledged.epoch),
                     acknowledged.repeated});
    } else {
      loop_.stats().messages_refused.add();
      reply(ErrorReply{std::move(acknowledged.ref), acknowledged.status.code, std::move(acknowledged.status.detail),
                       true, acknowledged.status.retry_after_ms});
    }
    // A client that does not take its acknowledgements is not read from.
    if (link_->is_half_full()) link_->pause_reading_for_output();
  });
}

void Peer::handle(DirectMessage& direct) {
  in_turn([this, direct = std::move(direct)] { send(direct); });
}

void Peer::handle(DecisionGiven& given) {
  if (given.id == 0) {
    in_turn([this] { owner_->on_verdict(*this); });
    return;
  }
  if (departing_) {
    state_.meanwhile.make().verdict = std::move(given);
    return;
  }
  if (!given.decision) return;
  in_turn([this, given = std::move(given)] { input_.decide(given.id, *given.decision); });
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
    State::Coming& coming = state_.coming.make();
    if (coming.waiting.size() < limits.frames && coming.waiting_bytes + direct.message->size_bytes() <= limits.bytes) {
      coming.waiting.push_back(direct);
      coming.waiting_bytes += direct.message->size_bytes();
    } else {
      loop_.stats().drops.add();
      if (direct.ack.id != 0) tell_ack(direct.ack.id, Error::too_many);
    }
    return;
  }
  if (direct.ack.id == 0 && direct_form() != 0) {
    if (std::optional<wire::Packet> body = codec_->encode_body(*direct.message, direct_form())) {
      deliver_body(direct.message, {}, link_->carrier().share(*std::move(body)));
    }
  } else if (direct.ack.id == 0) {
    deliver(encode(codec_->encode(*direct.message), direct.message));
  } else if (state_.awaits.make().add(direct.ack.id, direct.ack.timeout_ms == kUnlimited
                                                         ? AckTable::kNever
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

FramePtr Peer::encode(const Subscription& subscription, const MessagePtr& message) {
  std::optional<wire::Packet> body = codec_->encode_body(*message, subscription.form);
  if (!body) return {};
  std::string head;
  if (!subscription.own_heads) {
    head = codec_->encode_head(*message, subscription.form, subscription.id);
  } else {
    std::vector<std::string> heads = owner_->message_heads(*this, *message, subscription.id);
    if (heads.empty()) return {};
    head = std::move(heads.front());
  }
  return make_frame(head, link_->carrier().share(*std::move(body)), link_->carrier(), message);
}

bool Peer::can_refuse(const ErrorReply& error) const {
  if (const std::optional<bool> known = owner_->can_refuse(error)) return *known;
  return !codec_->encode(Reply(error)).empty();
}

DeliveryCounters Peer::counters() const {
  return {&loop_.stats().deliveries_by_protocol[static_cast<std::size_t>(client_->origin().protocol)],
          &loop_.stats().deliveries_by_transport[static_cast<std::size_t>(transport_)]};
}

void Peer::count_delivery() { counters().add(1); }

// While the peer arrives, what it receives is kept.
DirectLinks::Number Peer::direct_link() const {
  return silent_ || arriving_ ? DirectLinks::kNone : link_->direct_number();
}

void Peer::note_delivered(const Frame& frame) {
  for (const MessagePtr& message : frame.messages()) note_delivery(message, false);
}

void Peer::deliver_rest(const FramePtr& frame, std::size_t written) {
  note_delivered(*frame);
  link_->push_rest(frame, written);
  counters().add(frame->messages().size());
}

bool Peer::takes_whole(const Frame& frame) { return !arriving_ && (silent_ || link_->takes_whole(frame)); }

void Peer::note_delivery(const MessagePtr& message, bool own) {
  if (state_.log) state_.log->note(*message, own);
}

void Peer::note_own(const MessagePtr& message) {
  if (silent_ || link_->closing()) return;
  if (arriving_) {
    postponed_.make().actions.push_back([this, message] { note_own(message); });
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
  counters().add(frame->messages().size());
  note_delivered(*frame);
  link_->push(frame);
}

void Peer::deliver_body(const MessagePtr& message, std::string_view subscription, const SharedBody& body) {
  if (silent_ || link_->closing()) return;
  for (const std::string& head : make_heads(*message, subscription)) {
    deliver(make_frame(head, body, link_->carrier(), message));
  }
}

std::size_t Peer::reply(const Reply& reply) {
  if (silent_) return 0;
  if (const std::optional<std::size_t> bytes = owner_->send_reply(*this, reply)) return *bytes;
  FramePtr frame = make_frame(codec_->encode(reply), link_->carrier(), nullptr);
  const std::size_t bytes = frame ? frame->size_bytes() : 0;
  if (std::holds_alternative<HistoryReply>(reply)) {
    link_->push_replay(std::move(frame));
  } else {
    link_->push(std::move(frame));
  }
  return bytes;
}

// Acknowledgements of the client ---------------------------------------------------------------------------------------

void Peer::set_timer() {
  std::int64_t due_ms = -1;
  for (const std::int64_t deadline_ms :
       {state_.awaits->deadline_ms(), input_.deadline_ms(), outliving_until_ms_, verdict_deadline_ms_}) {
    if (deadline_ms != -1 && (due_ms == -1 || deadline_ms < due_ms)) due_ms = deadline_ms;
  }
  if (due_ms == -1) {
    TimerWheel::cancel(*this);
  } else if (!pending() || TimerEntry::deadline_ms() != due_ms) {
    loop_.set_timer(*this, due_ms);
  }
}

void Peer::on_deadline(std::int64_t now_ms) {
  try {
    while (const std::optional<std::uint64_t> ack_id = state_.awaits->expired(now_ms)) {
      tell_ack(*ack_id, Error::timed_out);
      state_.awaits.get().take(*ack_id);
    }
  } catch (const std::bad_alloc&) {  // the timer is set again for what is left
  }
  or_fail([&] {
    if (verdict_deadline_ms_ != -1 && now_ms >= verdict_deadline_ms_) {
      verdict_deadline_ms_ = -1;
      owner_->on_verdict_timeout(*this);
    }
    // Before the end of outliving, so that what the client said next is handled first.
    if (const std::int64_t deadline_ms = input_.deadline_ms(); deadline_ms != -1 && now_ms >= deadline_ms) {
      if (const std::optional<DecisionId> decision = input_.give_up()) {
        DecisionGiven late{
            id(), *decision,
            std::make_shared<const Decision>(Decision{Verdict::refuse, "no verdict in time", std::nullopt})};
        handle(late);
      }
    }
  });
  if (outliving_until_ms_ != -1 && now_ms >= outliving_until_ms_) {
    outliving_until_ms_ = -1;
    give_up_waiting();
  }
  set_timer();
}

void Peer::tell_ack(std::uint64_t ack_id, Error error) { tell_ack({ack_id, error, {}, {}}); }

void Peer::tell_ack(const AckOutcome& outcome) {
  HubTap* const tap = loop_.hub().tap();
  if (tap == nullptr || !tap->on_ack(outcome)) loop_.application().on_ack(client_, outcome);
}

void Peer::receive_ack(std::uint64_t ack_id, std::string_view args, std::vector<std::string> attachments) {
  if (!state_.awaits.made() || !state_.awaits.get().take(ack_id)) return;
  set_timer();
  try {
    tell_ack({ack_id, Error::ok, std::string(args), std::move(attachments)});
  } catch (const std::bad_alloc&) {
    state_.awaits.get().add(ack_id,
                            AckTable::kNever);  // needs no memory: there is one entry less. retire() calls on_ack
    fail();
  }
}

// The goodbye comes after what the client's messages have caused, which comes through the inbox. If the peer has departed by then, the
// task finds nothing, and the peer posts another one where it arrives.
void Peer::post_goodbye() {
  loop_.post_task([&loop = loop_, id = id()] {
    if (Peer* const there = loop.peers().find(id)) there->or_fail([there] { there->say_goodbye(); });
  });
}

void Peer::say_goodbye() {
  const std::unique_ptr<DisconnectedReply> goodbye = std::move(state_.input.goodbye);
  if (!goodbye) return;
  reply(Reply(*goodbye));
  owner_->close_client(*this, kNormalClosure, "the client has disconnected");
}

// Going ---------------------------------------------------------------------------------------------------------------

// A client that the application has disconnected may say nothing more. A drain does not wait for verdicts.
bool Peer::outlive_link(const Retirement& retirement) {
  if (!undecided() || !state_.welcomed || client_->dismissed() || state_.failed || loop_.draining()) return false;
  if (outliving_) return outliving_until_ms_ != -1;
  outliving_ = std::make_unique<Retirement>(retirement);
  silence();
  link_ = &loop_.no_link();
  owner_ = &loop_.no_owner();
  outliving_until_ms_ = loop_.now_ms() + loop_.options().verdict_timeout_ms;
  set_timer();
  return true;
}

void Peer::give_up_waiting() {
  if (outliving_) loop_.peers().retire(id(), *outliving_);
}

void Peer::retire(const Retirement& retirement) {
  Application& application = loop_.application();
  Retiring& retiring = retiring_.make();
  for (; retiring.waiting_told < state_.coming->waiting.size(); ++retiring.waiting_told) {
    const AckWish& ack = state_.coming->waiting[retiring.waiting_told].ack;
    if (ack.id != 0) tell_ack(ack.id, Error::no_such_client);
  }
  while (const std::optional<std::uint64_t> ack_id = state_.awaits->expired(INT64_MAX)) {
    tell_ack(*ack_id, Error::no_such_client);
    state_.awaits.get().take(*ack_id);
  }
  loop_.fanout().remove_from_everyone(*this);
  if (!retiring.last) retiring.last = loop_.hub().remove_client(client_);
  do {
    tell_missed_leave(retirement.reason);
    retiring.left_room = loop_.fanout().remove_any(*this);
  } while (!retiring.left_room.empty());
  // The application hears of a client that continues another one when it is open, not before.
  const bool known = state_.welcomed || earlier().empty();
  const ClientState last = *retiring.last;
  if (known && (last == ClientState::open || last == ClientState::accepted)) {
    application.on_disconnect(client_, retirement.close_code, retirement.reason);
  } else if (last == ClientState::connecting || (last == ClientState::refused && client_->timed_out())) {
    application.on_abandon(client_, retirement.close_code, retirement.reason);
  }
}

// Memory that fails ---------------------------------------------------------------------------------------------------

template <class Action>
void Peer::or_fail(Action action) {
  try {
    action();
  } catch (const std::bad_alloc&) {
    fail();
  }
}

void Peer::fail() noexcept {
  state_.failed = true;
  loop_.peers().note_failed();
}

void Peer::close_if_failed() {
  if (!state_.failed || failure_told_ || departing_ || arriving_) return;
  owner_->close_client(*this, kInternalError, "out of memory");
  // The owner retires it too, unless memory failed there at the first try.
  loop_.peers().retire(id(), {kInternalError, "out of memory"});
  failure_told_ = true;
}

// Moving --------------------------------------------------------------------------------------------------------------

template <class Action>
void Peer::in_turn(Action action) {
  if (arriving_) {
    postponed_.make().actions.push_back(std::move(action));
  } else {
    action();
  }
}

// The client may have been closed on its old loop, and then these frames are dropped. So nothing is sent before that is known.
void Peer::postpone(const FramePtr& frame) {
  const OutboxLimits& limits = loop_.outbox_limits();
  Postponed& postponed = postponed_.make();
  const std::size_t bytes = postponed.bytes + frame->size_bytes();
  if (postponed.actions.size() < 2 * limits.frames && bytes <= 2 * limits.bytes) {
    postponed.actions.push_back([this, frame] { deliver(frame); });
    postponed.bytes = bytes;
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
    loop_.fanout().add(*this, arrived.room, Subscription{.counts_only = !arrived.sees_people});
  }
}

void Peer::take_back(State state) {
  departing_ = false;
  state_ = std::move(state);
  if (state_.failed) fail();
}

void Peer::arrive(State state) {
  const bool failed = state_.failed;  // an event that came here
  state_ = std::move(state);
  state_.failed = state_.failed || failed;
}

void Peer::end_arriving() {
  arriving_ = false;
  loop_.fanout().refresh(*this);
  set_timer();
  if (state_.failed) fail();
  or_fail([&] {
    const Boxed<State::Meanwhile> meanwhile = std::move(state_.meanwhile);
    if (meanwhile->retirement) {
      silence();
      loop_.peers().retire(id(), *meanwhile->retirement);
    }
    if (std::optional<DecisionGiven> given = meanwhile->verdict) handle(*given);
    const Boxed<Postponed> postponed = std::move(postponed_);
    for (const auto& action : postponed->actions) action();
    if (state_.input.goodbye) post_goodbye();
  });
}

}  // namespace chat::net
