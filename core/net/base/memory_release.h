// Returns freed memory to the system after a peak. The allocator keeps freed memory; this class asks it to release that
// memory after much has been freed, at most once per memory_release_ms. Use it on its loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/base/timer_wheel.h"

namespace chat::net {

class LoopContext;

class MemoryRelease final : public TimerEntry {
 public:
  // The approximate memory of a connection or session without its queues.
  static constexpr std::size_t kConnectionBytes = 8'192;

  explicit MemoryRelease(LoopContext& loop) : loop_(loop) {}

  // Records that about `bytes` bytes were freed.
  void freed(std::size_t bytes);

 protected:
  void on_deadline(std::int64_t now_ms) override;

 private:
  LoopContext& loop_;
  std::size_t freed_bytes_ = 0;  // since the last release
};

}  // namespace chat::net
