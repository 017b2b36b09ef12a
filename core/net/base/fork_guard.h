// Handles fork() in a process with servers. The child inherits copies of the sockets, which would keep the port in use
// and connections open after the parent closes them. It has none of the server's threads, and its memory is a snapshot
// of their unfinished work. The child therefore closes the sockets immediately, and calls on the parent's servers fail
// in it. Process-wide; any thread.
#pragma once

namespace chat::net {

class ForkGuard {
 public:
  // Call it before the first server starts; repeated calls have no effect.
  static void install();

  // The number of forks since the first process. A server of another generation belongs to a parent process.
  static unsigned generation();

  // Delays fork() between the creation of a socket and add(). Hold it only briefly.
  class Making {
   public:
    Making();
    ~Making();
    Making(const Making&) = delete;
    Making& operator=(const Making&) = delete;

    // Registers a socket to be closed in children. There is no remove(): the child checks whether the descriptor still
    // refers to the same socket.
    void add(int socket_fd);
  };

  // Serializes the creation and destruction of libwebsockets contexts, which servers with TLS have, and which load and unload a library. A child forked
  // during this could never acquire the C library's loader lock, so fork() waits for it. The wait is bounded, because
  // on_log may run meanwhile.
  class Loading {
   public:
    Loading();
    ~Loading();
    Loading(const Loading&) = delete;
    Loading& operator=(const Loading&) = delete;
  };
};

}  // namespace chat::net
