// A session that will come to this loop: the second peers of its clients, and the link that they are sent to until the
// session is here and gives them its WebSocket. See engine_io_host.h.
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

  // What the session comes for.
  const SocketHandle& socket() const { return socket_; }

  // The session is here: the link and the clients are its own now.
  std::unique_ptr<QueueLink> release_link(LinkUser& user, PeerOwner& owner);
  // What the first peers knew. Clients that went while they were on the way go here too.
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
