// See forks.h.
#include "forks.h"

#include <pthread.h>

#include <atomic>

namespace pychat {
namespace {

std::atomic<std::uint64_t> count = 0;

const bool counted = [] { return pthread_atfork(nullptr, nullptr, [] { count.fetch_add(1); }) == 0; }();

}  // namespace

std::uint64_t forks() { return count.load(std::memory_order_relaxed); }

}  // namespace pychat
