// See peers.h.
#include "net/peer/peers.h"

#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "net/base/scoped_flag.h"
#include "net/peer/peer.h"
#include "net/peer/peer_context.h"

namespace chat::net {
namespace {

template <class Event>
constexpr bool kConcernsOneClient =
    std::is_same_v<Event, Acknowledged> || std::is_same_v<Event, DirectMessage> || std::is_same_v<Event, Opened> ||
    std::is_same_v<Event, Joined> || std::is_same_v<Event, Left> || std::is_same_v<Event, Answer> ||
    std::is_same_v<Event, Renamed>;

template <class Event>
bool sends_something(const Peer& peer, const Event& event) {
  if constexpr (std::is_same_v<Event, Acknowledged>) return peer.tells(event);
  return true;
}

}  // namespace

Peers::Peers(PeerContext& loop) : loop_(loop) {}
Peers::~Peers() = default;

bool Peers::handle(LoopEvent& event) {
  if (loop_.fanout().interrupted() && !finish_deliveries()) return false;
  return std::visit([this](auto& specific) { return deliver(specific); }, event);
}

Receiver* Peers::excepted_by(const Message& message) { return message.except == 0 ? nullptr : find(message.except); }

bool Peers::deliver(RoomMessage& event) {
  repeat_ = true;
  Receiver* const excepted = excepted_by(*event.message);
  const bool taken = loop_.fanout().take(std::move(event.message), excepted, loop_.budget());
  repeat_ = false;
  return taken;
}

bool Peers::deliver(EveryoneMessage& event) {
  repeat_ = true;
  Receiver* const excepted = excepted_by(*event.message);
  const bool taken = loop_.fanout().take_for_everyone(std::move(event.message), excepted, loop_.budget());
  repeat_ = false;
  return taken;
}

bool Peers::deliver(PublishedNotice& event) {
  repeat_ = true;
  if (event.message->presence) {
    loop_.application().on_presence(*event.message);
  } else {
    loop_.application().on_published(*event.message);
  }
  repeat_ = false;
  return true;
}

bool Peers::deliver(AuditNotice& event) {
  repeat_ = true;
  loop_.application().on_audit(*event.record);
  repeat_ = false;
  return true;
}

bool Peers::deliver(ReportNotice& event) {
  repeat_ = true;
  loop_.application().on_report(*event.report);
  repeat_ = false;
  return true;
}

bool Peers::deliver(ClearWork& event) {
  repeat_ = true;
  const Status status = loop_.hub().clear_some(event.clearing, loop_.moment());
  if (!status.ok()) {
    loop_.log(LogLevel::warning, "clear in the room " + event.clearing->room + " ended early: " + status.detail);
  }
  repeat_ = false;
  return true;
}

bool Peers::finish_deliveries() {
  repeat_ = true;
  if (!loop_.fanout().finish(loop_.budget())) return false;
  repeat_ = false;
  return true;
}

bool Peers::must_repeat() const { return repeat_; }

// The client has received all earlier messages when it is sent something else. It keeps its place in the run when the
// event sends it nothing. An event that may concern other clients, or bring together rooms that had no common members,
// comes after all of them.
template <class ToPeer>
bool Peers::deliver(ToPeer& event) {
  Peer* const peer = find(event.client);
  if (peer == nullptr) return true;
  const bool barrier = !kConcernsOneClient<ToPeer> || (std::is_same_v<ToPeer, Joined> && peer->has_rooms());
  if (barrier && !finish_deliveries()) return false;
  try {
    if (sends_something(*peer, event)) loop_.fanout().settle(*peer);
    peer->handle(event);
  } catch (const std::bad_alloc&) {
    if (Peer* const there = find(event.client)) there->fail();
  }
  return true;
}

Peer* Peers::find(ClientId id) {
  const auto found = peers_.find(id);
  return found == peers_.end() ? nullptr : found->second.get();
}

void Peers::add(std::unique_ptr<Peer> peer) {
  const ClientPtr client = peer->client();
  const bool arriving = peer->arriving();
  try {
    peers_.emplace(client->id(), std::move(peer));
  } catch (...) {
    if (!arriving) loop_.hub().remove_client(client);
    throw;
  }
}

void Peers::drop(ClientId id) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  const std::unique_ptr<Peer> peer = std::move(found->second);
  peers_.erase(found);
}

void Peers::retire(ClientId id, Retirement retirement) {
  loop_.note_activity();
  // Noted at once, since the peer may depart in this round. Its second peer retires where it arrives.
  if (Peer* const peer = find(id); peer != nullptr && peer->departing() && !ending_) {
    try {
      std::optional<Retirement>& noted = peer->state().meanwhile.make().retirement;
      if (!noted) noted = std::move(retirement);
    } catch (const std::bad_alloc&) {
      peer->fail();  // it is closed where it arrives
    }
    return;
  }
  try {
    retired_.push_back({id, {retirement.close_code, {}}, nullptr});
  } catch (const std::bad_alloc&) {
    Peer* const peer = find(id);
    if (peer == nullptr) return;
    peer->set_late_retirement(std::move(retirement));
    any_failed_ = true;
    return;
  }
  retired_.back().retirement.reason = std::move(retirement.reason);
}

void Peers::close_failed() noexcept {
  try {
    for (const auto& [id, peer] : peers_) {
      peer->close_if_failed();
      if (peer->late_retirement() == nullptr) continue;
      retired_.push_back({id, {}, nullptr});
      retired_.back().retirement = peer->take_late_retirement();
    }
    any_failed_ = false;
    loop_.log(LogLevel::error, "memory ran out: the clients that it concerned are disconnected");
  } catch (const std::bad_alloc&) {  // again at the end of the next round
  }
}

bool Peers::retire_due() {
  if (retiring_) return true;  // called in a callback of a retirement
  if (any_failed_) close_failed();
  const ScopedFlag retiring(retiring_);
  // Callbacks in here may retire other clients, or the same one again.
  while (!retired_.empty()) {
    loop_.note_activity();
    Retired& first = retired_.front();
    if (!first.peer) {
      const auto found = peers_.find(first.id);
      if (found != peers_.end() && (ending_ || !found->second->outlive_link(first.retirement))) {
        first.peer = std::move(found->second);
        peers_.erase(found);
      }
    }
    if (first.peer) first.peer->retire(first.retirement);
    retired_.pop_front();
    if (!retired_.empty() && loop_.budget().over()) return false;
  }
  return !any_failed_;  // the link of a peer that is still to be retired must stay
}

void Peers::clear() { peers_.clear(); }

void Peers::retire_all(const Retirement& retirement) {
  ending_ = true;
  for (const auto& [id, peer] : peers_) retired_.push_back({id, retirement, nullptr});
  retire_due();
}

}  // namespace chat::net
