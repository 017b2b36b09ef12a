// The queue of a loop: events of the hub and tasks of the server, from any thread, in the order in which they were pushed.
#pragma once

#include <algorithm>
#include <cstddef>
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
  // Calls wake() if the inbox was empty, with the lock held, so that a loop that has closed its inbox is never woken. False: the
  // inbox is closed, and the item is dropped. Throws std::bad_alloc; nothing is pushed then.
  template <class Wake>
  bool push(InboxItem item, Wake wake) {
    std::lock_guard lock(mutex_);
    if (closed_) return false;
    make_room(1);
    add(std::move(item), wake);
    return true;
  }

  // Memory for so many items more: push_reserved() uses it, release() gives it back. Throws std::bad_alloc; nothing is reserved
  // then.
  void reserve(std::size_t items) {
    std::lock_guard lock(mutex_);
    make_room(items);
    reserved_ += items;
  }
  template <class Wake>
  void push_reserved(LoopEvent&& event, Wake wake) noexcept {
    std::lock_guard lock(mutex_);
    --reserved_;
    if (!closed_) add(std::move(event), wake);
  }
  void release(std::size_t items) noexcept {
    std::lock_guard lock(mutex_);
    reserved_ -= items;
  }

  // Takes all items. `out` must be empty; its capacity is used for the next items. Throws std::bad_alloc; nothing is taken then.
  void take(std::vector<InboxItem>& out) {
    std::lock_guard lock(mutex_);
    if (out.capacity() < reserved_) out.reserve(reserved_);
    items_.swap(out);
  }

  bool empty() const {
    std::lock_guard lock(mutex_);
    return items_.empty();
  }

  // Frees the memory of the largest batch.
  void give_back_memory() {
    std::lock_guard lock(mutex_);
    if (reserved_ == 0) items_.shrink_to_fit();
  }

  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }

 private:
  // These two with the lock held.
  void make_room(std::size_t items) {
    const std::size_t needed = items_.size() + reserved_ + items;
    if (needed > items_.capacity()) items_.reserve(std::max(needed, 2 * items_.capacity()));
  }
  template <class Item, class Wake>
  void add(Item&& item, Wake wake) {
    items_.emplace_back(std::forward<Item>(item));
    if (items_.size() == 1) wake();
  }

  mutable std::mutex mutex_;
  bool closed_ = false;
  std::size_t reserved_ = 0;  // items_ has capacity for so many more
  std::vector<InboxItem> items_;
};

}  // namespace chat::net
