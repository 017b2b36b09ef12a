// The sockets of a server in a process forked from its own: the listener and the connections. A child that kept them would
// keep the port in use and the connections open after the server has ended. chat.h does not name these descriptors, so they
// are recognised by the address that they are bound to.
#pragma once

#include <sys/un.h>

#include <string>

#include "chat/chat.h"

namespace pychat {

class ServerSockets {
 public:
  // In the server's process, once it listens.
  void remember(const chat_server_options& options, int port);
  // In the child.
  void close_all() const;

 private:
  bool belongs(int socket_fd) const;

  int port_ = 0;
  std::string ip_;         // 16 bytes, IPv4 as ::ffff:a.b.c.d; empty: every address
  std::string unix_path_;  // as the kernel tells it
};

}  // namespace pychat
