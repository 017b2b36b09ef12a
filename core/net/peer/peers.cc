// See peers.h.
#include "net/peer/peers.h"

#include <utility>
#include <variant>

#include "net/peer/peer.h"
#include "net/peer/peer_context.h"

namespace chat::net {

Peers::Peers(PeerContext& loop) : loop_(loop) {}
Peers::~Peers() = default;

bool Peers::handle(LoopEvent& event) {
  return std::visit([this](auto& specific) { return deliver(specific); }, event);
}

bool Peers::deliver(RoomMessage& event) {
  Fanout& fanout = loop_.fanout();
  return fanout.interrupted() ? fanout.go_on(loop_.budget()) : fanout.deliver(event.message, loop_.budget());
}

bool Peers::deliver(EveryoneMessage& event) {
  Fanout& fanout = loop_.fanout();
  return fanout.interrupted() ? fanout.go_on(loop_.budget())
                              : fanout.deliver_to_everyone(event.message, loop_.budget());
}

bool Peers::deliver(PublishedNotice& event) {
  loop_.application().on_published(*event.message);
  return true;
}

template <class ToPeer>
bool Peers::deliver(ToPeer& event) {
  if (Peer* const peer = find(event.client)) peer->handle(event);
  return true;
}

Peer* Peers::find(ClientId id) {
  const auto found = peers_.find(id);
  return found == peers_.end() ? nullptr : found->second.get();
}

void Peers::add(std::unique_ptr<Peer> peer) {
  const ClientId id = peer->id();
  peers_.emplace(id, std::move(peer));
}

void Peers::drop(ClientId id) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  const std::unique_ptr<Peer> peer = std::move(found->second);
  peers_.erase(found);
}

void Peers::retire(ClientId id, Retirement retirement) {
  loop_.note_activity();
  // At once, since it may depart in this round. Where it arrives it retires.
  if (Peer* const peer = find(id); peer != nullptr && peer->departing() && !ending_) {
    if (!peer->state().retirement) peer->state().retirement = std::move(retirement);
    return;
  }
  retired_.emplace_back(id, std::move(retirement));
}

bool Peers::retire_due() {
  // Callbacks in here may retire others, or ask for these again.
  while (!retired_.empty()) {
    loop_.note_activity();
    const auto [id, retirement] = std::move(retired_.front());
    retired_.pop_front();
    const auto found = peers_.find(id);
    if (found != peers_.end() && (ending_ || !found->second->outlive_link(retirement))) {
      const std::unique_ptr<Peer> peer = std::move(found->second);
      peers_.erase(found);
      try {
        peer->retire(retirement);
      } catch (...) {  // the hub must not keep a client that no loop knows
        loop_.hub().remove_client(peer->client());
        throw;
      }
    }
    if (!retired_.empty() && loop_.budget().over()) return false;
  }
  return true;
}

void Peers::clear() { peers_.clear(); }

void Peers::retire_all(const Retirement& retirement) {
  ending_ = true;
  for (const auto& [id, peer] : peers_) retired_.emplace_back(id, retirement);
  retire_due();
}

}  // namespace chat::net
