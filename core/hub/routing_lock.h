// A shared mutex that guards the mapping from clients to loops. Senders hold it shared; a move holds it exclusively.
// std::shared_mutex may let readers overtake a waiting writer, so busy senders could delay a move for long. Here new
// readers wait for a pending writer.
#pragma once

#include <atomic>
#include <mutex>
#include <shared_mutex>

namespace chat {

class RoutingLock {
 public:
  using Shared = std::shared_lock<std::shared_mutex>;
  struct Alone {
    std::unique_lock<std::mutex> turn;
    std::unique_lock<std::shared_mutex> routing;
  };

  // Waits for a pending alone() first.
  Shared share() {
    if (alone_waits_.load(std::memory_order_relaxed)) const std::lock_guard after_it(turn_);
    return Shared(routing_);
  }

  Alone alone() {
    std::unique_lock turn(turn_);
    alone_waits_.store(true, std::memory_order_relaxed);
    std::unique_lock routing(routing_);
    alone_waits_.store(false, std::memory_order_relaxed);
    return {std::move(turn), std::move(routing)};
  }

 private:
  std::shared_mutex routing_;
  std::mutex turn_;  // held by alone(); share() takes it briefly when a writer is waiting
  std::atomic<bool> alone_waits_ = false;
};

}  // namespace chat
