// What fork() does to a server. The child has copies of its sockets, which would keep the port taken and the connections open
// after the parent has closed them; it has none of its threads, and the memory as it was in the middle of their work. So the
// child closes the sockets at once, and no function works on the servers of its parent. Concerns the whole process.
#pragma once

namespace chat::net {

class ForkGuard {
 public:
  // Before the first server starts; any number of times.
  static void install();

  // How often the process has been forked on the way to this one: a server of another generation is the parent's.
  static unsigned generation();

  // While it lives, no fork() happens between the making of a socket and add(). For a moment only.
  class Making {
   public:
    Making();
    ~Making();
    Making(const Making&) = delete;
    Making& operator=(const Making&) = delete;

    // Children close this socket. It need not be taken back: they look whether the number still means the same socket.
    void add(int socket_fd);
  };

  // One thread at a time makes or takes down a libwebsockets context, which loads and unloads a library. The C library's lock
  // for that is lost in a child that is forked meanwhile. So fork() waits, but not for ever: on_log may run in here.
  class Loading {
   public:
    Loading();
    ~Loading();
    Loading(const Loading&) = delete;
    Loading& operator=(const Loading&) = delete;
  };
};

}  // namespace chat::net
