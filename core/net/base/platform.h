// What only Linux has, and what affects the whole process. A port to another system changes this file's implementation,
// platform_linux.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

struct sockaddr;

namespace chat::net {

// Like accept4(). The socket is non-blocking and closed on exec, and children of fork() close it: see fork_guard.h.
int accept_socket(int listening_fd, sockaddr* address, unsigned* address_size);
// Like socket(), for a socket with the same properties.
int open_socket(int family, int type);

// Blocks signals for the calling thread while this exists; threads that start meanwhile inherit that. It does not block a
// thread's own faults, nor the signals by which language runtimes stop, sample or preempt threads: SIGPWR and SIGXCPU (Boehm
// GC, Mono), SIGPROF and SIGURG (Go, profilers), and the real-time signals (.NET, OpenJ9). All other signals are left to the
// host's own threads.
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

  // The signals that the calling thread had blocked before.
  struct Mask {
    alignas(16) unsigned char bytes[128];
  };
  const Mask& before() const { return before_; }

 private:
  Mask before_;
};

// Prepares a thread of the library: it cannot be cancelled, and a child that it forks gets the signal mask of the thread that
// started the server.
void prepare_thread(const SignalsBlocked::Mask& mask_of_starter);
// Runs in a child, on the thread that called fork(): see prepare_thread(). Does nothing on threads that are not the library's.
void restore_signals_in_child();

// The calling thread cannot be cancelled while this exists.
class CancellationDisabled {
 public:
  CancellationDisabled();
  ~CancellationDisabled();
  CancellationDisabled(const CancellationDisabled&) = delete;
  CancellationDisabled& operator=(const CancellationDisabled&) = delete;

 private:
  int before_ = 0;
};

// Blocks SIGPIPE for the calling thread while this exists, and discards one that was raised meanwhile. OpenSSL needs this,
// because it writes to sockets without MSG_NOSIGNAL.
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

// Returns unused pages of the process's heap to the system. Does nothing without glibc.
void release_free_memory();

// The descriptors that a loop waits for. For loops that the host drives, it is a descriptor itself: readable when one of them
// is ready, or at a set time.
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

  // Changes the events that are watched of the descriptor from `before` to `now`. 0: none, not even its end. False when the
  // system cannot do it.
  bool watch(int fd, std::uint64_t key, unsigned before, unsigned now);
  // Waits until a descriptor is ready, at most timeout_ms (-1: no limit). Returns the number of entries filled in. Descriptors
  // that stay ready are reported again, in turn with the others.
  std::size_t wait(std::span<Ready> ready, int timeout_ms);

  // The time after which fd() becomes readable in any case. 0: at once; -1: never.
  void set_timeout(int timeout_ms);
  // Waits until fd() is readable.
  void wait_readable(int timeout_ms) const;
  int fd() const { return epoll_fd_; }

  // The key of the descriptor that set_timeout() uses.
  static constexpr std::uint64_t kTimerKey = UINT64_MAX;

 private:
  int epoll_fd_ = -1;
  int timer_fd_ = -1;
};

}  // namespace chat::net
