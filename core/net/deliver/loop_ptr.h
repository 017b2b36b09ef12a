// A counted reference for objects that stay on one loop's thread: the count is not atomic. T derives from LoopCounted.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace chat::net {

class LoopCounted {
 public:
  LoopCounted() = default;
  LoopCounted(const LoopCounted&) = delete;
  LoopCounted& operator=(const LoopCounted&) = delete;

 protected:
  ~LoopCounted() = default;

 private:
  template <class T>
  friend class LoopPtr;

  std::uint32_t references_ = 1;
};

template <class T>
class LoopPtr {
 public:
  LoopPtr() = default;
  template <class... Args>
  static LoopPtr make(Args&&... args) {
    LoopPtr made;
    made.object_ = std::make_unique<T>(std::forward<Args>(args)...).release();
    return made;
  }
  LoopPtr(const LoopPtr& other) : object_(other.object_) {
    if (object_) ++object_->references_;
  }
  LoopPtr(LoopPtr&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  LoopPtr& operator=(LoopPtr other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~LoopPtr() {
    if (object_ && --object_->references_ == 0) destroy(object_);
  }

  const T* operator->() const { return object_; }
  const T& operator*() const { return *object_; }
  const T* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  // How many pointers to the object there are. Not for an empty pointer.
  std::uint32_t holders() const { return object_->references_; }

 private:
  // Out of line, to keep the code small that runs for each receiver.
  [[gnu::noinline]] static void destroy(T* object) { const std::unique_ptr<T> last(object); }

  T* object_ = nullptr;
};

}  // namespace chat::net
