// What the loops of a server share for Engine.IO and Socket.IO. Any thread.
#pragma once

#include <vector>

#include "net/base/server_options.h"
#include "net/endpoint/engine_io/engine_io_registry.h"
#include "session/engine_io_machine.h"
#include "session/recovery_store.h"
#include "wire/socket_io/socket_io_namespace.h"

namespace chat::net {

class EngineIoLocal;

struct EngineIoShared {
  explicit EngineIoShared(const ServerOptions& options);

  // Of an endpoint: whether a session may go from polling to a WebSocket is its own.
  const session::EngineIoOptions& session_options(const Endpoint& endpoint) const;

  EngineIoRegistry registry;
  wire::SocketIoNamespaces namespaces;
  session::RecoveryStore recovery;
  // Those at home on each loop. Complete before a loop runs; each is for the thread of its loop.
  std::vector<EngineIoLocal*> sessions;

 private:
  const session::EngineIoOptions upgrading_;
  const session::EngineIoOptions staying_;
};

// Which transports an endpoint has.
session::EngineIoTransports transports_of(const Endpoint& endpoint);

}  // namespace chat::net
