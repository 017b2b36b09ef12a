// See socket_io_clients.h.
#include "net/endpoint/engine_io/socket_io_clients.h"

#include <algorithm>

#include "net/base/clock.h"
#include "net/base/random_id.h"
#include "net/endpoint/engine_io/engine_io_host.h"
#include "net/endpoint/engine_io/engine_io_service.h"
#include "net/peer/admission.h"
#include "wire/json/json.h"
#include "wire/socket_io/socket_io_offset.h"

namespace chat::net {
namespace {

constexpr std::string_view kInvalidNamespace = "Invalid namespace";
constexpr std::uint16_t kNormalClosure = 1000;
constexpr std::uint16_t kPolicyViolation = 1008;
constexpr std::uint16_t kAbnormalClosure = 1006;
// Of a client that comes back again and again, so many of those that it was are remembered.
constexpr std::size_t kMaxEarlier = 8;
// How often it is looked whether a client has ended that another connection continues, and for how long.
constexpr std::int64_t kRetryMs = 20;
constexpr std::int64_t kWaitMs = 2'000;

// The string of this name in the object that CONNECT carries; empty without.
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

// auth: what CONNECT carries.
ConnectRequest request_of(const EngineIoBirth& birth, std::string_view auth, const std::string& room) {
  ConnectRequest request = connect_request(birth.request, birth.secure, room);
  request.auth = auth;
  if (request.token.empty()) request.token = string_member(auth, "token");
  return request;
}

// The clients that one which continues this record's continues.
std::vector<ClientId> earlier_of(const session::RecoveryRecord& record) {
  std::vector<ClientId> earlier = record.earlier;
  earlier.insert(earlier.begin(), record.client);
  if (earlier.size() > kMaxEarlier) earlier.pop_back();
  return earlier;
}

// Where a client goes on in each of its rooms; the welcome comes with the first.
std::optional<std::vector<RoomPosition>> positions(const session::DeliveryLog& log,
                                                   const std::optional<wire::SocketIoOffset>& offset,
                                                   const wire::SocketIoNamespace& nsp) {
  std::optional<std::vector<RoomPosition>> rooms =
      offset ? log.positions_at(offset->room.empty() ? nsp.room : offset->room, offset->position)
             : log.positions_proven();
  if (!rooms) return std::nullopt;
  const auto own = std::find_if(rooms->begin(), rooms->end(), [&](const auto& one) { return one.room == nsp.room; });
  if (own != rooms->end()) std::rotate(rooms->begin(), own, std::next(own));
  return rooms;
}

template <class Members>
auto find_client(Members& members, ClientId id) {
  return std::find_if(members.begin(), members.end(), [&](const auto& member) { return member.client->id() == id; });
}

}  // namespace

SocketIoClients::SocketIoClients(EngineIoHost& host)
    : host_(host),
      connects_(host.loop().options().inbound_rate, host.loop().options().inbound_burst, host.loop().now_ms()) {}

SocketIoClients::Member* SocketIoClients::find(std::string_view nsp) {
  auto found = std::find_if(members_.begin(), members_.end(), [&](const Member& m) { return m.nsp->name == nsp; });
  return found == members_.end() ? nullptr : &*found;
}

Peer* SocketIoClients::peer_of(const Member& member) { return host_.loop().peers().find(member.client->id()); }

std::unique_ptr<Peer> SocketIoClients::make_peer(PeerContext& loop, PeerOwner& owner, Link& link,
                                                 const Member& member) {
  return std::make_unique<Peer>(loop, owner, link, member.client,
                                std::make_unique<wire::SocketIoCodec>(member.nsp, member.sid, member.pid));
}

void SocketIoClients::send(std::string packet) {
  host_.link().push(make_frame({{false, std::move(packet)}}, host_.link().carrier(), nullptr));
}

void SocketIoClients::tell_registry() {
  host_.home().service().registry.set_idle(host_.sid(), members_.empty(), host_.loop().now_ms());
}

// In -----------------------------------------------------------------------------------------------------------------

bool SocketIoClients::receive(const wire::SocketIoPacket& packet, std::vector<std::string>& attachments) {
  Member* const member = find(packet.nsp);
  if (packet.type == wire::SocketIoType::connect) {
    return member == nullptr && !waits(packet.nsp) && connect(packet);
  }
  if (packet.type == wire::SocketIoType::connect_error) return false;
  // It may not have heard yet that it was disconnected.
  if (member == nullptr) return left_.contains(std::string(packet.nsp));
  Peer* const peer = peer_of(*member);
  if (peer == nullptr || !peer->welcomed()) return false;
  switch (packet.type) {
    case wire::SocketIoType::event:
      peer->receive(static_cast<const wire::SocketIoCodec&>(peer->codec()).decode(packet, std::move(attachments)));
      return true;
    case wire::SocketIoType::ack:
      // One that could not be told to the application is none, and ours are small numbers.
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
  EndpointContext& loop = host_.loop();
  RefusalLog& refusals = loop.refusals();
  if (!connects_.take(loop.now_ms())) {
    refusals.note(Refusal::connect_rate, host_.birth().address);
    return false;
  }
  const Result<wire::SocketIoNamespacePtr> nsp = host_.home().service().namespaces.find(packet.nsp);
  if (!nsp.ok()) {
    refuse(packet.nsp, kInvalidNamespace);
    return true;
  }
  // Each namespace is a room.
  if (exceeds(static_cast<std::int64_t>(members_.size() + waiting_.size()) + 1,
              loop.options().hub.max_rooms_per_client)) {
    refusals.note(Refusal::namespaces, host_.birth().address);
    refuse(packet.nsp, "too many namespaces");
    return true;
  }
  left_.erase(std::string(packet.nsp));
  if (!recover(packet.payload, *nsp) && !wait_for_holder(packet.payload, *nsp)) admit_new(packet.payload, *nsp);
  return true;
}

ClientOrigin SocketIoClients::origin(std::string sid) const {
  const std::int64_t now_ms = wall_clock_ms();
  return {host_.loop().index(), host_.birth().address, Protocol::socket_io, host_.transport(), now_ms, std::move(sid)};
}

Peer& SocketIoClients::add(Member member) {
  EndpointContext& loop = host_.loop();
  std::unique_ptr<Peer> owned = make_peer(loop, host_, host_.link(), member);
  Peer& peer = *owned;
  peer.set_first_room(member.nsp->room, std::nullopt);
  if (!member.pid.empty()) {
    peer.keep_delivery_log();
    host_.home().service().recovery.begin(member.pid, member.nsp->name, member.client);
  }
  members_.push_back(std::move(member));
  if (members_.size() == 1) tell_registry();
  loop.peers().add(std::move(owned));
  return peer;
}

// Continues the client whose secret id this one knows. False: it is as if it had not asked. When there is no place for one more
// client, what is remembered stays for the next try.
bool SocketIoClients::recover(std::string_view payload, const wire::SocketIoNamespacePtr& nsp) {
  EndpointContext& loop = host_.loop();
  session::RecoveryStore& store = host_.home().service().recovery;
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
  std::vector<ClientId> earlier = earlier_of(*record);
  Peer& peer = add({client, nsp, record->sid, wanted->pid, -1});
  Status status = hub.accept(client, std::move(record->identity));
  if (status.ok()) status = peer.restore(*rooms, std::move(earlier));
  if (status.ok()) return true;
  members_.pop_back();
  store.end(wanted->pid);
  loop.peers().drop(client->id());
  hub.remove_client(client);
  return false;
}

// It is asked about like a new one, and restored with the verdict. False: the server is full.
bool SocketIoClients::ask_again(Recovering recovering, const std::string& pid, const wire::SocketIoNamespacePtr& nsp) {
  EndpointContext& loop = host_.loop();
  ConnectRequest request = request_of(host_.birth(), recovering.payload, nsp->room);
  request.recovered_from = recovering.record.client;
  const Result<ClientPtr> admitted =
      admit(loop, origin(recovering.record.sid), std::move(request), recovering.record.identity);
  if (!admitted.ok()) return false;
  Member member{*admitted, nsp, recovering.record.sid, pid, -1};
  member.recovering = std::make_shared<const Recovering>(std::move(recovering));
  add_asked(std::move(member));
  return true;
}

void SocketIoClients::restore(const Member& member) {
  const std::shared_ptr<const Recovering> recovering = member.recovering;
  const ClientId id = member.client->id();
  const wire::SocketIoNamespacePtr nsp = member.nsp;
  find_client(members_, id)->recovering.reset();
  if (peer_of(member)->restore(recovering->rooms, earlier_of(recovering->record)).ok()) return;
  // Something that it missed has gone while it was asked about. So it is new, and asked about as such.
  remove(id, kAbnormalClosure, "could not be recovered", false);
  admit_new(recovering->payload, nsp);
}

// A client may be back on another network before the server knows that the old connection is dead.
bool SocketIoClients::wait_for_holder(std::string_view payload, const wire::SocketIoNamespacePtr& nsp) {
  EndpointContext& loop = host_.loop();
  const std::optional<wire::SocketIoRecovery> wanted = wire::read_recovery(payload);
  if (!wanted) return false;
  const ClientPtr holder = host_.home().service().recovery.holder(wanted->pid, nsp->name);
  if (!holder || !loop.hub().continue_elsewhere(holder).ok()) return false;
  waiting_.push_back({nsp, std::string(payload), loop.now_ms() + kRetryMs, loop.now_ms() + kWaitMs});
  host_.schedule();
  return true;
}

bool SocketIoClients::waits(std::string_view nsp) const {
  return std::any_of(waiting_.begin(), waiting_.end(), [&](const Waiting& w) { return w.nsp->name == nsp; });
}

void SocketIoClients::try_again(std::int64_t now_ms) {
  std::vector<Waiting> still;
  for (Waiting& waiting : std::exchange(waiting_, {})) {
    if (now_ms < waiting.next_try_ms) {
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
  EndpointContext& loop = host_.loop();
  const std::string sid = random_id();
  const Result<ClientPtr> admitted = admit(loop, origin(sid), request_of(host_.birth(), payload, nsp->room));
  if (!admitted.ok()) {
    refuse(nsp->name, admitted.status().detail);
    return;
  }
  const bool recoverable = host_.home().service().recovery.enabled();
  add_asked({*admitted, nsp, sid, recoverable ? random_id() : std::string(), -1});
}

void SocketIoClients::add_asked(Member member) {
  const ClientPtr client = member.client;
  if (client->state() == ClientState::connecting) {
    member.verdict_deadline_ms = host_.loop().now_ms() + host_.loop().options().verdict_timeout_ms;
  }
  add(std::move(member));
  verdict(client->id());
  host_.schedule();
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
    host_.loop().refusals().note(Refusal::application, client->origin().address, reason);
    refuse(found->nsp->name, refusal_text(reason), client->refusal_data());
    remove(id, kPolicyViolation, reason, false);
  }
}

void SocketIoClients::open(const Member& member) {
  Peer* const peer = peer_of(member);
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

// What the application does not allow to join is no namespace; anything else may be told.
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
  if (Peer* peer = peer_of(*found)) {
    had_any_ = had_any_ || peer->welcomed();
    peer->silence();
  }
  // Bounded like the namespaces themselves; who was thrown out of so many does not get the benefit of the doubt.
  if (forgive &&
      !exceeds(static_cast<std::int64_t>(left_.size()) + 1, host_.loop().options().hub.max_rooms_per_client)) {
    left_.insert(found->nsp->name);
  }
  if (!found->pid.empty()) host_.home().service().recovery.end(found->pid);
  members_.erase(found);
  if (members_.empty()) tell_registry();
  host_.loop().peers().retire(id, {code, std::string(reason)});
}

void SocketIoClients::left(ClientId id, std::string_view room, std::string_view reason) {
  const auto found = find_client(members_, id);
  if (found != members_.end() && found->nsp->room == room) disconnect(id, kPolicyViolation, reason);
}

void SocketIoClients::disconnect(ClientId id, std::uint16_t code, std::string_view reason) {
  const auto found = find_client(members_, id);
  if (found == members_.end()) return;
  const Peer* const peer = peer_of(*found);
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

void SocketIoClients::keep_for_recovery(const Member& member) {
  Peer* const peer = peer_of(member);
  if (member.pid.empty() || member.client->dismissed()) return;
  if (member.recovering) {  // it has got nothing yet, and may ask again
    host_.home().service().recovery.put(member.pid, member.recovering->record, host_.loop().now_ms());
    return;
  }
  if (peer == nullptr || !peer->welcomed() || !peer->delivery_log()) return;
  EndpointContext& loop = host_.loop();
  host_.home().service().recovery.put(member.pid,
                                      {member.sid, member.nsp->name, member.client->id(), *member.client->identity(),
                                       *peer->delivery_log(), peer->earlier(), loop.hub().hold_rooms(*member.client)},
                                      loop.now_ms());
}

void SocketIoClients::continued(ClientId id) {
  const auto found = find_client(members_, id);
  if (found == members_.end()) return;
  keep_for_recovery(*found);
  disconnect(id, kAbnormalClosure, "continued by another connection");
}

void SocketIoClients::ping_sent() {
  for (const Member& member : members_) {
    if (Peer* peer = peer_of(member)) peer->ping_sent();
  }
}

void SocketIoClients::ping_answered() {
  for (const Member& member : members_) {
    if (Peer* peer = peer_of(member)) peer->ping_answered();
  }
}

void SocketIoClients::end_all(std::uint16_t code, std::string_view reason, bool recoverable) {
  EndpointContext& loop = host_.loop();
  for (const Member& member : members_) {
    if (recoverable) keep_for_recovery(member);
    if (!member.pid.empty()) host_.home().service().recovery.end(member.pid);
    if (Peer* peer = peer_of(member)) peer->silence();
    loop.peers().retire(member.client->id(), {code, std::string(reason)});
  }
  members_.clear();
  waiting_.clear();
}

bool SocketIoClients::had_any() {
  for (const Member& member : members_) {
    const Peer* const peer = peer_of(member);
    had_any_ = had_any_ || (peer != nullptr && peer->welcomed());
  }
  return had_any_;
}

std::int64_t SocketIoClients::deadline_ms() const {
  std::int64_t first = -1;
  for (const Member& member : members_) {
    if (member.verdict_deadline_ms != -1 && (first == -1 || member.verdict_deadline_ms < first)) {
      first = member.verdict_deadline_ms;
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
    if (member.verdict_deadline_ms == -1 || member.verdict_deadline_ms > now_ms) continue;
    member.verdict_deadline_ms = -1;
    late.push_back(member.client);
  }
  // So that a verdict which comes later is told that it is too late. This one comes by the inbox like any other.
  for (const ClientPtr& client : late) (void)host_.loop().hub().time_out(client);
}

void SocketIoClients::set_link(Link& link, Transport transport) {
  for (const Member& member : members_) {
    if (Peer* peer = peer_of(member)) peer->set_link(link, transport);
  }
}

}  // namespace chat::net
