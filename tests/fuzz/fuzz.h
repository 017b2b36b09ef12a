// What the fuzz targets share.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

namespace chat::fuzz {

inline void require(bool condition) {
  if (!condition) std::abort();
}

// A copy in memory of exactly its size: AddressSanitizer sees whoever reads outside of it, which in the middle of a longer
// input would go unseen.
class Exact {
 public:
  explicit Exact(std::string_view bytes) : bytes_(new char[bytes.size()]), size_(bytes.size()) {
    if (size_ != 0) std::memcpy(bytes_.get(), bytes.data(), size_);
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

// The input of a target: choices first, a byte each, then the rest.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  std::uint8_t choice() {  // 0 when there is nothing left
    if (rest_.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }
  // Up to the next `separator`, without it. False: nothing is left.
  bool piece(char separator, std::string_view& piece) {
    if (at_end_) return false;
    const std::size_t end = rest_.find(separator);
    piece = rest_.substr(0, end);
    at_end_ = end == std::string_view::npos;
    rest_.remove_prefix(at_end_ ? rest_.size() : end + 1);
    return true;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool at_end_ = false;
};

}  // namespace chat::fuzz
