// See rest_stream.h.
#include "net/endpoint/rest/rest_stream.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "net/peer/peer.h"
#include "wire/error_text.h"
#include "wire/json/json.h"
#include "wire/rest/rest_codec.h"

namespace chat::net {
namespace {

// So much is written at once. The rest waits in the outbox until the client has taken that.
constexpr std::size_t kPartBytes = 65'536;

// When a client reconnects. Spread, so that the clients of a server that restarts do not all come at once.
constexpr std::uint64_t kRetryMs = 2'000;
constexpr std::uint64_t kRetrySpreadMs = 3'000;

std::uint64_t retry_ms(ClientId id) { return kRetryMs + id * 2'654'435'761U % kRetrySpreadMs; }

// The id of a stream of several rooms depends on what its client has of each. That of one room is the same for all clients,
// so that it belongs to the shared event.
std::string room_with_ids(const session::EventPositions& positions) {
  return positions.rooms().size() == 1 ? positions.rooms().front() : std::string();
}

// Notes the rooms that the client joins.
class StreamCodec final : public wire::Codec {
 public:
  explicit StreamCodec(std::shared_ptr<session::EventPositions> positions)
      : inner_(room_with_ids(*positions)), positions_(std::move(positions)) {}

  wire::Packets encode(const Message& message) const override { return inner_.encode(message); }
  wire::Packets encode(const Reply& reply) const override {
    if (const auto* const welcome = std::get_if<Welcome>(&reply)) {
      positions_->joined(welcome->room, welcome->epoch, welcome->seq);
    } else if (const auto* const joined = std::get_if<JoinedReply>(&reply)) {
      positions_->joined(joined->room, joined->epoch, joined->seq);
    }
    return inner_.encode(reply);
  }
  wire::WireForm form() const override { return inner_.form(); }
  wire::WireForm form_in(std::string_view room) const override { return inner_.form_in(room); }
  wire::Packets encode_in_form(const Message& message, wire::WireForm form) const override {
    return inner_.encode_in_form(message, form);
  }

 private:
  const wire::EventStreamCodec inner_;
  const std::shared_ptr<session::EventPositions> positions_;
};

void append_close_event(std::string& out, std::uint16_t code, std::string_view reason) {
  std::string json = R"({"type":"close","code":)";
  wire::json::append_number(json, std::uint64_t{code});
  json += ",\"reason\":";
  wire::json::append_quoted(json, wire::valid_reason(std::string(reason)));
  json += '}';
  wire::append_event(out, "close", json);
}

}  // namespace

RestStream::RestStream(RestLocal& local, SessionNumber number, const HeldRequest& request, wire::RestEventsQuery query,
                       bool chunked, bool has_credentials)
    : Session(number),
      local_(local),
      loop_(local.loop()),
      request_(request),
      padding_bytes_(query.padding_bytes),
      has_credentials_(has_credentials),
      positions_(std::make_shared<session::EventPositions>(std::move(query.rooms), query.last_event_id)),
      link_(loop_, *this, room_with_ids(*positions_), chunked) {
  positions_->append_id(last_id_);  // the client has it
}

void RestStream::start(const ClientPtr& client) {
  client_ = client;
  PeerOwner& owner = *this;
  auto added = std::make_unique<Peer>(loop_, owner, link_, client, std::make_unique<StreamCodec>(positions_));
  peer_ = added.get();
  peer_->set_first_room(positions_->rooms().front(), positions_->since(0));
  link_.charge_to(client->source());
  loop_.peers().add(std::move(added));
  if (client->state() == ClientState::connecting) {
    peer_->await_verdict(loop_.now_ms() + loop_.options().verdict_timeout_ms);
  } else {
    on_verdict(*peer_);
  }
}

// Coming --------------------------------------------------------------------------------------------------------------

void RestStream::on_verdict(Peer& peer) {
  if (answered_ || link_.closing() || peer.undecided() || client_->state() == ClientState::connecting) return;
  peer.stop_awaiting_verdict();
  if (client_->state() == ClientState::refused) {
    loop_.refusals().note(Refusal::application, client_->origin().address, client_->refusal_reason());
    refuse(RestLocal::refusal_of(*client_, has_credentials_), 1008, client_->refusal_reason());
    return;
  }
  if (client_->state() != ClientState::accepted) return;
  const Status status = peer.open();
  if (!status.ok() || !peer.undecided()) on_first_room(peer, status);
}

void RestStream::on_verdict_timeout(Peer& peer) { (void)loop_.hub().time_out(peer.client()); }

void RestStream::on_first_room(Peer& peer, const Status& status) {
  if (link_.closing()) return;
  if (!status.ok()) {
    refuse(wire::rest_problem(status), 1008, status.detail);
    return;
  }
  for (std::size_t room = 1; room < positions_->rooms().size(); ++room) {
    JoinCommand command{positions_->rooms()[room], positions_->since(room), {}};
    wire::json::append_quoted(command.ref, command.room);
    peer.receive(Command(std::move(command)));  // waits for the welcome
  }
}

void RestStream::refuse(wire::RestAnswer answer, std::uint16_t code, std::string_view reason) {
  if (!std::exchange(answered_, true)) local_.answer(request_, std::move(answer));
  lost_ = true;  // no stream follows
  link_.close(code, reason);
}

// The first frame is the welcome.
void RestStream::begin_response() {
  HttpResponse response;
  response.headers = {{"Content-Type", "text/event-stream"},
                      {"Cache-Control", "no-store"},
                      {"X-Accel-Buffering", "no"}};  // nginx must not gather the events
  response.streams = true;
  response.body = "retry: " + std::to_string(retry_ms(client_->id())) + "\n\n";
  if (padding_bytes_ != 0) {
    response.body += ':';
    response.body.append(padding_bytes_, ' ');
    response.body += "\n\n";
  }
  answered_ = true;
  in_flight_ = true;
  // What the client has missed, for the most part.
  local_.shared().rates.charge_reply(SourceTable::key_of(address()), link_.queued_bytes(), loop_.now_ms());
  loop_.answer(request_, std::move(response), true);
  set_timer();
}

// Writing -------------------------------------------------------------------------------------------------------------

void RestStream::on_output() {
  if (lost_ || link_.closing()) return;
  if (!link_.empty()) {
    if (!answered_) begin_response();
    write_more();
  }
  open_direct_when_idle();
}

void RestStream::open_direct_when_idle() {
  if (!answered_ || in_flight_ || lost_ || !link_.may_open_direct()) return;
  link_.open_direct(loop_.direct_fd(request_));
}

void RestStream::take(std::string& out, std::size_t max_bytes) {
  std::string id;
  link_.take(out, max_bytes, [&](const Frame& frame) {
    for (const MessagePtr& message : frame.messages()) positions_->passed(message->room, message->epoch, message->seq);
    id.clear();
    positions_->append_id(id);
    if (id == last_id_) return;
    if (!link_.has_ids(frame)) out.append("id: ").append(id).append("\n");
    last_id_.swap(id);
  });
}

// drained() may be called inside a write.
void RestStream::write_more() {
  if (std::exchange(writing_, true)) return;
  while (!in_flight_ && !lost_ && !link_.closing() && !link_.empty()) {
    std::string part;
    take(part, kPartBytes);
    if (part.empty()) break;
    write(std::move(part), false);
  }
  writing_ = false;
}

void RestStream::write(std::string bytes, bool last) {
  link_.close_direct();
  in_flight_ = true;
  loop_.write(request_, std::move(bytes), last);
  set_timer();
}

void RestStream::on_rest(std::string bytes) {
  in_flight_ = true;
  loop_.write_rest(request_, std::move(bytes));
  set_timer();
}

void RestStream::drained() {
  in_flight_ = false;
  link_.note_read();
  if (lost_ || link_.closing()) return;
  write_more();
  open_direct_when_idle();
}

void RestStream::set_timer() {
  const std::int64_t interval_ms = loop_.options().ping_interval_ms;
  if (interval_ms != kUnlimited && !lost_ && !link_.closing()) loop_.set_timer(*this, loop_.now_ms() + interval_ms);
}

// A comment, so that proxies and both ends know that the connection lives.
void RestStream::on_deadline(std::int64_t now_ms) {
  // By the fan-out; -1: never.
  const std::int64_t written_ms = link_.written_ms();
  const std::int64_t due_ms = written_ms == -1 ? now_ms : written_ms + loop_.options().ping_interval_ms;
  if (in_flight_) {
    set_timer();
  } else if (now_ms < due_ms) {
    loop_.set_timer(*this, due_ms);
  } else {
    write(":\n\n", false);
  }
}

FramePtr RestStream::encode_gap(const GapReply& gap) {
  return peer_ == nullptr ? FramePtr() : make_frame(peer_->codec().encode(Reply(gap)), link_.carrier(), nullptr);
}

// The end -------------------------------------------------------------------------------------------------------------

void RestStream::close_client(Peer&, std::uint16_t code, std::string_view reason) {
  if (!answered_) {
    refuse(code == 1008 ? wire::rest_problem(403, "forbidden", reason) : wire::rest_problem(503, "stopped", reason, 1),
           code, reason);
  } else {
    link_.close(code, reason);
  }
}

void RestStream::lose() {
  lost_ = true;
  link_.close(1006, "the connection was lost");
}

void RestStream::on_link_closed(std::uint16_t code, std::string_view reason) {
  TimerWheel::cancel(*this);
  if (!lost_ && answered_) {
    std::string rest;
    take(rest, SIZE_MAX);
    append_close_event(rest, code, reason);
    loop_.write(request_, std::move(rest), true);
  } else if (!lost_) {
    answered_ = true;
    local_.answer(request_, wire::rest_problem(503, "stopped", reason, 1));
  }
  lost_ = true;
  if (Peer* const peer = std::exchange(peer_, nullptr)) loop_.peers().retire(peer->id(), {code, std::string(reason)});
  local_.home().bury(*this);
}

}  // namespace chat::net
