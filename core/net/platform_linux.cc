// See platform.h.
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <cerrno>
#include <cstring>
#include <initializer_list>

#include "net/platform.h"

namespace chat::net {

int accept_socket(int listening_fd, sockaddr* address, unsigned* address_size) {
  return accept4(listening_fd, address, address_size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

SignalsBlocked::SignalsBlocked() {
  static_assert(sizeof kept_ >= sizeof(sigset_t));
  sigset_t all;
  sigfillset(&all);
  // What a thread does to itself: runtimes and crash reporters of the host rely on these in its callbacks.
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) sigdelset(&all, fault);
  pthread_sigmask(SIG_BLOCK, &all, reinterpret_cast<sigset_t*>(kept_));
}

SignalsBlocked::~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, reinterpret_cast<sigset_t*>(kept_), nullptr); }

SigpipeBlocked::SigpipeBlocked() {
  sigset_t pending;
  sigpending(&pending);
  was_pending_ = sigismember(&pending, SIGPIPE) == 1;
  sigset_t pipe;
  sigset_t before;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, &before);
  was_blocked_ = sigismember(&before, SIGPIPE) == 1;
}

SigpipeBlocked::~SigpipeBlocked() {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  const timespec no_time{};
  if (!was_pending_) {
    while (sigtimedwait(&pipe, nullptr, &no_time) < 0 && errno == EINTR) {
    }
  }
  if (!was_blocked_) pthread_sigmask(SIG_UNBLOCK, &pipe, nullptr);
}

void name_thread(const char* name) { pthread_setname_np(pthread_self(), name); }

void release_free_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

WakeDescriptor::~WakeDescriptor() {
  if (timer_fd_ >= 0) close(timer_fd_);
  if (epoll_fd_ >= 0) close(epoll_fd_);
}

bool WakeDescriptor::open(int watched_fd) {
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  timer_fd_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (epoll_fd_ < 0 || timer_fd_ < 0) return false;
  for (const int fd : {watched_fd, timer_fd_}) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) return false;
  }
  return true;
}

void WakeDescriptor::set_timeout(int timeout_ms) {
  itimerspec spec{};
  if (timeout_ms == 0) {
    spec.it_value.tv_nsec = 1;  // all zero would disarm it
  } else if (timeout_ms > 0) {
    spec.it_value.tv_sec = timeout_ms / 1000;
    spec.it_value.tv_nsec = (timeout_ms % 1000) * 1'000'000L;
  }
  timerfd_settime(timer_fd_, 0, &spec, nullptr);
}

void WakeDescriptor::wait(int timeout_ms) const {
  pollfd descriptor{epoll_fd_, POLLIN, 0};
  poll(&descriptor, 1, timeout_ms);
}

}  // namespace chat::net
