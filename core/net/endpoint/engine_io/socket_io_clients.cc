// See socket_io_clients.h.
#include "net/endpoint/engine_io/socket_io_clients.h"

#include <algorithm>
#include <new>

#include "net/base/clock.h"
#include "net/base/random_id.h"
#include "net/endpoint/engine_io/engine_io_session.h"
#include "net/endpoint/engine_io/engine_io_shared.h"
#include "net/peer/admission.h"
#include "net/session/far_servers.h"
#include "session/far_recovery.h"
#include "wire/json/json.h"
#include "wire/socket_io/socket_io_offset.h"

namespace chat::net {
namespace {

constexpr std::string_view kInvalidNamespace = "Invalid namespace";
constexpr std::uint16_t kNormalClosure = 1000;
constexpr std::uint16_t kPolicyViolation = 1008;
constexpr std::uint16_t kAbnormalClosure = 1006;
// At most this many earlier clients are remembered of one that is continued again and again.
constexpr std::size_t kMaxEarlier = 8;
// How often and how long a CONNECT waits for the end of the client that it continues.
constexpr std::int64_t kRetryMs = 20;
constexpr std::int64_t kWaitMs = 2'000;
// What a record takes in the cluster beside its bytes.
constexpr std::size_t kFarRecordBytes = 128;

// The string with this name in the object of a CONNECT packet; empty without one.
std::string string_member(std::string_view object, std::string_view name) {
  if (object.empty()) return {};
  wire::json::MemberReader members(object);
  for (wire::json::Member member; members.next(member);) {
    if (!wire::json::equals(member.name, name)) continue;
    if (wire::json::kind_of(member.value) != wire::json::Kind::string) return {};
    return wire::json::unescape(member.value).value_or(std::string());
  }
  return {};
}

// auth: the object of the CONNECT packet.
ConnectRequest request_of(const EngineIoBirth& birth, std::string_view auth, const std::string& room) {
  ConnectRequest request = connect_request(birth.request.unpack(), birth.secure, room);
  request.auth = auth;
  if (request.token.empty()) request.token = string_member(auth, "token");
  return request;
}

// The clients that are continued by a client that continues this record.
std::vector<ClientId> earlier_of(const session::RecoveryRecord& record) {
  std::vector<ClientId> earlier = record.earlier;
  earlier.insert(earlier.begin(), record.client);
  if (earlier.size() > kMaxEarlier) earlier.pop_back();
  return earlier;
}

// The room of its namespace comes first, because the welcome comes with the first one.
void put_first(std::vector<RoomPosition>& rooms, const wire::SocketIoNamespace& nsp) {
  const auto own = std::ranges::find(rooms, nsp.room, &RoomPosition::room);
  if (own != rooms.end()) std::rotate(rooms.begin(), own, std::next(own));
}

// Where a client continues in each of its rooms.
std::optional<std::vector<RoomPosition>> positions(const session::DeliveryLog& log,
                                                   const std::optional<wire::SocketIoOffset>& offset,
                                                   const wire::SocketIoNamespace& nsp) {
  std::optional<std::vector<RoomPosition>> rooms =
      offset ? log.positions_at(offset->room.empty() ? nsp.room : offset->room, offset->position)
             : log.positions_proven();
  if (rooms) put_first(*rooms, nsp);
  return rooms;
}

template <class Members>
auto find_client(Members& members, ClientId id) {
  return std::find_if(members.begin(), members.end(), [&](const auto& member) { return member.client->id() == id; });
}

}  // namespace

SocketIoClients::SocketIoClients(EngineIoSession& session)
    : session_(session),
      connects_(session.loop().options().inbound_rate, session.loop().options().inbound_burst,
                session.loop().now_ms()) {}

SocketIoClients::Member* SocketIoClients::find(std::string_view nsp) {
  auto found = std::find_if(members_.begin(), members_.end(), [&](const Member& m) { return m.nsp->name == nsp; });
  return found == members_.end() ? nullptr : &*found;
}

std::unique_ptr<Peer> SocketIoClients::make_peer(PeerContext& loop, PeerOwner& owner, Link& link,
                                                 const Member& member) {
  return std::make_unique<Peer>(
      loop, owner, link, member.client,
      std::make_unique<wire::SocketIoCodec>(member.nsp, member.client->socket_id(), member.pid,
                                            loop.options().socket_io_message_ids));
}

void SocketIoClients::send(std::string packet) {
  session_.link().push(make_frame({{false, std::move(packet)}}, session_.link().carrier(), nullptr));
}

void SocketIoClients::tell_table() {
  session_.local().table().set_idle(session_.number(), members_.empty(), session_.loop().now_ms());
}

// In -----------------------------------------------------------------------------------------------------------------

bool SocketIoClients::receive(const wire::SocketIoPacket& packet, std::vector<std::string>& attachments) {
  Member* const member = find(packet.nsp);
  if (packet.type == wire::SocketIoType::connect) {
    return member == nullptr && !waits(packet.nsp) && connect(packet);
  }
  if (packet.type == wire::SocketIoType::connect_error) return false;
  // The client may not know yet that it was disconnected.
  if (member == nullptr) return left_->contains(std::string(packet.nsp));
  Peer* const peer = member->peer;
  if (peer == nullptr || !peer->welcomed()) return false;
  switch (packet.type) {
    case wire::SocketIoType::event:
      peer->receive(static_cast<const wire::SocketIoCodec&>(peer->codec()).decode(packet, std::move(attachments)));
      return true;
    case wire::SocketIoType::ack:
      // Ids that are not numbers are not ours. An acknowledgement with a fault cannot be passed to the application.
      if (const auto id = wire::json::parse_unsigned(packet.ack_id); id && packet.fault.ok()) {
        peer->receive_ack(*id, packet.payload.empty() ? "[]" : packet.payload, std::move(attachments));
      }
      return true;
    default:
      remove(member->client->id(), kNormalClosure, "client namespace disconnect", false);
      return true;
  }
}

bool SocketIoClients::connect(const wire::SocketIoPacket& packet) {
  EndpointContext& loop = session_.loop();
  RefusalLog& refusals = loop.refusals();
  if (!connects_.take(loop.now_ms())) {
    refusals.note(Refusal::connect_rate, session_.birth().address);
    return false;
  }
  const Result<wire::SocketIoNamespacePtr> nsp = session_.local().shared().namespaces.find(packet.nsp);
  if (!nsp.ok()) {
    refuse(packet.nsp, kInvalidNamespace);
    return true;
  }
  // Each namespace is a room.
  if (exceeds(static_cast<std::int64_t>(members_.size() + waiting_.size()) + 1,
              loop.options().hub.max_rooms_per_client)) {
    refusals.note(Refusal::namespaces, session_.birth().address);
    refuse(packet.nsp, "too many namespaces");
    return true;
  }
  if (left_.made()) left_.get().erase(std::string(packet.nsp));
  if (session_.local().shared().recovers_far()) {
    if (!claim_far(packet.payload, *nsp)) admit_new(packet.payload, *nsp);
  } else if (!recover(packet.payload, *nsp) && !wait_for_holder(packet.payload, *nsp)) {
    admit_new(packet.payload, *nsp);
  }
  return true;
}

ClientOrigin SocketIoClients::origin(std::string sid) const {
  const std::int64_t now_ms = wall_clock_ms();
  return {session_.loop().index(), session_.birth().address, Protocol::socket_io, session_.transport(), now_ms,
          std::move(sid)};
}

Peer& SocketIoClients::add(Member member) {
  EndpointContext& loop = session_.loop();
  std::unique_ptr<Peer> owned = make_peer(loop, session_, session_.link(), member);
  Peer& peer = *owned;
  member.peer = &peer;
  peer.set_first_room(member.nsp->room, std::nullopt);
  if (!member.pid.empty()) {
    peer.keep_delivery_log();
    session_.local().shared().recovery.begin(member.pid, member.nsp->name, member.client);
  }
  members_.push_back(std::move(member));
  if (members_.size() == 1) tell_table();
  loop.peers().add(std::move(owned));
  return peer;
}

// Continues the client whose secret this one sends. False: the CONNECT is handled as if it had no secret. If there is no
// place for one more client, the record stays for the next attempt.
bool SocketIoClients::recover(std::string_view payload, const wire::SocketIoNamespacePtr& nsp) {
  EndpointContext& loop = session_.loop();
  session::RecoveryStore& store = session_.local().shared().recovery;
  if (!store.enabled()) return false;
  const std::optional<wire::SocketIoRecovery> wanted = wire::read_recovery(payload);
  if (!wanted) return false;
  std::optional<wire::SocketIoOffset> offset;
  if (wanted->offset && !(offset = wire::parse_offset(*wanted->offset))) return false;
  const std::optional<std::string> sid = store.find_sid(wanted->pid, nsp->name, loop.now_ms());
  if (!sid) return false;

  if (loop.options().recovery_asks_on_connect) {
    std::optional<session::RecoveryRecord> asked = store.take(wanted->pid, nsp->name, loop.now_ms());
    if (!asked) return false;
    std::optional<std::vector<RoomPosition>> rooms = positions(asked->log, offset, *nsp);
    if (!rooms) return false;
    return ask_again({std::move(*asked), std::move(*rooms), std::string(payload)}, wanted->pid, nsp);
  }
  Hub& hub = loop.hub();
  Result<ClientPtr> added = hub.add_client(origin(*sid));
  if (!added.ok()) return false;
  const ClientPtr client = *added;
  std::optional<session::RecoveryRecord> record = store.take(wanted->pid, nsp->name, loop.now_ms());
  std::optional<std::vector<RoomPosition>> rooms;
  if (record) rooms = positions(record->log, offset, *nsp);
  if (!rooms) {
    hub.remove_client(client);
    return false;
  }
  return recover_as(client, *std::move(record), *rooms, wanted->pid, nsp);
}

bool SocketIoClients::recover_as(const ClientPtr& client, session::RecoveryRecord record,
                                 const std::vector<RoomPosition>& rooms, const std::string& pid,
                                 const wire::SocketIoNamespacePtr& nsp) {
  EndpointContext& loop = session_.loop();
  Hub& hub = loop.hub();
  std::vector<ClientId> earlier = earlier_of(record);
  Peer& peer = add({client, nsp, pid});
  Status status = hub.accept(client, std::move(record.identity));
  if (status.ok()) status = peer.restore(rooms, std::move(earlier));
  if (status.ok()) return true;
  members_.pop_back();
  if (members_.empty()) tell_table();
  session_.local().shared().recovery.end(pid);
  loop.peers().drop(client->id());
  hub.remove_client(client);
  return false;
}

// The same in a cluster, where any server may have the client or its record. False: the CONNECT has no secret of this kind.
bool SocketIoClients::claim_far(std::string_view payload, const wire::SocketIoNamespacePtr& nsp) {
  EndpointContext& loop = session_.loop();
  std::optional<wire::SocketIoRecovery> wanted = wire::read_recovery(payload);
  if (!wanted || !is_random_id(wanted->pid)) return false;
  std::optional<wire::SocketIoOffset> offset;
  if (wanted->offset && !(offset = wire::parse_offset(*wanted->offset))) return false;
  const auto wake = [&home = session_.local().home(), number = session_.number()] {
    try {
      home.run_later<EngineIoSession>(number, [](EngineIoSession& session) { session.on_far_news(); });
    } catch (const std::bad_alloc&) {  // the timer finds it
    }
  };
  auto claim = std::make_shared<FarClaim>(
      session_.local().shared(), loop.hub(),
      FarClaim::Wanted{std::move(wanted->pid), nsp->name, nsp->room, std::move(offset)}, loop.now_ms(), wake);
  waiting_.push_back({nsp, std::string(payload), loop.now_ms(), 0, claim});
  (void)claim->step(loop.now_ms(), loop.moment());
  session_.schedule();
  return true;
}

bool SocketIoClients::recover_far(const Waiting& waiting) {
  EndpointContext& loop = session_.loop();
  FarClaim& claim = *waiting.claim;
  put_first(claim.rooms(), *waiting.nsp);
  if (loop.options().recovery_asks_on_connect) {
    Recovering asked{claim.record(), claim.rooms(), waiting.payload};
    if (ask_again(std::move(asked), claim.pid(), waiting.nsp)) return true;
    claim.give_back();
    return false;
  }
  const Result<ClientPtr> added = loop.hub().add_client(origin(claim.record().sid));
  if (!added.ok()) {
    claim.give_back();
    return false;
  }
  return recover_as(*added, std::move(claim.record()), claim.rooms(), claim.pid(), waiting.nsp);
}

// Calls on_connect as for a new client, and restores the client when it is accepted. False: the server is full.
bool SocketIoClients::ask_again(Recovering recovering, const std::string& pid, const wire::SocketIoNamespacePtr& nsp) {
  EndpointContext& loop = session_.loop();
  ConnectRequest request = request_of(session_.birth(), recovering.payload, nsp->room);
  request.recovered_from = recovering.record.client;
  const Result<ClientPtr> admitted =
      admit(loop, origin(recovering.record.sid), std::move(request), recovering.record.identity);
  if (!admitted.ok()) return false;
  Member member{*admitted, nsp, pid};
  member.recovering = std::make_shared<const Recovering>(std::move(recovering));
  add_asked(std::move(member));
  return true;
}

void SocketIoClients::restore(const Member& member) {
  const std::shared_ptr<const Recovering> recovering = member.recovering;
  const ClientId id = member.client->id();
  const wire::SocketIoNamespacePtr nsp = member.nsp;
  find_client(members_, id)->recovering.reset();
  if (member.peer->restore(recovering->rooms, earlier_of(recovering->record)).ok()) return;
  // A message that the client missed was dropped while on_connect decided. So the client is new, and on_connect is called
  // again.
  remove(id, kAbnormalClosure, "could not be recovered", false);
  admit_new(recovering->payload, nsp);
}

// A client may reconnect from another network before the server knows that the old connection is dead.
bool SocketIoClients::wait_for_holder(std::string_view payload, const wire::SocketIoNamespacePtr& nsp) {
  EndpointContext& loop = session_.loop();
  const std::optional<wire::SocketIoRecovery> wanted = wire::read_recovery(payload);
  if (!wanted) return false;
  const ClientPtr holder = session_.local().shared().recovery.holder(wanted->pid, nsp->name);
  if (!holder || !loop.hub().continue_elsewhere(holder).ok()) return false;
  waiting_.push_back({nsp, std::string(payload), loop.now_ms() + kRetryMs, loop.now_ms() + kWaitMs});
  session_.schedule();
  return true;
}

bool SocketIoClients::waits(std::string_view nsp) const {
  return std::any_of(waiting_.begin(), waiting_.end(), [&](const Waiting& w) { return w.nsp->name == nsp; });
}

void SocketIoClients::try_again(std::int64_t now_ms) {
  std::vector<Waiting> still;
  for (Waiting& waiting : std::exchange(waiting_, {})) {
    if (waiting.claim) {
      const FarClaim::Stage stage = waiting.claim->step(now_ms, session_.loop().moment());
      if (stage == FarClaim::Stage::working) {
        waiting.next_try_ms = waiting.claim->next_step_ms();
        still.push_back(std::move(waiting));
      } else if (stage == FarClaim::Stage::failed || !recover_far(waiting)) {
        admit_new(waiting.payload, waiting.nsp);
      }
    } else if (now_ms < waiting.next_try_ms) {
      still.push_back(std::move(waiting));
    } else if (recover(waiting.payload, waiting.nsp)) {
      continue;
    } else if (now_ms < waiting.deadline_ms) {
      waiting.next_try_ms = now_ms + kRetryMs;
      still.push_back(std::move(waiting));
    } else {
      admit_new(waiting.payload, waiting.nsp);
    }
  }
  waiting_ = std::move(still);
}

void SocketIoClients::admit_new(std::string_view payload, const wire::SocketIoNamespacePtr& nsp) {
  EndpointContext& loop = session_.loop();
  const Result<ClientPtr> admitted = admit(loop, origin(random_id()), request_of(session_.birth(), payload, nsp->room));
  if (!admitted.ok()) {
    refuse(nsp->name, admitted.status().detail);
    return;
  }
  const bool recoverable = session_.local().shared().recovery.enabled();
  add_asked({*admitted, nsp, recoverable ? random_id() : std::string()});
}

void SocketIoClients::add_asked(Member member) {
  const ClientPtr client = member.client;
  if (client->state() == ClientState::connecting) {
    member.verdict_deadline_ms = session_.loop().now_ms() + session_.loop().options().verdict_timeout_ms;
  }
  add(std::move(member));
  verdict(client->id());
  session_.schedule();
}

void SocketIoClients::verdict(ClientId id) {
  const auto found = find_client(members_, id);
  if (found == members_.end()) return;
  const ClientPtr client = found->client;
  if (client->state() == ClientState::connecting) return;
  found->verdict_deadline_ms = -1;
  if (client->state() == ClientState::accepted) {
    open(*found);
  } else if (client->state() == ClientState::refused) {
    const std::string reason = client->refusal_reason();
    session_.loop().refusals().note(Refusal::application, client->origin().address, reason);
    refuse(found->nsp->name, refusal_text(reason), client->refusal_data());
    remove(id, kPolicyViolation, reason, false);
  }
}

void SocketIoClients::open(const Member& member) {
  Peer* const peer = member.peer;
  if (peer == nullptr || peer->undecided()) return;
  if (member.recovering) {
    restore(member);
    return;
  }
  if (const Status status = peer->open(); !status.ok()) refuse_room(member, status);
}

void SocketIoClients::entered(ClientId id, const Status& status) {
  const auto found = find_client(members_, id);
  if (found != members_.end() && !status.ok()) refuse_room(*found, status);
}

// A room that the application does not allow is reported as an invalid namespace. Other reasons are sent as they are.
void SocketIoClients::refuse_room(const Member& member, const Status& status) {
  const ClientId id = member.client->id();
  refuse(member.nsp->name, status.code == Error::forbidden ? kInvalidNamespace : std::string_view(status.detail));
  remove(id, kPolicyViolation, status.detail, false);
}

void SocketIoClients::refuse(std::string_view nsp, std::string_view message, std::string_view data) {
  send(wire::encode_connect_error(nsp, message, data));
}

// Out ----------------------------------------------------------------------------------------------------------------

void SocketIoClients::remove(ClientId id, std::uint16_t code, std::string_view reason, bool forgive) {
  const auto found = find_client(members_, id);
  if (found == members_.end()) return;
  if (Peer* const peer = found->peer) {
    had_any_ = had_any_ || peer->welcomed();
    peer->silence();
  }
  // At most as many as there can be namespaces. Beyond that a late packet ends the connection.
  if (forgive &&
      !exceeds(static_cast<std::int64_t>(left_->size()) + 1, session_.loop().options().hub.max_rooms_per_client)) {
    left_.make().insert(found->nsp->name);
  }
  end_recovery(*found);
  members_.erase(found);
  if (members_.empty()) tell_table();
  session_.loop().peers().retire(id, {code, std::string(reason)});
}

// Several changes in one turn are one record. It is on its way before the next message of the client.
void SocketIoClients::note_rooms(ClientId id) {
  const auto found = find_client(members_, id);
  if (found == members_.end() || found->pid.empty() || !session_.local().shared().recovers_far()) return;
  if (found->keep_due_ms != -1) return;
  found->keep_due_ms = session_.loop().now_ms();
  session_.local().home().run_later<EngineIoSession>(session_.number(),
                                                     [](EngineIoSession& session) { session.on_far_news(); });
  session_.schedule();
}

void SocketIoClients::left(ClientId id, std::string_view room, std::string_view reason) {
  note_rooms(id);
  const auto found = find_client(members_, id);
  if (found != members_.end() && found->nsp->room == room) disconnect(id, kPolicyViolation, reason);
}

void SocketIoClients::disconnect(ClientId id, std::uint16_t code, std::string_view reason) {
  const auto found = find_client(members_, id);
  if (found == members_.end()) return;
  const Peer* const peer = found->peer;
  if (peer != nullptr && peer->welcomed()) {
    send(wire::encode_disconnect(found->nsp->name));
  } else {
    refuse(found->nsp->name, refusal_text(std::string(reason)));
  }
  remove(id, code, reason, true);
}

void SocketIoClients::disconnect_all(std::uint16_t code, std::string_view reason) {
  waiting_.clear();
  std::vector<ClientPtr> clients;
  for (const Member& member : members_) clients.push_back(member.client);
  for (const ClientPtr& client : clients) {
    client->dismiss();
    disconnect(client->id(), code, reason);
  }
}

void SocketIoClients::keep_for_recovery(Member& member) {
  const Peer* const peer = member.peer;
  if (member.pid.empty() || member.client->dismissed()) return;
  EndpointContext& loop = session_.loop();
  EngineIoShared& shared = session_.local().shared();
  session::RecoveryRecord record;
  if (member.recovering) {  // it has received nothing yet, and may try again
    record = member.recovering->record;
  } else if (peer != nullptr && peer->welcomed() && peer->delivery_log()) {
    record = {member.client->socket_id(), member.nsp->name,      member.client->id(),
              *member.client->identity(), *peer->delivery_log(), peer->earlier()};
    if (!shared.recovers_far()) record.rooms = loop.hub().hold_rooms(*member.client);
  } else {
    return;
  }
  if (shared.recovers_far()) {
    std::string text = session::pack_recovery({std::move(record)});
    // Without it the client is new. end_recovery() drops the record before.
    const auto bytes = static_cast<std::int64_t>(text.size() + kFarRecordBytes);
    if (text.size() > session::kMaxFarRecoveryBytes) return;
    if (!shared.kept_far.add(bytes, loop.now_ms())) {
      // A server that stops loses all of its clients at once: what Redis has of them is left there, as after a kill.
      if (loop.draining() && member.keep_due_ms == -1) member.kept = false;
      return;
    }
    shared.far->keep(member.pid, std::move(text), shared.recovery.window_ms());
    member.kept = false;  // it is not this server's any more
    member.keep_due_ms = -1;
    return;
  }
  shared.recovery.put(member.pid, std::move(record), loop.now_ms());
}

// What another server needs if this one dies. Until the next record, an answered ping later.
void SocketIoClients::keep_far(Member& member) {
  member.keep_due_ms = -1;
  const Peer* const peer = member.peer;
  if (peer == nullptr || !peer->welcomed() || !peer->delivery_log() || member.client->dismissed()) return;
  EngineIoShared& shared = session_.local().shared();
  session::FarRecovery recovery{{member.client->socket_id(),
                                 member.nsp->name,
                                 member.client->id(),
                                 *member.client->identity(),
                                 {},
                                 peer->earlier()},
                                shared.far->name(),
                                peer->delivery_log()->positions_proven()};
  std::string text = session::pack_recovery(recovery);
  if (text.size() > session::kMaxFarRecoveryBytes) {
    // The one before would continue the client without the rooms that it has entered since.
    if (std::exchange(member.kept, false)) shared.far->drop(member.pid);
    return;
  }
  const session::EngineIoOptions& options = shared.session_options(*session_.birth().endpoint);
  shared.far->keep(member.pid, std::move(text),
                   shared.recovery.window_ms() + options.ping_interval_ms + options.ping_timeout_ms);
  member.kept = true;
}

void SocketIoClients::end_recovery(const Member& member) {
  if (member.pid.empty()) return;
  EngineIoShared& shared = session_.local().shared();
  shared.recovery.end(member.pid);
  if (member.kept) shared.far->drop(member.pid);
}

void SocketIoClients::continued(ClientId id) {
  const auto found = find_client(members_, id);
  if (found == members_.end()) return;
  keep_for_recovery(*found);
  disconnect(id, kAbnormalClosure, "continued by another connection");
}

void SocketIoClients::ping_sent() {
  for (const Member& member : members_) {
    if (member.peer != nullptr) member.peer->ping_sent();
  }
}

void SocketIoClients::ping_answered() {
  const bool far = session_.local().shared().recovers_far();
  for (Member& member : members_) {
    if (member.peer == nullptr) continue;
    member.peer->ping_answered();
    if (far && !member.pid.empty()) keep_far(member);
  }
}

void SocketIoClients::end_all(std::uint16_t code, std::string_view reason, bool recoverable) {
  EndpointContext& loop = session_.loop();
  for (Member& member : members_) {
    if (recoverable) keep_for_recovery(member);
    end_recovery(member);
    if (member.peer != nullptr) member.peer->silence();
    loop.peers().retire(member.client->id(), {code, std::string(reason)});
  }
  members_.clear();
  for (const Waiting& waiting : waiting_) {
    if (recoverable && waiting.claim) waiting.claim->abandon();
  }
  waiting_.clear();
}

bool SocketIoClients::had_any() {
  for (const Member& member : members_) {
    had_any_ = had_any_ || (member.peer != nullptr && member.peer->welcomed());
  }
  return had_any_;
}

std::int64_t SocketIoClients::deadline_ms() const {
  std::int64_t first = -1;
  for (const Member& member : members_) {
    for (const std::int64_t due_ms : {member.verdict_deadline_ms, member.keep_due_ms}) {
      if (due_ms != -1 && (first == -1 || due_ms < first)) first = due_ms;
    }
  }
  for (const Waiting& waiting : waiting_) {
    if (first == -1 || waiting.next_try_ms < first) first = waiting.next_try_ms;
  }
  return first;
}

void SocketIoClients::tick(std::int64_t now_ms) {
  if (!waiting_.empty()) try_again(now_ms);
  std::vector<ClientPtr> late;
  for (Member& member : members_) {
    if (member.keep_due_ms != -1 && member.keep_due_ms <= now_ms) keep_far(member);
    if (member.verdict_deadline_ms == -1 || member.verdict_deadline_ms > now_ms) continue;
    member.verdict_deadline_ms = -1;
    late.push_back(member.client);
  }
  // After this, a later verdict is reported as too late. The time-out comes through the inbox like any verdict.
  for (const ClientPtr& client : late) (void)session_.loop().hub().time_out(client);
}

void SocketIoClients::set_link(Link& link, Transport transport) {
  for (const Member& member : members_) {
    if (member.peer != nullptr) member.peer->set_link(link, transport);
  }
}

void SocketIoClients::forget_peers() {
  for (Member& member : members_) member.peer = nullptr;
}

void SocketIoClients::find_peers() {
  for (Member& member : members_) member.peer = session_.loop().peers().find(member.client->id());
}

}  // namespace chat::net
