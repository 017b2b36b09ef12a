// The Socket.IO clients of one Engine.IO session, one for each namespace. Passes packets to the client of their namespace,
// and lets clients enter and leave. https://socket.io/docs/v4/socket-io-protocol/ For the thread of the session's loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "hub/client.h"
#include "model/boxed.h"
#include "net/endpoint/engine_io/far_claim.h"
#include "net/peer/peer.h"
#include "session/recovery_store.h"
#include "wire/socket_io/socket_io_codec.h"
#include "wire/socket_io/socket_io_packet.h"

namespace chat::net {

class EngineIoSession;

class SocketIoClients {
 public:
  explicit SocketIoClients(EngineIoSession& session);

  // One complete packet. False: the client breaks the rules of the protocol, and the connection is to be closed.
  [[nodiscard]] bool receive(const wire::SocketIoPacket& packet, std::vector<std::string>& attachments);

  // The application has decided on the client's connection.
  void verdict(ClientId client);
  // The application has decided on the client's first room.
  void entered(ClientId client, const Status& status);
  // The client is in other rooms than before.
  void note_rooms(ClientId client);
  // The client has left a room. If that was the room of its namespace, it leaves the namespace too.
  void left(ClientId client, std::string_view room, std::string_view reason);
  // Disconnects the client, with a DISCONNECT packet.
  void disconnect(ClientId client, std::uint16_t code, std::string_view reason);
  // The same for all clients.
  void disconnect_all(std::uint16_t code, std::string_view reason);
  // Another connection continues the client.
  void continued(ClientId client);
  // A ping is sent after everything that was sent to the clients. The client has answered it.
  void ping_sent();
  void ping_answered();
  // The session has ended. recoverable: another connection may continue its clients.
  void end_all(std::uint16_t code, std::string_view reason, bool recoverable);

  // A client is or was connected to its namespace.
  bool had_any();
  // -1: never.
  std::int64_t deadline_ms() const;
  void tick(std::int64_t now_ms);

  // All peers send to this link from now on.
  void set_link(Link& link, Transport transport);

  // A client that continues another one and about which on_connect decides again: what it receives when it is accepted.
  struct Recovering {
    session::RecoveryRecord record;
    std::vector<RoomPosition> rooms;
    std::string payload;  // that of its CONNECT
  };

  // A client. When the session moves, the new loop makes a second peer from this.
  struct Member {
    ClientPtr client;
    wire::SocketIoNamespacePtr nsp;
    std::string pid;
    std::int64_t verdict_deadline_ms = -1;              // while a verdict is awaited
    std::shared_ptr<const Recovering> recovering = {};  // while on_connect decides about it, or null
    Peer* peer = nullptr;                               // on the session's loop; null while the session moves
    std::int64_t keep_due_ms = -1;                      // when the cluster is to have a record of it
    bool kept = false;                                  // the cluster has one
  };
  const std::vector<Member>& members() const { return members_; }
  // Moving: the members are without peers from here...
  void forget_peers();
  // ...to here, where they have those of the session's loop.
  void find_peers();
  static std::unique_ptr<Peer> make_peer(PeerContext& loop, PeerOwner& owner, Link& link, const Member& member);

 private:
  // A CONNECT that continues a client whose loss is not noticed yet. It waits until that client has ended. In a cluster, any
  // CONNECT that continues a client.
  struct Waiting {
    wire::SocketIoNamespacePtr nsp;
    std::string payload;
    std::int64_t next_try_ms = 0;
    std::int64_t deadline_ms = 0;
    std::shared_ptr<FarClaim> claim = nullptr;
  };

  Member* find(std::string_view nsp);
  bool waits(std::string_view nsp) const;
  bool connect(const wire::SocketIoPacket& packet);
  bool recover(std::string_view payload, const wire::SocketIoNamespacePtr& nsp);
  bool recover_as(const ClientPtr& client, session::RecoveryRecord record, const std::vector<RoomPosition>& rooms,
                  const std::string& pid, const wire::SocketIoNamespacePtr& nsp);
  bool claim_far(std::string_view payload, const wire::SocketIoNamespacePtr& nsp);
  bool recover_far(const Waiting& waiting);
  bool ask_again(Recovering recovering, const std::string& pid, const wire::SocketIoNamespacePtr& nsp);
  void restore(const Member& member);
  bool wait_for_holder(std::string_view payload, const wire::SocketIoNamespacePtr& nsp);
  void try_again(std::int64_t now_ms);
  void admit_new(std::string_view payload, const wire::SocketIoNamespacePtr& nsp);
  void keep_for_recovery(Member& member);
  void keep_far(Member& member);
  // Nobody can continue the client any more, unless it was kept for that.
  void end_recovery(const Member& member);
  ClientOrigin origin(std::string sid) const;
  Peer& add(Member member);
  // Adds a client about which on_connect was called.
  void add_asked(Member member);
  void open(const Member& member);
  void refuse_room(const Member& member, const Status& status);
  void refuse(std::string_view nsp, std::string_view message, std::string_view data = {});
  // Removes the member; its peer is retired at the end of the round. A peer of a session ends only here and in end_all(), so
  // a member's pointer to its peer is valid as long as the member. forgive: packets for the client that are under way are
  // ignored, because the client did not ask for its end.
  void remove(ClientId client, std::uint16_t code, std::string_view reason, bool forgive);
  void send(std::string packet);
  // Tells the table whether the session has a client.
  void tell_table();

  EngineIoSession& session_;
  TokenBucket connects_;         // limits CONNECTs, because each calls the application
  std::vector<Member> members_;  // few, so they are searched one by one
  std::vector<Waiting> waiting_;
  // Namespaces that the server has disconnected, and for which packets may be under way.
  Boxed<std::unordered_set<std::string>> left_;
  bool had_any_ = false;
};

}  // namespace chat::net
