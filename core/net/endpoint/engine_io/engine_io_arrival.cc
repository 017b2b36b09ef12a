// See engine_io_arrival.h.
#include "net/endpoint/engine_io/engine_io_arrival.h"

#include "server/loop.h"

namespace chat::net {

EngineIoArrival::EngineIoArrival(Loop& loop, const SocketHandle& socket, const Framing& framing,
                                 const std::vector<SocketIoClients::Member>& members)
    : loop_(loop), socket_(socket), link_(std::make_unique<QueueLink>(loop, *this, framing)) {
  if (!members.empty()) address_ = members.front().client->origin().address;
  for (const SocketIoClients::Member& member : members) {
    std::unique_ptr<Peer> peer = SocketIoClients::make_peer(loop, *link_, member);
    peer->set_arriving();
    clients_.push_back(peer->id());
    loop_.add_peer(std::move(peer));
  }
}

std::unique_ptr<QueueLink> EngineIoArrival::release_link(LinkUser& user) {
  link_->set_user(user);
  return std::move(link_);
}

void EngineIoArrival::give(States states) {
  for (const ClientId id : clients_) {
    const auto state = states.find(id);
    if (state == states.end()) {
      loop_.drop_peer(id);
    } else if (Peer* peer = loop_.find_peer(id)) {
      peer->arrive(std::move(state->second));
    }
  }
  for (const ClientId id : clients_) {
    if (Peer* peer = loop_.find_peer(id)) peer->end_arriving();
  }
}

}  // namespace chat::net
