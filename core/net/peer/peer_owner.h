// What a client has come by: a socket of its own, or a session that has several. A peer tells its owner what concerns the client
// and not the link.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/types.h"

namespace chat::net {

class Peer;

class PeerOwner {
 public:
  virtual ~PeerOwner() = default;

  // chat_accept or chat_refuse has been called for the client.
  virtual void on_verdict(Peer& peer) = 0;
  // No verdict on the client has come in time.
  virtual void on_verdict_timeout(Peer& peer) { (void)peer; }
  // The verdict on the client's first room, which had been deferred.
  virtual void on_first_room(Peer& peer, const Status& status) { (void)peer, (void)status; }
  // The client is no member of the room any more.
  virtual void on_left(Peer& peer, std::string_view room, std::string_view reason) {
    (void)peer, (void)room, (void)reason;
  }
  // The client is to be disconnected, after what is queued for it.
  virtual void close_client(Peer& peer, std::uint16_t code, std::string_view reason) = 0;
  // The same for the client and all others of its connection, and the connection itself.
  virtual void close_connection(Peer& peer, std::uint16_t code, std::string_view reason) {
    close_client(peer, code, reason);
  }
  // Another connection continues the client.
  virtual void on_continued(Peer& peer) { (void)peer; }
};

// Of a peer whose connection has gone.
class NoOwner final : public PeerOwner {
 public:
  void on_verdict(Peer&) override {}
  void close_client(Peer&, std::uint16_t, std::string_view) override {}
};

}  // namespace chat::net
