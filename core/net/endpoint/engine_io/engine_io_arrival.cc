// See engine_io_arrival.h.
#include "net/endpoint/engine_io/engine_io_arrival.h"

namespace chat::net {

EngineIoArrival::EngineIoArrival(PeerContext& loop, const SocketHandle& socket, const Carrier& carrier,
                                 const std::vector<SocketIoClients::Member>& members)
    : loop_(loop), socket_(socket), link_(std::make_unique<QueueLink>(loop, *this, carrier)) {
  if (!members.empty()) address_ = members.front().client->origin().address;
  for (const SocketIoClients::Member& member : members) {
    std::unique_ptr<Peer> peer = SocketIoClients::make_peer(loop, *this, *link_, member);
    peer->set_arriving();
    clients_.push_back(peer->id());
    loop_.peers().add(std::move(peer));
  }
}

std::unique_ptr<QueueLink> EngineIoArrival::release_link(LinkUser& user, PeerOwner& owner) {
  link_->set_user(user);
  for (const ClientId id : clients_) {
    if (Peer* const peer = loop_.peers().find(id)) peer->set_owner(owner);
  }
  return std::move(link_);
}

void EngineIoArrival::give(States states) {
  for (const ClientId id : clients_) {
    const auto state = states.find(id);
    if (state == states.end()) {
      loop_.peers().drop(id);
    } else if (Peer* peer = loop_.peers().find(id)) {
      peer->arrive(std::move(state->second));
    }
  }
  for (const ClientId id : clients_) {
    if (Peer* peer = loop_.peers().find(id)) peer->end_arriving();
  }
}

}  // namespace chat::net
