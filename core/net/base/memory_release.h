// Returns memory to the system after a peak. The allocator keeps freed memory for the next peak. This asks it to return that
// memory once much was freed, and not often. For its loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/base/timer_wheel.h"

namespace chat::net {

class LoopContext;

class MemoryRelease final : public TimerEntry {
 public:
  // The approximate memory of a connection or a session, without its queues.
  static constexpr std::size_t kConnectionBytes = 8'192;

  explicit MemoryRelease(LoopContext& loop) : loop_(loop) {}

  // Approximately so many bytes were freed.
  void freed(std::size_t bytes);

 protected:
  void on_deadline(std::int64_t now_ms) override;

 private:
  LoopContext& loop_;
  std::size_t freed_bytes_ = 0;  // since the last release
};

}  // namespace chat::net
