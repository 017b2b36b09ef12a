// Maps Socket.IO namespaces to rooms: "/" is the default room, "/dev" the room dev. A namespace in use is interned and
// has a number, so that its clients can share encoded packets.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/types.h"

namespace chat::wire {

// The events by which clients change messages and learn of changes, and the one of read markers. An empty name: there is no
// such event.
struct SocketIoChangeNames {
  std::string edit{"chat edit"};
  std::string redaction{"chat delete"};
  std::string reaction{"chat react"};
  std::string seen{"chat seen"};
};

struct SocketIoNamespace {
  std::string name;  // "/", "/dev"
  std::string room;
  std::uint64_t id = 0;  // below 2^48; not reused
  SocketIoChangeNames changes = {};
};
using SocketIoNamespacePtr = std::shared_ptr<const SocketIoNamespace>;

// One per server, since sessions move between loops. Any thread may call it.
class SocketIoNamespaces {
 public:
  explicit SocketIoNamespaces(std::string default_room, SocketIoChangeNames changes = {});

  // Returns the interned namespace; all holders share one object. Errors: invalid_room when the name is no valid room
  // name (the client receives "Invalid namespace"). A query after the name counts as part of it and is therefore
  // rejected, as by the reference server.
  Result<SocketIoNamespacePtr> find(std::string_view name);

  // The number of entries, expired ones included. For tests.
  std::size_t size() const;

 private:
  const std::string default_room_;
  const SocketIoChangeNames changes_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<const SocketIoNamespace>> entries_;
  std::uint64_t last_id_ = 0;
  std::size_t sweep_at_ = 64;  // number of entries at which expired ones are dropped
};

}  // namespace chat::wire
