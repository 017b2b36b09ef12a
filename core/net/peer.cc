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

}  // namespace

Peer::Peer(Loop& loop, Link& link, ClientPtr client, std::unique_ptr<wire::Codec> codec)
    : loop_(loop),
      link_(link),
      client_(std::move(client)),
      id_(client_->id()),
      codec_(std::move(codec)),
      form_(codec_->form()),
      inbound_(loop.options().inbound_rate, loop.options().inbound_burst, loop.now_ms()) {
  const ClientOrigin& origin = client_->origin();
  loop_.stats().clients_now_by_protocol[static_cast<std::size_t>(origin.protocol)].add();
  loop_.stats().clients_now_by_transport[static_cast<std::size_t>(origin.transport)].add();
}

Peer::~Peer() {
  const ClientOrigin& origin = client_->origin();
  loop_.stats().clients_now_by_protocol[static_cast<std::size_t>(origin.protocol)].subtract();
  loop_.stats().clients_now_by_transport[static_cast<std::size_t>(origin.transport)].subtract();
}

void Peer::set_first_room(std::string room, std::optional<Position> since) {
  first_room_ = std::move(room);
  first_since_ = std::move(since);
}

Status Peer::open() {
  Hub& hub = loop_.server().hub();
  const CallbackScope scope(hub);
  Status status = loop_.server().dispatcher().authorize(client_, Action::join, first_room_);
  if (status.ok()) status = hub.open(client_, first_room_, first_since_, wall_clock_ms());
  return status;
}

void Peer::welcome(Joined& joined) {
  welcomed_ = true;
  reply(
      Welcome{id_, client_->identity()->name, joined.room, joined.epoch, joined.seq, joined.resumed, joined.complete});
  loop_.fanout().add_to_everyone(*this);
  loop_.server().application().on_open(client_, joined.room, 0);
}

void Peer::handle(Joined& joined) {
  if (link_.closing()) return;
  const bool first = !welcomed_;
  if (!fit_replay(joined.missed)) joined.complete = false;
  const bool added = loop_.fanout().add(*this, joined.room);
  if (first) {
    welcome(joined);
  } else if (!joined.ref.empty() || added) {
    reply(JoinedReply{joined.ref, joined.room, joined.epoch, joined.seq, joined.resumed, joined.complete});
  }
  if (added) loop_.server().application().on_join(client_, joined.room);
  replay(joined.missed);
  if (first) {
    for (const MessagePtr& message : std::exchange(waiting_, {})) deliver(encode(message));
  }
}

// The bytes count as they are, before encoding: the bound is for memory, not exact.
bool Peer::fit_replay(std::vector<MessagePtr>& messages) const {
  const std::size_t limit = kReplayedOutboxes * loop_.outbox_limits().bytes;
  std::size_t room = limit - std::min(limit, link_.queued_bytes());
  auto first = messages.end();
  while (first != messages.begin() && (*std::prev(first))->size_bytes() <= room) {
    --first;
    room -= (*first)->size_bytes();
  }
  const bool all = first == messages.begin();
  messages.erase(messages.begin(), first);
  return all;
}

void Peer::replay(const std::vector<MessagePtr>& messages) {
  for (const MessagePtr& message : messages) {
    if (message->except == id_) continue;
    count_delivery();
    link_.push_replay(encode(message));
  }
}

void Peer::handle(Left& left) {
  if (!loop_.fanout().remove(*this, left.room)) return;
  reply(LeftReply{left.ref, left.room, left.reason});
  loop_.server().application().on_leave(client_, left.room, left.reason);
}

void Peer::handle(Departed&) {}
void Peer::handle(Arrived&) {}

void Peer::handle(Renamed& renamed) {
  if (welcomed_) reply(RenamedReply{{}, std::move(renamed.name)});
}

void Peer::handle(Answer& answer) {
  std::optional<std::string> ref = acks_.take(answer.ack_id);
  if (!ref) return;
  reply(AnswerReply{std::move(*ref), std::move(answer.args), std::move(answer.attachments)});
}

void Peer::handle(DirectMessage& direct) {
  if (welcomed_) {
    deliver(encode(direct.message));
    return;
  }
  const OutboxLimits& limits = loop_.outbox_limits();
  waiting_bytes_ += direct.message->size_bytes();
  if (waiting_.size() < limits.frames && waiting_bytes_ <= limits.bytes) {
    waiting_.push_back(std::move(direct.message));
  } else {
    loop_.stats().drops.add();
  }
}

FramePtr Peer::encode(const MessagePtr& message) const {
  return make_frame(codec_->encode(*message), link_.framing(), message);
}

void Peer::count_delivery() {
  const ClientOrigin& origin = client_->origin();
  loop_.stats().deliveries_by_protocol[static_cast<std::size_t>(origin.protocol)].add();
  loop_.stats().deliveries_by_transport[static_cast<std::size_t>(origin.transport)].add();
}

void Peer::deliver(const FramePtr& frame) {
  if (!frame || link_.closing()) return;
  count_delivery();
  link_.push(frame);
}

void Peer::reply(const Reply& reply) {
  FramePtr frame = make_frame(codec_->encode(reply), link_.framing(), nullptr);
  if (std::holds_alternative<HistoryReply>(reply)) {
    link_.push_replay(std::move(frame));
  } else {
    link_.push(std::move(frame));
  }
}

// False when the client's protocol has no word for it: then the message passes on credit, and is paid for by the pause.
bool Peer::refuse_for_rate(const ErrorReply& error, std::int64_t now_ms) {
  FramePtr refusal = make_frame(codec_->encode(Reply(error)), link_.framing(), nullptr);
  if (!refusal) inbound_.take_in_advance();
  // Long enough for a tenth of the burst, so that the next read is worth its while.
  const std::int64_t tokens = std::max<std::int64_t>(1, loop_.options().inbound_burst / 10);
  link_.pause_reading_until(now_ms + inbound_.wait_ms(tokens, now_ms));
  if (!refusal) return false;
  loop_.stats().messages_refused.add();
  link_.push(std::move(refusal));
  return true;
}

void Peer::receive(bool binary, std::string_view bytes) {
  if (link_.closing()) return;
  LoopStats& stats = loop_.stats();
  const ClientOrigin& origin = client_->origin();
  stats.messages_in_by_protocol[static_cast<std::size_t>(origin.protocol)].add();
  stats.messages_in_by_transport[static_cast<std::size_t>(origin.transport)].add();

  const std::int64_t now_ms = loop_.now_ms();
  const bool allowed = inbound_.take(now_ms);
  wire::Decoded decoded = codec_->decode(binary, bytes);
  auto* error = std::get_if<wire::DecodeError>(&decoded);
  if (!allowed && refuse_for_rate(error ? error->reply : rate_error(std::get<Command>(decoded)), now_ms)) return;
  if (error) {
    stats.messages_refused.add();
    reply(error->reply);
    if (error->close_code != 0) link_.close(error->close_code, error->reply.reason);
    return;
  }
  Command& command = std::get<Command>(decoded);
  std::optional<Reply> answer =
      loop_.server().dispatcher().execute(client_, std::move(command), acks_, wall_clock_ms());
  if (!answer) return;
  if (std::holds_alternative<ErrorReply>(*answer)) stats.messages_refused.add();
  if (auto* history = std::get_if<HistoryReply>(&*answer); history && !fit_replay(history->messages)) {
    history->complete = false;
  }
  reply(*answer);
  // A client that does not take its replies gets no further ones to queue.
  const OutboxLimits& limits = loop_.outbox_limits();
  if (link_.queued_bytes() > limits.bytes / 2 || link_.queued_frames() > limits.frames / 2) {
    link_.pause_reading_until(now_ms + 100);
  }
}

void Peer::retire(int close_code, std::string_view reason) {
  Application& application = loop_.server().application();
  loop_.fanout().remove_from_everyone(*this);
  const ClientState last = loop_.server().hub().remove_client(client_);
  for (std::string room; !(room = loop_.fanout().remove_any(*this)).empty();) {
    application.on_leave(client_, room, reason);
  }
  if (last == ClientState::open || last == ClientState::accepted)
    application.on_disconnect(client_, close_code, reason);
}

}  // namespace chat::net
