// Linux-specific functions, and functions that affect the whole process. A port to another system replaces the
// implementation, platform_linux.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

struct sockaddr;

namespace chat::net {

// Like accept4(). The socket is non-blocking and close-on-exec, and children of fork() close it (fork_guard.h).
int accept_socket(int listening_fd, sockaddr* address, unsigned* address_size);
// Like socket(), with the same socket properties.
int open_socket(int family, int type);

// Blocks signals on the calling thread for its lifetime; threads started meanwhile inherit the mask. It leaves open the
// signals of a thread's own faults and those that language runtimes use to stop, sample or preempt threads: SIGPWR and
// SIGXCPU (Boehm GC, Mono), SIGPROF and SIGURG (Go, profilers), and the real-time signals (.NET, OpenJ9). All other
// signals go to the host's threads.
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

  // The signal mask of the calling thread before.
  struct Mask {
    alignas(16) unsigned char bytes[128];
  };
  const Mask& before() const { return before_; }

 private:
  Mask before_;
};

// Prepares a thread of the library: it cannot be cancelled, and its forked children get the signal mask of the thread
// that started the server.
void prepare_thread(const SignalsBlocked::Mask& mask_of_starter);
// Restores the mask in a forked child, on the thread that called fork(); see prepare_thread(). Does nothing on other
// threads.
void restore_signals_in_child();

// Disables cancellation of the calling thread for its lifetime.
class CancellationDisabled {
 public:
  CancellationDisabled();
  ~CancellationDisabled();
  CancellationDisabled(const CancellationDisabled&) = delete;
  CancellationDisabled& operator=(const CancellationDisabled&) = delete;

 private:
  int before_ = 0;
};

// Blocks SIGPIPE on the calling thread for its lifetime and discards one raised meanwhile. Needed because OpenSSL
// writes to sockets without MSG_NOSIGNAL.
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

// Sets the name of the calling thread, which debuggers and `ps` show.
void name_thread(const char* name);

// Identifies the time since the system started; empty when it is unknown.
std::string boot_id();

// Returns unused heap pages to the system. Does nothing without glibc.
void release_free_memory();

// Waits for the descriptors of a loop. For loops that the host drives, it provides a descriptor that becomes readable
// when one of them is ready or a timeout expires.
class Poller {
 public:
  static constexpr unsigned kRead = 1;
  static constexpr unsigned kWrite = 2;

  struct Ready {
    std::uint64_t key;
    unsigned events;  // kRead, kWrite
    bool ended;       // error or hang-up
  };

  Poller() = default;
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Returns false when no descriptors are left. timer: whether set_timeout() will be used.
  bool open(bool timer);

  // Changes the watched events of a descriptor from `before` to `now`; 0: none, not even hang-up. Returns false on a
  // system error.
  bool watch(int fd, std::uint64_t key, unsigned before, unsigned now);
  // Waits until a descriptor is ready, at most timeout_ms (-1: no limit). Returns the number of entries filled in.
  // Descriptors that stay ready are reported again, in turn with the others.
  std::size_t wait(std::span<Ready> ready, int timeout_ms);

  // Makes fd() readable after this time; 0: immediately; -1: never.
  void set_timeout(int timeout_ms);
  // Waits until fd() is readable.
  void wait_readable(int timeout_ms) const;
  int fd() const { return epoll_fd_; }

  // The key of the descriptor behind set_timeout().
  static constexpr std::uint64_t kTimerKey = UINT64_MAX;

 private:
  int epoll_fd_ = -1;
  int timer_fd_ = -1;
};

}  // namespace chat::net
