// See memory_release.h.
#include "net/base/memory_release.h"

#include "net/base/loop_context.h"
#include "net/base/platform.h"

namespace chat::net {
namespace {

// Walking the heap is not worthwhile for smaller amounts.
constexpr std::size_t kWorthwhileBytes = 4 << 20;

}  // namespace

void MemoryRelease::freed(std::size_t bytes) {
  freed_bytes_ += bytes;
  if (freed_bytes_ < kWorthwhileBytes || pending()) return;
  const std::int64_t interval_ms = loop_.options().memory_release_ms;
  if (interval_ms != kUnlimited) loop_.set_timer(*this, loop_.now_ms() + interval_ms);
}

void MemoryRelease::on_deadline(std::int64_t) {
  freed_bytes_ = 0;
  loop_.give_back_memory();
  release_free_memory();
}

}  // namespace chat::net
