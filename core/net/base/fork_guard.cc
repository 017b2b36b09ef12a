// See fork_guard.h. Between fork() and the end of the child's handler only async-signal-safe functions may be called;
// locking and allocating are not allowed.
#include "net/base/fork_guard.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <ctime>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "net/base/platform.h"

namespace chat::net {
namespace {

// The inode number of each registered socket, indexed by descriptor; 0: none. Never destroyed, because a child may be
// forked while the process exits.
std::vector<ino_t>& sockets() {
  static auto* const sockets = new std::vector<ino_t>;  // NOLINT(cppcoreguidelines-owning-memory)
  return *sockets;
}

std::mutex& sockets_mutex() {
  static auto* const mutex = new std::mutex;  // NOLINT(cppcoreguidelines-owning-memory)
  return *mutex;
}

std::atomic<unsigned> forks = 0;

constexpr int kMaxTries = 1'000;
constexpr timespec kBetweenTries{0, 1'000'000};

// A mutex per process, because a thread of the parent may hold the parent's mutex during fork().
std::mutex& loading_mutex() {
  struct OfProcess {
    explicit OfProcess(unsigned number) : generation(number) {}
    const unsigned generation;
    std::mutex mutex;
  };
  static std::atomic<OfProcess*> newest = nullptr;
  OfProcess* of_process = newest.load();
  if (of_process == nullptr || of_process->generation != ForkGuard::generation()) {
    auto fresh = std::make_unique<OfProcess>(ForkGuard::generation());
    if (newest.compare_exchange_strong(of_process, fresh.get())) of_process = fresh.release();
  }
  return of_process->mutex;
}

thread_local bool this_thread_loads = false;
thread_local std::mutex* held_for_fork = nullptr;

void before_fork() {
  std::mutex& loading = loading_mutex();
  for (int i = 0; i < kMaxTries && !this_thread_loads && held_for_fork == nullptr; ++i) {
    if (loading.try_lock()) {
      held_for_fork = &loading;
    } else {
      nanosleep(&kBetweenTries, nullptr);
    }
  }
  sockets_mutex().lock();
}

void after_fork_in_parent() {
  sockets_mutex().unlock();
  if (std::mutex* held = std::exchange(held_for_fork, nullptr)) held->unlock();
}

void after_fork_in_child() {
  forks.fetch_add(1, std::memory_order_relaxed);
  std::vector<ino_t>& all = sockets();
  for (std::size_t fd = 0; fd < all.size(); ++fd) {
    struct stat status;
    if (all[fd] == 0) continue;
    const int number = static_cast<int>(fd);
    if (fstat(number, &status) == 0 && S_ISSOCK(status.st_mode) && status.st_ino == all[fd]) close(number);
    all[fd] = 0;
  }
  sockets_mutex().unlock();
  held_for_fork = nullptr;
  restore_signals_in_child();
}

}  // namespace

void ForkGuard::install() {
  static const int result = [] {
    loading_mutex();
    sockets_mutex();
    sockets();
    return pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  }();
  (void)result;  // out of memory: children then keep the sockets until exec
}

unsigned ForkGuard::generation() { return forks.load(std::memory_order_relaxed); }

ForkGuard::Making::Making() { sockets_mutex().lock(); }
ForkGuard::Making::~Making() { sockets_mutex().unlock(); }

ForkGuard::Loading::Loading() {
  loading_mutex().lock();
  this_thread_loads = true;
}

ForkGuard::Loading::~Loading() {
  this_thread_loads = false;
  loading_mutex().unlock();
}

void ForkGuard::Making::add(int socket_fd) {
  struct stat status;
  if (fstat(socket_fd, &status) != 0) return;
  std::vector<ino_t>& all = sockets();
  const auto place = static_cast<std::size_t>(socket_fd);
  if (place >= all.size()) all.resize(place + 1);
  all[place] = status.st_ino;
}

}  // namespace chat::net
