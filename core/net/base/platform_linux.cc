// See platform.h.
#include <fcntl.h>
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

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <initializer_list>

#include "net/base/fork_guard.h"
#include "net/base/platform.h"

namespace chat::net {

namespace {

static_assert(sizeof(SignalsBlocked::Mask) >= sizeof(sigset_t));

sigset_t* as_set(SignalsBlocked::Mask& mask) { return reinterpret_cast<sigset_t*>(mask.bytes); }

sigset_t blocked_signals() {
  sigset_t set;
  sigfillset(&set);
  for (const int open : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGPWR, SIGXCPU, SIGPROF, SIGURG}) {
    sigdelset(&set, open);
  }
  for (int open = SIGRTMIN; open <= SIGRTMAX; ++open) sigdelset(&set, open);
  return set;
}

bool same(const sigset_t& a, const sigset_t& b) {
  for (int number = 1; number <= SIGRTMAX; ++number) {
    if (number == SIGKILL || number == SIGSTOP) continue;  // the kernel never blocks these
    if (sigismember(&a, number) != sigismember(&b, number)) return false;
  }
  return true;
}

thread_local bool is_loop_thread = false;
thread_local SignalsBlocked::Mask starters_mask;

}  // namespace

int accept_socket(int listening_fd, sockaddr* address, unsigned* address_size) {
  ForkGuard::Making making;
  const int fd = accept4(listening_fd, address, address_size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) making.add(fd);
  return fd;
}

int open_socket(int family, int type) {
  ForkGuard::Making making;
  const int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0) making.add(fd);
  return fd;
}

SignalsBlocked::SignalsBlocked() {
  const sigset_t blocked = blocked_signals();
  pthread_sigmask(SIG_BLOCK, &blocked, as_set(before_));
}

SignalsBlocked::~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, as_set(before_), nullptr); }

void prepare_thread(const SignalsBlocked::Mask& mask_of_starter) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
  // Also blocks signals that the starting thread had blocked.
  const sigset_t blocked = blocked_signals();
  pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
  starters_mask = mask_of_starter;
  is_loop_thread = true;
}

void restore_signals_in_child() {
  if (!is_loop_thread) return;
  sigset_t now;
  pthread_sigmask(SIG_SETMASK, nullptr, &now);
  // on_thread_start may have set a different mask, which must stay.
  if (same(now, blocked_signals())) pthread_sigmask(SIG_SETMASK, as_set(starters_mask), nullptr);
}

CancellationDisabled::CancellationDisabled() { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
CancellationDisabled::~CancellationDisabled() { pthread_setcancelstate(before_, nullptr); }

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

std::string boot_id() {
  const int fd = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd == -1) return {};
  std::array<char, 64> text;
  const ssize_t size = ::read(fd, text.data(), text.size());
  ::close(fd);
  std::string id(text.data(), static_cast<std::size_t>(std::max<ssize_t>(0, size)));
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

void release_free_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

Poller::~Poller() {
  if (timer_fd_ >= 0) close(timer_fd_);
  if (epoll_fd_ >= 0) close(epoll_fd_);
}

bool Poller::open(bool timer) {
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd_ < 0 || !timer) return epoll_fd_ >= 0;
  timer_fd_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  return timer_fd_ >= 0 && watch(timer_fd_, kTimerKey, 0, kRead);
}

bool Poller::watch(int fd, std::uint64_t key, unsigned before, unsigned now) {
  epoll_event event{};
  event.events = ((now & kRead) != 0 ? EPOLLIN : 0U) | ((now & kWrite) != 0 ? EPOLLOUT : 0U);
  event.data.u64 = key;
  const int operation = before == 0 ? EPOLL_CTL_ADD : now == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
  return before == now || epoll_ctl(epoll_fd_, operation, fd, &event) == 0;
}

std::size_t Poller::wait(std::span<Ready> ready, int timeout_ms) {
  std::array<epoll_event, 1024> events;
  const int wanted = static_cast<int>(std::min(ready.size(), events.size()));
  const int count = epoll_wait(epoll_fd_, events.data(), wanted, timeout_ms);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    ready[static_cast<std::size_t>(i)] = {
        event.data.u64, ((event.events & EPOLLIN) != 0 ? kRead : 0U) | ((event.events & EPOLLOUT) != 0 ? kWrite : 0U),
        (event.events & (EPOLLHUP | EPOLLERR)) != 0};
  }
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

void Poller::set_timeout(int timeout_ms) {
  itimerspec spec{};
  if (timeout_ms == 0) {
    spec.it_value.tv_nsec = 1;  // zero would disarm the timer
  } else if (timeout_ms > 0) {
    spec.it_value.tv_sec = timeout_ms / 1000;
    spec.it_value.tv_nsec = (timeout_ms % 1000) * 1'000'000L;
  }
  timerfd_settime(timer_fd_, 0, &spec, nullptr);
}

void Poller::wait_readable(int timeout_ms) const {
  pollfd descriptor{epoll_fd_, POLLIN, 0};
  poll(&descriptor, 1, timeout_ms);
}

}  // namespace chat::net
