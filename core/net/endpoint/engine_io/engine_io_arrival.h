// A session that is expected on this loop: the second peers of its clients, and the link to which they send until the session
// is here and has its WebSocket. See engine_io_move.h.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/deliver/queue_link.h"
#include "net/endpoint/engine_io/engine_io_socket.h"
#include "net/endpoint/engine_io/socket_io_clients.h"

namespace chat::net {

class EngineIoArrival final : public LinkUser, public PeerOwner {
 public:
  using States = std::unordered_map<ClientId, Peer::State>;

  EngineIoArrival(PeerContext& loop, const SocketHandle& socket, const Carrier& carrier,
                  const std::vector<SocketIoClients::Member>& members);

  // The WebSocket that will be the session's transport.
  const SocketHandle& socket() const { return socket_; }

  // The session is here, and owns the link and the peers from now on.
  std::unique_ptr<QueueLink> release_link(LinkUser& user, PeerOwner& owner);
  // Gives the second peers what the first ones knew. Peers of clients that were disconnected meanwhile are dropped.
  void give(States states);

  std::string_view address() const override { return address_; }
  void on_message(bool, std::string_view) override {}
  void on_link_closed(std::uint16_t, std::string_view) override {}
  void on_verdict(Peer&) override {}
  void close_client(Peer&, std::uint16_t, std::string_view) override {}
  FramePtr encode_gap(const GapReply&) override { return {}; }

 private:
  PeerContext& loop_;
  const SocketHandle socket_;
  std::unique_ptr<QueueLink> link_;
  std::vector<ClientId> clients_;
  std::string address_;
};

}  // namespace chat::net
