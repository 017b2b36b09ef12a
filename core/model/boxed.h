// A part that few objects of a kind need: it takes a pointer until it is used. A copy has a copy of the part.
#pragma once

#include <memory>

namespace chat {

template <class Part>
class Boxed {
 public:
  Boxed() = default;
  Boxed(const Boxed& other) : part_(other.part_ ? std::make_unique<Part>(*other.part_) : nullptr) {}
  Boxed(Boxed&& other) noexcept = default;
  Boxed& operator=(Boxed other) noexcept {
    part_.swap(other.part_);
    return *this;
  }
  ~Boxed() = default;

  bool made() const { return part_ != nullptr; }
  // What the part holds when nobody has changed it, until it is made.
  const Part& operator*() const {
    static const Part unchanged{};
    return part_ ? *part_ : unchanged;
  }
  const Part* operator->() const { return &**this; }
  // The part, to be changed. Throws std::bad_alloc; there is none then.
  Part& make() {
    if (!part_) part_ = std::make_unique<Part>();
    return *part_;
  }
  // The part, which has been made.
  Part& get() { return *part_; }
  void reset() noexcept { part_.reset(); }

 private:
  std::unique_ptr<Part> part_;
};

}  // namespace chat
