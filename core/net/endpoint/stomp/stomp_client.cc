// See stomp_client.h.
#include "net/endpoint/stomp/stomp_client.h"

#include <algorithm>
#include <new>
#include <utility>
#include <variant>

#include "model/utf8.h"
#include "net/peer/admission.h"
#include "net/peer/peer.h"
#include "wire/error_text.h"
#include "wire/http/syntax.h"
#include "wire/json/json.h"
#include "wire/stomp/stomp_codec.h"
#include "wire/stomp/stomp_content.h"

namespace chat::net {

using session::StompActions;

namespace {

// RFC 6455 section 7.4.1.
constexpr std::uint16_t kNormalClosure = 1000;
constexpr std::uint16_t kProtocolError = 1002;
constexpr std::uint16_t kPolicyViolation = 1008;
constexpr std::uint16_t kInternalError = 1011;
constexpr std::uint16_t kTryAgainLater = 1013;

// With so many requests under way no further frame is acted on.
constexpr std::size_t kMaxRequests = 500;

std::string ref_text(session::stomp::Ref ref) { return std::to_string(ref); }
// 0, which no request has, for a reply to something else.
session::stomp::Ref ref_of(std::string_view text) { return wire::json::parse_unsigned(text).value_or(0); }

// The CONNECT frame as on_connect sees it: a JSON object of its headers. Of repeated headers the first counts.
std::string auth_of(const session::stomp::Connect& connect) {
  std::string auth;
  std::unordered_set<std::string_view> names;
  for (const Pair& header : connect.headers) {
    if (!names.insert(header.name).second) continue;
    auth += auth.empty() ? '{' : ',';
    wire::json::append_quoted(auth, header.name);
    auth += ':';
    const bool padded = connect.version == wire::StompVersion::v1_0;
    wire::json::append_quoted(auth, padded ? wire::trim_blanks(header.value) : std::string_view(header.value));
  }
  return auth.empty() ? "{}" : auth + "}";
}

std::string_view header_value(const Pairs& headers, std::string_view name) {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const Pair& h) { return wire::equals_ignoring_case(h.name, name); });
  return found == headers.end() ? std::string_view() : std::string_view(found->value);
}

// A token in the frame: "token", or "Authorization: Bearer ...", which clients of browsers cannot send in the handshake.
std::string token_of(const Pairs& headers) {
  if (const std::string_view token = header_value(headers, "token"); !token.empty()) return std::string(token);
  constexpr std::string_view kBearer = "bearer ";
  const std::string_view authorization = wire::trim_blanks(header_value(headers, "authorization"));
  if (!wire::equals_ignoring_case(authorization.substr(0, kBearer.size()), kBearer)) return {};
  return std::string(wire::trim_blanks(authorization.substr(kBearer.size())));
}

}  // namespace

StompClient::StompClient(EndpointContext& loop, session::StompOptions options, Arrival arrival,
                         std::shared_ptr<StompClients> clients)
    : loop_(loop),
      options_(std::move(options)),
      arrival_(std::move(arrival)),
      clients_(std::move(clients)),
      session_(options_, loop.now_ms()),
      close_code_(kProtocolError),
      early_rate_(loop.options().inbound_rate, loop.options().inbound_burst, loop.now_ms()) {
  clients_->insert(this);
}

StompClient::~StompClient() { clients_->erase(this); }

// The link ------------------------------------------------------------------------------------------------------------

void StompClient::on_established() { schedule(); }

void StompClient::on_message(bool, std::string_view bytes) {
  if (link_->closing() || failed_) return;
  or_fail([&] {
    const std::uint64_t before = frames_;
    StompActions actions;
    session_.receive(bytes, loop_.now_ms(), actions);
    act(std::move(actions));
    take_frames();
    if (frames_ == before && session_.waiting_bytes() == 0) charge();
  });
}

// The session may not know its own state any more, so it takes no further frame.
template <class Action>
void StompClient::or_fail(Action action) {
  try {
    action();
  } catch (const std::bad_alloc&) {
    failed_ = true;
    if (peer_ != nullptr) {
      peer_->fail();
    } else {
      link_->close(kInternalError, "out of memory");
    }
  }
}

void StompClient::on_link_closed(std::uint16_t code, std::string_view reason) {
  session_.lost();
  TimerWheel::cancel(*this);
  if (Peer* const peer = std::exchange(peer_, nullptr)) loop_.peers().retire(peer->id(), {code, std::string(reason)});
}

void StompClient::close(std::uint16_t code, std::string_view reason) {
  if (link_->closing()) return;
  close_code_ = code;
  StompActions actions;
  session_.close(wire::valid_reason(std::string(reason)), {}, actions);
  act(std::move(actions));
  link_->close(code, reason);
}

bool StompClient::may_take_frame() {
  if (link_->closing() || failed_ || !session_.has_input()) return false;
  if (peer_ == nullptr) return true;
  if (peer_->undecided() || session_.requests() >= kMaxRequests || loop_.now_ms() < frames_from_ms_) return false;
  frames_from_ms_ = loop_.now_ms() + peer_->overdrawn_ms();
  return frames_from_ms_ == loop_.now_ms();
}

void StompClient::charge() {
  if (link_->closing()) return;
  if (peer_ != nullptr) {
    peer_->charge();
    return;
  }
  const std::int64_t now_ms = loop_.now_ms();
  if (early_rate_.take(now_ms)) return;
  early_rate_.take_in_advance();
  loop_.refusals().note(Refusal::message_rate, address());
  link_->pause_reading_until(now_ms + early_rate_.wait_ms(1, now_ms));
}

void StompClient::give(Command command) {
  ++charged_;
  peer_->receive(std::move(command));
}

void StompClient::take_frames() {
  if (taking_frames_) return;
  taking_frames_ = true;
  try {
    while (may_take_frame()) {
      StompActions actions;
      const std::uint64_t before = charged_;
      const bool whole = session_.take_frame(loop_.now_ms(), actions);
      act(std::move(actions));
      if (!whole) continue;
      ++frames_;
      if (charged_ == before) charge();
      // A client that does not take its receipts gets no further ones to queue.
      if (link_->is_half_full()) link_->pause_reading_for_output();
    }
  } catch (...) {
    taking_frames_ = false;
    throw;
  }
  taking_frames_ = false;
  if (link_->closing()) return;
  const std::int64_t now_ms = loop_.now_ms();
  if (session_.waiting_bytes() != 0) {
    holds_input_ = true;
    link_->pause_reading_until(now_ms < frames_from_ms_ ? frames_from_ms_
                                                        : now_ms + loop_.options().verdict_timeout_ms);
  } else if (std::exchange(holds_input_, false)) {
    link_->resume_reading();
    if (peer_ != nullptr) link_->pause_reading_until(now_ms + peer_->overdrawn_ms());
  }
  schedule();
}

// Not at once: the caller is still busy with the request that has ended.
void StompClient::take_frames_later() {
  if (will_take_frames_ || taking_frames_ || !session_.has_input()) return;
  will_take_frames_ = loop_.post_task([this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    will_take_frames_ = false;
    if (!link_->closing()) or_fail([this] { take_frames(); });
  });
}

void StompClient::schedule() {
  std::int64_t due_ms = session_.deadline_ms();
  if (session_.has_input() && loop_.now_ms() < frames_from_ms_ && (due_ms == -1 || frames_from_ms_ < due_ms)) {
    due_ms = frames_from_ms_;
  }
  if (due_ms == -1) {
    TimerWheel::cancel(*this);
  } else if (!pending() || due_ms < TimerEntry::deadline_ms()) {
    loop_.set_timer(*this, due_ms);
  }
}

void StompClient::on_deadline(std::int64_t now_ms) {
  if (failed_) return;
  if (link_->is_paused()) session_.heard(now_ms);
  // What waits for the client will show it that the server is there.
  session_.wrote(link_->queued_bytes() != 0 ? now_ms : link_->written_ms());
  or_fail([&] {
    StompActions actions;
    session_.tick(now_ms, actions);
    act(std::move(actions));
    if (!link_->closing()) take_frames();
  });
  schedule();
}

FramePtr StompClient::encode_gap(const GapReply& gap) {
  std::string json = room_notice("gap", "messages were dropped, because the client reads too slowly", gap.room);
  json.pop_back();
  const auto number = [&](std::string_view name, std::uint64_t value) {
    json += ",\"";
    json += name;
    json += "\":";
    wire::json::append_number(json, value);
  };
  if (gap.first_seq != 0) {
    number("from", gap.first_seq);
    number("to", gap.last_seq);
  }
  number("dropped", gap.dropped);
  json += '}';
  StompActions actions;
  session_.tell(json, loop_.now_ms(), actions);
  wire::Packets packets;
  for (session::StompAction& action : actions) {
    packets.push_back({false, std::move(std::get<session::stomp::Send>(action).bytes)});
  }
  return make_frame(packets, link_->carrier(), nullptr);
}

// Actions of the session ----------------------------------------------------------------------------------------------

void StompClient::act(StompActions actions) {
  for (session::StompAction& action : actions) std::visit([this](auto& one) { act(one); }, action);
}

void StompClient::act(session::stomp::Send& send) {
  sent_bytes_ += send.bytes.size();
  link_->push(make_frame({{!is_utf8(send.bytes), std::move(send.bytes)}}, link_->carrier(), nullptr));
}

ConnectRequest StompClient::connect_request_of(const session::stomp::Connect& connect) const {
  ConnectRequest request = arrival_.request;
  request.auth = auth_of(connect);
  if (connect.login) {
    request.user_name = *connect.login;
    request.password = connect.passcode.value_or(std::string());
  }
  if (std::string token = token_of(connect.headers); !token.empty()) request.token = std::move(token);
  return request;
}

void StompClient::act(session::stomp::Connect& connect) {
  const Result<ClientPtr> admitted = admit(loop_, arrival_.origin, connect_request_of(connect));
  if (!admitted.ok()) {
    close_code_ = kTryAgainLater;
    StompActions actions;
    session_.reject(admitted.status().detail, {}, actions);
    act(std::move(actions));
    return;
  }
  try {
    auto owned = std::make_unique<Peer>(
        loop_, *this, *link_, *admitted,
        std::make_unique<wire::StompCodec>(connect.version, loop_.options().stomp_prefixes, arrival_.text_only));
    Peer& peer = *owned;
    loop_.peers().add(std::move(owned));
    peer_ = &peer;
  } catch (...) {  // no memory: nobody else would remove the client
    loop_.hub().remove_client(*admitted);
    throw;
  }
  if (peer_->client()->state() == ClientState::connecting) {
    peer_->await_verdict(loop_.now_ms() + loop_.options().verdict_timeout_ms);
  } else {
    on_verdict(*peer_);
  }
}

void StompClient::on_verdict(Peer& peer) {
  const ClientState state = peer.client()->state();
  if (peer_ == nullptr || link_->closing() || state == ClientState::connecting || state == ClientState::open) return;
  peer.stop_awaiting_verdict();
  if (state == ClientState::accepted) {
    open();
  } else {
    refuse_connection();
  }
}

void StompClient::open() {
  const Status status = peer_->open();
  if (status.ok()) return;
  close_code_ = kPolicyViolation;
  StompActions actions;
  session_.reject(status.detail, {}, actions);
  act(std::move(actions));
}

void StompClient::refuse_connection() {
  const ClientPtr client = peer_->client();
  loop_.refusals().note(Refusal::application, address(), client->refusal_reason());
  close_code_ = kPolicyViolation;
  StompActions actions;
  session_.reject(wire::valid_reason(refusal_text(client->refusal_reason())), client->refusal_data(), actions);
  act(std::move(actions));
}

// After this, a later verdict is reported as too late.
void StompClient::on_verdict_timeout(Peer& peer) { (void)loop_.hub().time_out(peer.client()); }

// Whether it is for the presence of a room; then only the room's name is left of its destination.
bool StompClient::take_presence(session::stomp::Subscribe& subscribe) {
  constexpr std::string_view kSuffix = wire::kStompPresenceSuffix;
  std::string& name = subscribe.destination.name;
  if (subscribe.destination.kind != wire::StompDestinationKind::room) return false;
  if (name.size() <= kSuffix.size() || !name.ends_with(kSuffix)) return false;
  const std::string room = name.substr(0, name.size() - kSuffix.size());
  if (loop_.hub().presence_level(room) == PresenceLevel::off) return false;
  name = room;
  subscribe.since.reset();
  return true;
}

void StompClient::act(session::stomp::Subscribe& subscribe) {
  if (peer_ == nullptr) return;
  places_.add(subscribe, take_presence(subscribe));
  if (subscribe.destination.kind == wire::StompDestinationKind::room) {
    give(JoinCommand{std::move(subscribe.destination.name), std::move(subscribe.since), ref_text(subscribe.ref)});
    return;
  }
  StompActions actions;
  session_.done(subscribe.ref, loop_.now_ms(), actions);
  act(std::move(actions));
}

// The room's messages end at once. The client leaves the room in order.
void StompClient::act(session::stomp::Unsubscribe& unsubscribe) {
  const StompPlaces::Place* const place = places_.find(unsubscribe.subscription);
  if (place == nullptr || peer_ == nullptr) return;  // the application has removed the client from the room
  const bool of_room = place->destination.kind == wire::StompDestinationKind::room;
  std::string room = place->destination.name;
  if (of_room && place->joined) loop_.fanout().remove(*peer_, room, place->id);
  places_.remove(*place);
  if (of_room && !places_.any_for(room)) give(LeaveCommand{std::move(room), {}});
}

void StompClient::act(session::stomp::Publish& publish) {
  if (peer_ == nullptr) return;
  // The messages of a transaction were charged when they came.
  const PeerInput::Token token = publish.committed ? PeerInput::Token::taken : PeerInput::Token::due;
  if (!publish.committed) ++charged_;
  if (std::optional<SeenCommand> seen = wire::decode_stomp_seen(publish.headers, publish.body, publish.destination)) {
    seen->ref = ref_text(publish.ref);
    peer_->receive(Command(*std::move(seen)), token);
    return;
  }
  Result<SendCommand> command = wire::decode_stomp_content({std::move(publish.content_type), std::move(publish.headers),
                                                            std::move(publish.body), std::move(publish.message_id)},
                                                           publish.destination);
  if (!command.ok()) {
    peer_->receive(wire::DecodeError{{ref_text(publish.ref), command.status().code, command.status().detail, true}, 0},
                   token);
    return;
  }
  command->ref = ref_text(publish.ref);
  command->receipt_only = true;
  command->acknowledge_last = true;
  peer_->receive(Command(std::move(*command)), token);
}

void StompClient::act(session::stomp::Refuse& refuse) {
  if (peer_ == nullptr) return;
  ++charged_;
  peer_->receive(
      wire::DecodeError{{ref_text(refuse.ref), refuse.status.code, std::move(refuse.status.detail), true}, 0});
}

void StompClient::act(session::stomp::Disconnect& disconnect) {
  if (peer_ != nullptr) give(DisconnectCommand{ref_text(disconnect.ref)});
}

void StompClient::act(session::stomp::Close& close) {
  if (close.refusal) loop_.refusals().note(*close.refusal, address(), close.reason);
  link_->close(close.reason.empty() ? kNormalClosure : close_code_, close.reason);
}

// Replies of the server -----------------------------------------------------------------------------------------------

// A refused subscription would end the connection.
std::optional<bool> StompClient::can_refuse(const ErrorReply& error) const {
  return error.of_send && session_.has_error_queue();
}

bool StompClient::tells_success(std::string_view ref) const { return session_.tells_success(ref_of(ref)); }

std::optional<std::size_t> StompClient::send_reply(Peer&, const Reply& reply) {
  const std::size_t before = sent_bytes_;
  StompActions actions;
  std::visit([&](const auto& specific) { answer(specific, actions); }, reply);
  act(std::move(actions));
  take_frames_later();
  schedule();
  return sent_bytes_ - before;
}

void StompClient::answer(const Welcome&, StompActions& out) {
  session_.accept(peer_->client()->socket_id(), loop_.now_ms(), out);
}

void StompClient::answer(const AckReply& reply, StompActions& out) {
  session_.done(ref_of(reply.ref), loop_.now_ms(), out);
}

void StompClient::answer(const JoinedReply& reply, StompActions& out) {
  session_.done(ref_of(reply.ref), loop_.now_ms(), out);
  if (reply.complete) return;
  session_.tell(room_notice("incomplete", "some of the missed messages are not available", reply.room), loop_.now_ms(),
                out);
}

void StompClient::answer(const DisconnectedReply& reply, StompActions& out) {
  session_.done(ref_of(reply.ref), loop_.now_ms(), out);
}

void StompClient::answer(const ErrorReply& reply, StompActions& out) {
  const session::stomp::Ref ref = ref_of(reply.ref);
  if (const StompPlaces::Place* const place = places_.find_request(ref)) {
    places_.remove(*place);
    close_code_ = kPolicyViolation;
  }
  session_.refused(ref, wire::error_name(reply.code), wire::valid_reason(reply.reason), loop_.now_ms(), out);
}

std::optional<Subscription> StompClient::subscription_of(Peer& peer, std::string_view ref) {
  StompPlaces::Place* const place = ref.empty() ? nullptr : places_.find_request(ref_of(ref));
  if (place == nullptr) return std::nullopt;  // the client has unsubscribed meanwhile
  place->joined = true;
  return place->as_subscription(peer.form());
}

std::vector<std::string> StompClient::message_heads(Peer&, const Message& message, std::string_view subscription) {
  std::vector<std::string> heads;
  const auto add = [&](const StompPlaces::Place& place) {
    heads.push_back(place.own_heads ? session_.message_head(place.number, wire::stomp_message_id(message)) : place.id);
  };
  if (!subscription.empty()) {
    if (const StompPlaces::Place* const place = places_.find_own(subscription)) add(*place);
    return heads;
  }
  const std::string_view queue = wire::StompCodec::queue_of(message);
  for (const StompPlaces::Place& place : places_) {
    if (place.is_for_queue(queue)) add(place);
  }
  return heads;
}

std::string StompClient::room_notice(std::string_view error, std::string_view reason, std::string_view room) const {
  std::string json = R"({"error":)";
  wire::json::append_quoted(json, error);
  json += R"(,"reason":)";
  wire::json::append_quoted(json, reason);
  if (!room.empty()) {
    json += R"(,"destination":)";
    wire::json::append_quoted(
        json, wire::encode_stomp_destination(options_.prefixes, {wire::StompDestinationKind::room, std::string(room)}));
  }
  return json + "}";
}

void StompClient::tell(std::string_view error, std::string_view reason, std::string_view room) {
  StompActions actions;
  session_.tell(room_notice(error, reason, room), loop_.now_ms(), actions);
  act(std::move(actions));
}

// The application has removed the client, if a subscription is left.
void StompClient::on_left(Peer&, std::string_view room, std::string_view reason) {
  if (places_.leave(room) != 0) tell("left", wire::valid_reason(std::string(reason)), room);
}

void StompClient::close_client(Peer&, std::uint16_t code, std::string_view reason) { close(code, reason); }

}  // namespace chat::net
