// Returns memory to the system after a peak. The allocator keeps what was freed, for the next peak: this asks it to give it back
// when much has been freed, and not often. For its loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/base/timer_wheel.h"

namespace chat::net {

class LoopContext;

class MemoryRelease final : public TimerEntry {
 public:
  // What a connection or a session holds besides its queues, about.
  static constexpr std::size_t kConnectionBytes = 8'192;

  explicit MemoryRelease(LoopContext& loop) : loop_(loop) {}

  // About so much has become free.
  void freed(std::size_t bytes);

 protected:
  void on_deadline(std::int64_t now_ms) override;

 private:
  LoopContext& loop_;
  std::size_t freed_bytes_ = 0;  // since the last release
};

}  // namespace chat::net
