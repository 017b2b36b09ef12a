// Which loop a client lives on stays as it is for whoever shares this lock, and is changed by who has it alone. A shared
// mutex lets those who share it go before the one who waits to have it alone, and busy senders would hold up a move for long:
// here they let it go first.
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

  // After an alone() that waits.
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
  std::mutex turn_;  // of alone(), and for a moment of those that let it go first
  std::atomic<bool> alone_waits_ = false;
};

}  // namespace chat
