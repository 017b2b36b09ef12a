// Numbers and texts in one block of bytes, which servers write for each other. A number is LEB128. A text follows its size.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chat {

inline void pack_number(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

inline void pack_text(std::string& out, std::string_view value) {
  pack_number(out, value.size());
  out += value;
}

// Reads them in the same order. nullopt: the bytes are not well-formed. The views point into the bytes.
class PackedReader {
 public:
  explicit PackedReader(std::string_view bytes) : bytes_(bytes) {}

  bool done() const { return bytes_.empty(); }
  std::optional<std::uint64_t> number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
      const auto byte = static_cast<std::uint8_t>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }
  std::optional<std::string_view> text() {
    const std::optional<std::uint64_t> size = number();
    if (!size || *size > bytes_.size()) return std::nullopt;
    const std::string_view value = bytes_.substr(0, *size);
    bytes_.remove_prefix(*size);
    return value;
  }
  // The same, into a variable. False: not well-formed.
  bool read(std::uint64_t& value) {
    const std::optional<std::uint64_t> found = number();
    if (found) value = *found;
    return found.has_value();
  }
  bool read(std::string& value) {
    const std::optional<std::string_view> found = text();
    if (found) value = *found;
    return found.has_value();
  }

 private:
  std::string_view bytes_;
};

}  // namespace chat
