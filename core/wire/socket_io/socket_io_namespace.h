// Socket.IO's namespaces as rooms: "/" is the default room, "/dev" the room dev. A namespace that
// is in use is interned, so that what is encoded for its clients can be shared between them by a
// number.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/types.h"

namespace chat::wire {

struct SocketIoNamespace {
  std::string name;  // "/", "/dev"
  std::string room;
  std::uint64_t id = 0;  // below 2^48, never used again for another namespace
};
using SocketIoNamespacePtr = std::shared_ptr<const SocketIoNamespace>;

// One for a server, since sessions move between loops. Any thread.
class SocketIoNamespaces {
 public:
  explicit SocketIoNamespaces(std::string default_room);

  // The same object to all who hold it at the same time. invalid_room: no room can be called so
  // (the client is told "Invalid namespace"). A query behind the name is part of it, hence refused,
  // as the reference server does.
  Result<SocketIoNamespacePtr> find(std::string_view name);

  // For tests: what is remembered, expired entries included.
  std::size_t size() const;

 private:
  const std::string default_room_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<const SocketIoNamespace>> entries_;
  std::uint64_t last_id_ = 0;
  std::size_t sweep_at_ = 64;  // entries; then expired ones are dropped
};

}  // namespace chat::wire
