// What only Linux has, and what concerns the whole process: everything to port stands here and in platform_linux.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

struct sockaddr;

namespace chat::net {

// As accept4() with a socket that does not block and is closed on exec. Children of fork() close it: see fork_guard.h.
int accept_socket(int listening_fd, sockaddr* address, unsigned* address_size);
// As socket() with the same.
int open_socket(int family, int type);

// Blocks signals for the calling thread while it lives: threads that start meanwhile are born that way. Not blocked are a
// thread's own faults, and the signals by which language runtimes stop, sample or preempt threads: SIGPWR and SIGXCPU (Boehm
// GC, Mono), SIGPROF and SIGURG (Go, profilers), and the real-time ones (.NET, OpenJ9). Any other signal is for the host's
// own threads.
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

  // What the calling thread had blocked before.
  struct Mask {
    alignas(16) unsigned char bytes[128];
  };
  const Mask& before() const { return before_; }

 private:
  Mask before_;
};

// The calling thread is one of ours: it cannot be cancelled, and a child that it forks has the mask of the thread that
// started the server.
void prepare_thread(const SignalsBlocked::Mask& mask_of_starter);
// In a child, on the thread that has forked: see prepare_thread(). Nothing on other threads.
void restore_signals_in_child();

// The calling thread cannot be cancelled while this lives.
class CancellationDisabled {
 public:
  CancellationDisabled();
  ~CancellationDisabled();
  CancellationDisabled(const CancellationDisabled&) = delete;
  CancellationDisabled& operator=(const CancellationDisabled&) = delete;

 private:
  int before_ = 0;
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

// The descriptors that a loop waits for. Is itself one, readable when one of them is ready or a time has come: for loops that
// the host drives.
class Poller {
 public:
  static constexpr unsigned kRead = 1;
  static constexpr unsigned kWrite = 2;

  struct Ready {
    std::uint64_t key;
    unsigned events;  // kRead, kWrite
    bool ended;       // nothing more can be read, or written, without an error
  };

  Poller() = default;
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // False when the system has no descriptors left. timer: set_timeout() will be called.
  bool open(bool timer);

  // What is watched of the descriptor changes from `before` to `now`; 0: nothing, not even its end. False when the system
  // cannot do it.
  bool watch(int fd, std::uint64_t key, unsigned before, unsigned now);
  // Waits until something is ready, at most timeout_ms (-1: as long as it takes). Returns how many of `ready` are filled. What
  // is not taken care of is reported again, in turn with the others.
  std::size_t wait(std::span<Ready> ready, int timeout_ms);

  // When fd() becomes readable in any case. 0: at once; -1: no time.
  void set_timeout(int timeout_ms);
  // Waits until fd() is readable.
  void wait_readable(int timeout_ms) const;
  int fd() const { return epoll_fd_; }

  // The key of set_timeout()'s own descriptor.
  static constexpr std::uint64_t kTimerKey = UINT64_MAX;

 private:
  int epoll_fd_ = -1;
  int timer_fd_ = -1;
};

}  // namespace chat::net
