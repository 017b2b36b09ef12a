// See socket_io_namespace.h.
#include "wire/socket_io/socket_io_namespace.h"

#include <utility>

#include "model/names.h"

namespace chat::wire {

SocketIoNamespaces::SocketIoNamespaces(std::string default_room, SocketIoChangeNames changes)
    : default_room_(std::move(default_room)), changes_(std::move(changes)) {}

Result<SocketIoNamespacePtr> SocketIoNamespaces::find(std::string_view name) {
  if (!name.starts_with('/')) return {Error::invalid_room, "the namespace has no leading slash"};
  std::string room(name == "/" ? std::string_view(default_room_) : name.substr(1));
  Status status = check_room_name(room);
  if (!status.ok()) return status;

  const std::lock_guard lock(mutex_);
  if (entries_.size() >= sweep_at_) {
    std::erase_if(entries_, [](const auto& entry) { return entry.second.expired(); });
    sweep_at_ = 64 + entries_.size() * 2;
  }
  std::weak_ptr<const SocketIoNamespace>& entry = entries_[std::string(name)];
  SocketIoNamespacePtr known = entry.lock();
  if (!known) {
    known = std::make_shared<const SocketIoNamespace>(
        SocketIoNamespace{std::string(name), std::move(room), ++last_id_, changes_});
    entry = known;
  }
  return known;
}

std::size_t SocketIoNamespaces::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace chat::wire
