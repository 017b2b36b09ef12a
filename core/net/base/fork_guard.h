// What fork() does to a server. The child gets copies of its sockets, which would keep the port in use and the connections
// open after the parent has closed them. It has none of the server's threads, and its memory is as it was in the middle of
// their work. So the child closes the sockets at once, and no function works there on servers of the parent. Process-wide.
#pragma once

namespace chat::net {

class ForkGuard {
 public:
  // Call it before the first server starts. May be called any number of times.
  static void install();

  // The number of forks between the first process and this one. A server of another generation belongs to a parent.
  static unsigned generation();

  // Prevents a fork() between the creation of a socket and add(). Keep it for a moment only.
  class Making {
   public:
    Making();
    ~Making();
    Making(const Making&) = delete;
    Making& operator=(const Making&) = delete;

    // Children close this socket. There is no remove(): a child checks whether the number still is the same socket.
    void add(int socket_fd);
  };

  // Lets one thread at a time create or destroy a libwebsockets context, which loads and unloads a library. A child forked
  // meanwhile could never acquire the C library's lock for that. So fork() waits, but not forever, because on_log may run
  // during this.
  class Loading {
   public:
    Loading();
    ~Loading();
    Loading(const Loading&) = delete;
    Loading& operator=(const Loading&) = delete;
  };
};

}  // namespace chat::net
