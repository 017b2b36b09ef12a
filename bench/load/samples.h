// A random sample of fixed size of any number of values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench {

class Samples {
 public:
  void add(double value) {
    ++seen_;
    if (kept_.size() < kSize) {
      kept_.push_back(value);
      return;
    }
    const std::uint64_t at = random() % seen_;
    if (at < kSize) kept_[at] = value;
  }

  void clear() {
    kept_.clear();
    seen_ = 0;
  }

  const std::vector<double>& values() const { return kept_; }

 private:
  static constexpr std::size_t kSize = 2'000;

  // xorshift64
  std::uint64_t random() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

  std::uint64_t state_ = 0x9e3779b97f4a7c15;
  std::uint64_t seen_ = 0;
  std::vector<double> kept_;
};

}  // namespace bench
