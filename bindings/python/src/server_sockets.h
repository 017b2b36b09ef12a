// Closes a server's sockets, the listener and the connections, in a forked process. Otherwise the child would keep the
// port in use and the connections open after the server has ended. chat.h does not expose these descriptors, so they
// are recognized by their local address.
#pragma once

#include <sys/un.h>

#include <string>

#include "chat/chat.h"

namespace pychat {

class ServerSockets {
 public:
  // Call in the server's process when it is listening.
  void remember(const chat_server_options& options, int port);
  // Call in the child.
  void close_all() const;

 private:
  bool belongs(int socket_fd) const;

  int port_ = 0;
  std::string ip_;         // 16 bytes, IPv4 as ::ffff:a.b.c.d; empty: every address
  std::string unix_path_;  // as the kernel reports it
};

}  // namespace pychat
