// What only Linux has, and what concerns the whole process: everything to port stands here and in platform_linux.cc.
#pragma once

#include <cstdint>

struct sockaddr;

namespace chat::net {

// As accept4() with a socket that does not block and is closed on exec.
int accept_socket(int listening_fd, sockaddr* address, unsigned* address_size);

// Blocks every signal but a thread's own faults for the calling thread while it lives: threads that start meanwhile are born that way, and no
// handler of the host ever runs on them.
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  alignas(16) unsigned char kept_[128];
};

// Keeps SIGPIPE from the calling thread while it lives, and takes away one that came in that time: OpenSSL writes to
// sockets without MSG_NOSIGNAL.
class SigpipeBlocked {
 public:
  SigpipeBlocked();
  ~SigpipeBlocked();
  SigpipeBlocked(const SigpipeBlocked&) = delete;
  SigpipeBlocked& operator=(const SigpipeBlocked&) = delete;

 private:
  bool was_pending_;
  bool was_blocked_;
};

void name_thread(const char* name);

// Returns the pages of the heap that nothing uses to the system. Of the whole process; nothing happens without glibc.
void release_free_memory();

// One descriptor that is readable when another is, or when a time has come: for loops that the host drives.
class WakeDescriptor {
 public:
  WakeDescriptor() = default;
  ~WakeDescriptor();
  WakeDescriptor(const WakeDescriptor&) = delete;
  WakeDescriptor& operator=(const WakeDescriptor&) = delete;

  // False when the system has no descriptors left.
  bool open(int watched_fd);
  // 0: readable at once; -1: no time.
  void set_timeout(int timeout_ms);
  // Waits until it is readable, at most timeout_ms (-1: as long as it takes).
  void wait(int timeout_ms) const;
  int fd() const { return epoll_fd_; }

 private:
  int epoll_fd_ = -1;
  int timer_fd_ = -1;
};

}  // namespace chat::net
