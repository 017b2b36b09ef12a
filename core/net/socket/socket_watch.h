// The watching of one descriptor by its loop's ReadySockets: the key, and the events that are watched. Used by each kind
// of socket, on the loop's thread.
#pragma once

#include <cstdint>

#include "net/socket/ready_sockets.h"

namespace chat::net {

class SocketWatch {
 public:
  SocketWatch() = default;
  ~SocketWatch() { forget(); }
  SocketWatch(const SocketWatch&) = delete;
  SocketWatch& operator=(const SocketWatch&) = delete;

  // Gives the socket a key. No event is watched yet. Both must outlive the watching. Throws std::bad_alloc; nothing has
  // changed then.
  void start(ReadySockets& sockets, ReadySocket& socket, int fd) {
    key_ = sockets.add(socket);
    sockets_ = &sockets;
    fd_ = fd;
  }
  bool started() const { return sockets_ != nullptr; }
  // Those of start(). Only while started().
  ReadySockets& sockets() { return *sockets_; }
  // Poller::kRead, kWrite.
  unsigned events() const { return events_; }
  // Watches these events; 0: none. False on a system error; the events are then those of before.
  bool set(unsigned wanted) {
    if (wanted == events_) return true;
    if (!sockets_->watch(key_, fd_, events_, wanted)) return false;
    events_ = wanted;
    return true;
  }
  // The descriptor stays open.
  void stop() {
    if (started()) (void)set(0);
    forget();
  }
  // The caller closes the descriptor next, which ends the watching in the system.
  void forget() {
    if (!started()) return;
    sockets_->forget(key_);
    sockets_ = nullptr;
    events_ = 0;
  }

 private:
  ReadySockets* sockets_ = nullptr;
  std::uint64_t key_ = 0;
  int fd_ = -1;
  unsigned events_ = 0;
};

}  // namespace chat::net
