// What the loops of a server share for Engine.IO and Socket.IO, beside the table of sessions. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/base/server_options.h"
#include "session/engine_io_machine.h"
#include "session/engine_io_queue.h"
#include "session/kept_bytes.h"
#include "session/recovery_store.h"
#include "wire/socket_io/socket_io_namespace.h"

namespace chat {
class Hub;
class RoomStore;
}  // namespace chat

namespace chat::net {

class EngineIoLocal;
class FarServers;

struct EngineIoShared {
  explicit EngineIoShared(const ServerOptions& options);

  // Whether a session may be upgraded from polling to a WebSocket depends on its endpoint.
  const session::EngineIoOptions& session_options(const Endpoint& endpoint) const;

  wire::SocketIoNamespaces namespaces;
  session::RecoveryStore recovery;
  session::KeptBytes kept_far;  // records of clients that are gone, in the cluster
  session::NoEngineIoQueue no_queue;
  // By loop. Complete before a loop runs; each is for the thread of its loop.
  std::vector<EngineIoLocal*> locals;

  // In a cluster; nullptr without. Set before a loop runs. Then records of recovery are kept there, and not here.
  FarServers* far = nullptr;
  RoomStore* rooms = nullptr;
  // In a cluster: a random id, a tag of the rest, a dot, and the name of this server. Otherwise a random id.
  std::string new_sid() const;
  static constexpr char kBeforeServer = '.';
  struct OtherServer {
    std::string_view name = {};  // empty: it names none
    bool forged = false;         // no server of the cluster has issued it
  };
  OtherServer other_server(std::string_view sid) const;
  // Whether clients are continued at any server.
  bool recovers_far() const { return far != nullptr && recovery.enabled(); }

  // To the server that has a client which another server continues.
  static std::string continue_text(std::string_view pid, std::string_view nsp);
  // Any thread. Such a text has come, without its kind. Ends the client's connection.
  void on_continue_text(std::string_view text, Hub& hub) const;
  static constexpr char kContinueText = 'c';

 private:
  const session::EngineIoOptions upgrading_;
  const session::EngineIoOptions staying_;
};

// Which transports an endpoint has.
session::EngineIoTransports transports_of(const Endpoint& endpoint);

}  // namespace chat::net
