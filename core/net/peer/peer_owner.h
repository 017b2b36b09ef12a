// The connection or session that a client belongs to: a WebSocket with one client, or a session with several. A peer tells its
// owner what happens to the client.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/types.h"

namespace chat::net {

class Peer;

class PeerOwner {
 public:
  virtual ~PeerOwner() = default;

  // The verdict on the client's connection has come: Client::state() has it.
  virtual void on_verdict(Peer& peer) = 0;
  // No verdict on the client's connection has come before the deadline.
  virtual void on_verdict_timeout(Peer& peer) { (void)peer; }
  // The deferred verdict on the entry into the first room has come.
  virtual void on_first_room(Peer& peer, const Status& status) { (void)peer, (void)status; }
  // The client has left the room.
  virtual void on_left(Peer& peer, std::string_view room, std::string_view reason) {
    (void)peer, (void)room, (void)reason;
  }
  // Disconnects the client after the frames that are queued for it.
  virtual void close_client(Peer& peer, std::uint16_t code, std::string_view reason) = 0;
  // The same for all clients of the connection, and closes the connection.
  virtual void close_connection(Peer& peer, std::uint16_t code, std::string_view reason) {
    close_client(peer, code, reason);
  }
  // Another connection continues this client, so this one ends.
  virtual void on_continued(Peer& peer) { (void)peer; }
};

// The owner of a peer that waits for a verdict after its connection was closed.
class NoOwner final : public PeerOwner {
 public:
  void on_verdict(Peer&) override {}
  void close_client(Peer&, std::uint16_t, std::string_view) override {}
};

}  // namespace chat::net
