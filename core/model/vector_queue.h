// A queue in one block of memory, in order and with random access. Unlike std::deque it holds no memory while it is empty, which
// counts where each client has one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "model/give_back.h"

namespace chat {

// The moves of Item must not throw.
template <class Item>
class VectorQueue {
 public:
  using Items = std::vector<Item>;

  VectorQueue() = default;
  VectorQueue(const VectorQueue&) = default;
  // The other one is empty afterwards.
  VectorQueue(VectorQueue&& other) noexcept
      : items_(std::exchange(other.items_, {})), first_(std::exchange(other.first_, 0)) {}
  VectorQueue& operator=(VectorQueue other) noexcept {
    items_.swap(other.items_);
    std::swap(first_, other.first_);
    return *this;
  }
  ~VectorQueue() = default;

  auto begin() { return items_.begin() + static_cast<std::ptrdiff_t>(first_); }
  auto begin() const { return items_.begin() + static_cast<std::ptrdiff_t>(first_); }
  auto end() { return items_.end(); }
  auto end() const { return items_.end(); }
  bool empty() const { return first_ == items_.size(); }
  std::size_t size() const { return items_.size() - first_; }
  Item& front() { return items_[first_]; }
  const Item& front() const { return items_[first_]; }
  Item& back() { return items_.back(); }
  const Item& back() const { return items_.back(); }

  // Throws std::bad_alloc; nothing is added then. References to items become invalid.
  template <class... Arguments>
  Item& emplace_back(Arguments&&... arguments) {
    // At least a quarter of the places is free again, so that the moves are few for each item that is added.
    if (items_.size() == items_.capacity() && first_ > items_.size() / 4) drop_taken();
    return items_.emplace_back(std::forward<Arguments>(arguments)...);
  }
  void push_back(Item item) { emplace_back(std::move(item)); }

  void pop_front() {
    { [[maybe_unused]] const Item taken = std::move(items_[first_]); }
    ++first_;
    if (empty()) clear();
  }
  void pop_back() {
    items_.pop_back();
    if (empty()) clear();
  }
  template <class Iterator>
  void erase(Iterator from, Iterator to) {
    items_.erase(from, to);
    if (empty()) clear();
  }
  // Frees the memory too.
  void clear() {
    give_back(items_);
    first_ = 0;
  }

 private:
  void drop_taken() {
    items_.erase(items_.begin(), begin());
    first_ = 0;
  }

  Items items_;
  std::size_t first_ = 0;  // the items before it have been taken
};

}  // namespace chat
