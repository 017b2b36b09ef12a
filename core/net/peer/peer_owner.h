// The connection or session that a client belongs to: a WebSocket with one client, or a session with several. A peer tells its
// owner what happens to the client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/command.h"
#include "model/message.h"
#include "model/types.h"
#include "net/deliver/fanout.h"

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
  // The delivery log of a client that has one knows of another room.
  virtual void on_logged_room(Peer& peer) { (void)peer; }
  // The client has left the room.
  virtual void on_left(Peer& peer, std::string_view room, std::string_view reason) {
    (void)peer, (void)room, (void)reason;
  }
  // For protocols whose replies depend on a state that the owner keeps. nullopt: the client's codec encodes the reply. Otherwise
  // the owner has sent it: its bytes, 0 if the protocol has no word for it.
  virtual std::optional<std::size_t> send_reply(Peer& peer, const Reply& reply) {
    (void)peer, (void)reply;
    return std::nullopt;
  }

  // Whether send_reply() tells the client that its message with this ref is published. False: the reply may come ahead of
  // messages, because nothing is sent.
  virtual bool tells_success(std::string_view ref) const {
    (void)ref;
    return true;
  }

  // The same as send_reply(): whether there is a word for the refusal of a command. nullopt: the codec knows.
  virtual std::optional<bool> can_refuse(const ErrorReply& error) const {
    (void)error;
    return std::nullopt;
  }

  // For protocols with subscriptions: the one for which the client asked to join the room with this ref. nullopt: it joins without
  // one. The views hold until the next call.
  virtual std::optional<Subscription> subscription_of(Peer& peer, std::string_view ref) {
    (void)peer, (void)ref;
    return std::nullopt;
  }
  // What goes before a message, once for each copy that the client receives. subscription: the id of one with own heads; empty for
  // a message to the client or to everyone.
  virtual std::vector<std::string> message_heads(Peer& peer, const Message& message, std::string_view subscription) {
    (void)peer, (void)message, (void)subscription;
    return {};
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
