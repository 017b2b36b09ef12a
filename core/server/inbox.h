// What other threads hand to a loop: the hub's events and the server's own tasks, in the order in which they came.
#pragma once

#include <mutex>
#include <utility>
#include <variant>
#include <vector>

#include "hub/loop_inbox.h"
#include "net/base/loop_context.h"

namespace chat::net {

using InboxItem = std::variant<LoopEvent, Task>;

class Inbox {
 public:
  // Calls wake() when it was empty, with the lock held, so that a loop which has closed its inbox is never woken. False:
  // it is closed, and the item is dropped.
  template <class Wake>
  bool push(InboxItem item, Wake wake) {
    std::lock_guard lock(mutex_);
    if (closed_) return false;
    items_.push_back(std::move(item));
    if (items_.size() == 1) wake();
    return true;
  }

  // Takes everything; `out` must be empty and gives its capacity in exchange.
  void take(std::vector<InboxItem>& out) {
    std::lock_guard lock(mutex_);
    items_.swap(out);
  }

  bool empty() const {
    std::lock_guard lock(mutex_);
    return items_.empty();
  }

  // Of its largest batch.
  void give_back_memory() {
    std::lock_guard lock(mutex_);
    items_.shrink_to_fit();
  }

  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }

 private:
  mutable std::mutex mutex_;
  bool closed_ = false;
  std::vector<InboxItem> items_;
};

}  // namespace chat::net
