// What the loops of a server share for Engine.IO and Socket.IO, beside the table of sessions. Any thread.
#pragma once

#include <vector>

#include "net/base/server_options.h"
#include "session/engine_io_machine.h"
#include "session/engine_io_queue.h"
#include "session/recovery_store.h"
#include "wire/socket_io/socket_io_namespace.h"

namespace chat::net {

class EngineIoLocal;

struct EngineIoShared {
  explicit EngineIoShared(const ServerOptions& options);

  // Whether a session may be upgraded from polling to a WebSocket depends on its endpoint.
  const session::EngineIoOptions& session_options(const Endpoint& endpoint) const;

  wire::SocketIoNamespaces namespaces;
  session::RecoveryStore recovery;
  session::NoEngineIoQueue no_queue;
  // By loop. Complete before a loop runs; each is for the thread of its loop.
  std::vector<EngineIoLocal*> locals;

 private:
  const session::EngineIoOptions upgrading_;
  const session::EngineIoOptions staying_;
};

// Which transports an endpoint has.
session::EngineIoTransports transports_of(const Endpoint& endpoint);

}  // namespace chat::net
