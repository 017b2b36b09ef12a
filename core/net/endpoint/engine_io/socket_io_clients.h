// The Socket.IO clients of one Engine.IO session, one for each namespace: demultiplexes packets, lets clients in and out.
// https://socket.io/docs/v4/socket-io-protocol/ For the thread of the session's loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "hub/client.h"
#include "net/peer/peer.h"
#include "session/recovery_store.h"
#include "wire/socket_io/socket_io_codec.h"
#include "wire/socket_io/socket_io_packet.h"

namespace chat::net {

class EngineIoSession;

class SocketIoClients {
 public:
  explicit SocketIoClients(EngineIoSession& session);

  // One packet, whole. False: the client breaks the protocol's rules, and the connection is to be closed.
  [[nodiscard]] bool receive(const wire::SocketIoPacket& packet, std::vector<std::string>& attachments);

  // chat_accept or chat_refuse has been called.
  void verdict(ClientId client);
  // The same of its first room.
  void entered(ClientId client, const Status& status);
  // Who is out of the room that its namespace is, is out of the namespace.
  void left(ClientId client, std::string_view room, std::string_view reason);
  // A DISCONNECT from this side.
  void disconnect(ClientId client, std::uint16_t code, std::string_view reason);
  // The same for all of them.
  void disconnect_all(std::uint16_t code, std::string_view reason);
  // Another connection continues it.
  void continued(ClientId client);
  // A ping leaves behind all that was sent to the clients, and has been answered.
  void ping_sent();
  void ping_answered();
  // The session has ended. recoverable: its clients may be continued.
  void end_all(std::uint16_t code, std::string_view reason, bool recoverable);

  // One has been connected to its namespace, now or before.
  bool had_any();
  // -1: never.
  std::int64_t deadline_ms() const;
  void tick(std::int64_t now_ms);

  // All peers are sent to by this link from now on.
  void set_link(Link& link, Transport transport);

  // What a client that continues another gets, once the application has accepted it again.
  struct Recovering {
    session::RecoveryRecord record;
    std::vector<RoomPosition> rooms;
    std::string payload;  // of its CONNECT
  };

  // Moving: what the new loop needs for a second peer of each client.
  struct Member {
    ClientPtr client;
    wire::SocketIoNamespacePtr nsp;
    std::string sid;
    std::string pid;
    std::int64_t verdict_deadline_ms = -1;              // while a verdict is awaited
    std::shared_ptr<const Recovering> recovering = {};  // while on_connect decides about it, or null
    Peer* peer = nullptr;                               // on the session's loop; null while the session moves
  };
  const std::vector<Member>& members() const { return members_; }
  // Moving: the members are without peers from here...
  void forget_peers();
  // ...to here, where they have those of the session's loop.
  void find_peers();
  static std::unique_ptr<Peer> make_peer(PeerContext& loop, PeerOwner& owner, Link& link, const Member& member);

 private:
  // A CONNECT that continues a client whose loss is not noticed yet: it waits until that has ended.
  struct Waiting {
    wire::SocketIoNamespacePtr nsp;
    std::string payload;
    std::int64_t next_try_ms = 0;
    std::int64_t deadline_ms = 0;
  };

  Member* find(std::string_view nsp);
  bool waits(std::string_view nsp) const;
  bool connect(const wire::SocketIoPacket& packet);
  bool recover(std::string_view payload, const wire::SocketIoNamespacePtr& nsp);
  bool ask_again(Recovering recovering, const std::string& pid, const wire::SocketIoNamespacePtr& nsp);
  void restore(const Member& member);
  bool wait_for_holder(std::string_view payload, const wire::SocketIoNamespacePtr& nsp);
  void try_again(std::int64_t now_ms);
  void admit_new(std::string_view payload, const wire::SocketIoNamespacePtr& nsp);
  void keep_for_recovery(const Member& member);
  ClientOrigin origin(std::string sid) const;
  Peer& add(Member member);
  // One that on_connect was asked about.
  void add_asked(Member member);
  void open(const Member& member);
  void refuse_room(const Member& member, const Status& status);
  void refuse(std::string_view nsp, std::string_view message, std::string_view data = {});
  // Forgets it; retire() follows at the end of the round.
  // Packets for it that are under way already are forgiven when the end was not the client's wish.
  void remove(ClientId client, std::uint16_t code, std::string_view reason, bool forgive);
  void send(std::string packet);
  // Whether the session has a client has changed.
  void tell_table();

  EngineIoSession& session_;
  TokenBucket connects_;         // each asks the application
  std::vector<Member> members_;  // few: a look-up is a walk
  std::vector<Waiting> waiting_;
  // Namespaces that were disconnected while packets for them may have been under way.
  std::unordered_set<std::string> left_;
  bool had_any_ = false;
};

}  // namespace chat::net
