// See base64.h. OpenSSL's decoder is not used because it supports only one alphabet and requires padding.
#include "wire/base64.h"

#include <array>
#include <cstdint>
#include <utility>

namespace chat::wire {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kForeign = 0xFF;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kForeign);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i)
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  values['-'] = 62;
  values['_'] = 63;
  return values;
}
constexpr std::array<std::uint8_t, 256> kValues = make_values();

// Collects six bits per character.
class Decoder {
 public:
  explicit Decoder(std::size_t characters) { bytes_.reserve(characters / 4 * 3 + 2); }

  void add(std::uint8_t value) {
    bits_ = bits_ << 6 | value;
    bit_count_ += 6;
    if (bit_count_ < 8) return;
    bit_count_ -= 8;
    bytes_ += static_cast<char>(bits_ >> bit_count_);
    bits_ &= (1U << bit_count_) - 1;
  }

  unsigned left_over_bit_count() const { return bit_count_; }
  std::uint32_t left_over_bits() const { return bits_; }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
  std::uint32_t bits_ = 0;
  unsigned bit_count_ = 0;
};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

std::optional<std::string> base64_decode(std::string_view text) {
  Decoder decoder(text.size());
  std::size_t digits = 0;
  std::size_t pads = 0;
  for (const char c : text) {
    if (is_space(c)) continue;
    if (c == '=') {
      ++pads;
      continue;
    }
    const std::uint8_t value = kValues[static_cast<unsigned char>(c)];
    if (value == kForeign || pads != 0) return std::nullopt;
    decoder.add(value);
    ++digits;
  }
  if (pads > 2 || (pads != 0 && (digits + pads) % 4 != 0)) return std::nullopt;
  if (decoder.left_over_bit_count() >= 6 || decoder.left_over_bits() != 0) return std::nullopt;
  return decoder.take();
}

std::string base64_decode_lenient(std::string_view text) {
  Decoder decoder(text.size());
  for (const char c : text) {
    if (c == '=') break;
    const std::uint8_t value = kValues[static_cast<unsigned char>(c)];
    if (value != kForeign) decoder.add(value);
  }
  return decoder.take();
}

void append_base64(std::string& out, std::string_view bytes) {
  const auto at = [&](std::size_t i) -> std::uint32_t {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0;
  };
  out.reserve(out.size() + base64_size(bytes.size()));
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::uint32_t bits = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    out += kAlphabet[bits >> 18];
    out += kAlphabet[bits >> 12 & 0x3F];
    out += i + 1 < bytes.size() ? kAlphabet[bits >> 6 & 0x3F] : '=';
    out += i + 2 < bytes.size() ? kAlphabet[bits & 0x3F] : '=';
  }
}

}  // namespace chat::wire
