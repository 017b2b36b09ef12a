// See json_to_msgpack.h.
#include "wire/socket_io_cluster/json_to_msgpack.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "wire/json/json.h"

namespace chat::wire {
namespace {

using json::Token;

// The integers that a double represents without gaps.
constexpr double kMaxSafeInteger = 9'007'199'254'740'992;

// What must be known of a container before its elements are written.
struct Shape {
  std::uint32_t count = 0;  // elements, or members
  // The attachment that takes its place.
  std::optional<std::uint32_t> attachment;
};

// The shapes of all containers, in the order in which they begin.
class ShapeReader {
 public:
  explicit ShapeReader(std::size_t attachment_count) : attachment_count_(attachment_count) {}

  Status read(std::string_view text) {
    json::TokenReader tokens(text, json::TokenReader::kDepthCeiling);
    for (Token token = tokens.next(); token != Token::end; token = tokens.next()) {
      if (token == Token::fault) return tokens.fault();
      see(token, tokens);
    }
    return {};
  }

  const std::vector<Shape>& shapes() const { return shapes_; }

 private:
  enum class Name : std::uint8_t { other, placeholder, num };

  struct Open {
    std::size_t shape = 0;
    bool is_object = false;
    bool marked = false;  // "_placeholder":true
    std::string_view num;
  };

  void see(Token token, const json::TokenReader& tokens) {
    if (token == Token::end_object || token == Token::end_array) {
      end(open_[--depth_]);
      return;
    }
    if (token == Token::name) {
      ++shapes_[open_[depth_ - 1].shape].count;
      name_ = Name::other;
      if (json::equals(tokens.token(), "_placeholder")) name_ = Name::placeholder;
      if (json::equals(tokens.token(), "num")) name_ = Name::num;
      return;
    }
    if (depth_ != 0) {
      Open& open = open_[depth_ - 1];
      if (!open.is_object) {
        ++shapes_[open.shape].count;
      } else if (token == Token::true_literal && name_ == Name::placeholder) {
        open.marked = true;
      } else if (token == Token::number && name_ == Name::num) {
        open.num = tokens.token();
      }
    }
    if (token == Token::begin_object || token == Token::begin_array) {
      open_[depth_++] = {shapes_.size(), token == Token::begin_object, false, {}};
      shapes_.emplace_back();
    }
  }

  void end(const Open& open) {
    if (!open.marked || shapes_[open.shape].count != 2) return;
    const std::optional<std::uint64_t> num = json::parse_unsigned(open.num);
    if (num && *num < attachment_count_) shapes_[open.shape].attachment = static_cast<std::uint32_t>(*num);
  }

  const std::size_t attachment_count_;
  std::vector<Shape> shapes_;
  Name name_ = Name::other;  // of the member whose value follows
  std::size_t depth_ = 0;
  std::array<Open, json::TokenReader::kDepthCeiling> open_;  // outermost first
};

void append_byte(std::string& out, unsigned byte) { out += static_cast<char>(byte); }

void append_big_endian(std::string& out, std::uint64_t number, std::size_t size) {
  for (std::size_t i = size; i-- > 0;) append_byte(out, static_cast<unsigned>(number >> (i * 8)) & 0xFF);
}

// A head of the smallest size: `tiny` with the count in its low bits up to max_tiny, then the formats with 1 (if format_8
// is not 0), 2 and 4 bytes.
struct HeadFormats {
  unsigned tiny;
  std::size_t max_tiny;  // of this many and more there is no tiny format
  unsigned format_8;
  unsigned format_16;
  unsigned format_32;
};
constexpr HeadFormats kString{0xA0, 0x20, 0xD9, 0xDA, 0xDB};
constexpr HeadFormats kBinary{0, 0, 0xC4, 0xC5, 0xC6};
constexpr HeadFormats kArray{0x90, 0x10, 0, 0xDC, 0xDD};
constexpr HeadFormats kMap{0x80, 0x10, 0, 0xDE, 0xDF};

void append_head(std::string& out, const HeadFormats& formats, std::size_t count) {
  if (count < formats.max_tiny) {
    append_byte(out, formats.tiny | static_cast<unsigned>(count));
  } else if (count < 0x100 && formats.format_8 != 0) {
    append_byte(out, formats.format_8);
    append_big_endian(out, count, 1);
  } else if (count < 0x10000) {
    append_byte(out, formats.format_16);
    append_big_endian(out, count, 2);
  } else {
    append_byte(out, formats.format_32);
    append_big_endian(out, count, 4);
  }
}

void append_unsigned(std::string& out, std::uint64_t number) {
  if (number < 0x80) return append_byte(out, static_cast<unsigned>(number));
  unsigned power = 0;  // of 2: bytes
  while (power < 3 && number >> (8U << power) != 0) ++power;
  append_byte(out, 0xCC + power);
  append_big_endian(out, number, std::size_t{1} << power);
}

void append_negative(std::string& out, std::int64_t number) {
  if (number >= -0x20) return append_byte(out, static_cast<unsigned>(number) & 0xFF);
  unsigned power = 0;
  while (power < 3 && number < -(std::int64_t{1} << ((8U << power) - 1))) ++power;
  append_byte(out, 0xD0 + power);
  append_big_endian(out, static_cast<std::uint64_t>(number), std::size_t{1} << power);
}

void append_integer(std::string& out, std::int64_t number) {
  if (number < 0) return append_negative(out, number);
  append_unsigned(out, static_cast<std::uint64_t>(number));
}

// What JSON.parse makes of a number that no double is near: infinity or zero.
double out_of_range(std::string_view number) {
  constexpr std::int64_t kMaxExponent = 1'000'000'000'000;
  const std::size_t e = number.find_first_of("eE");
  const std::string_view mantissa = number.substr(0, e);
  const std::size_t point = mantissa.find('.');
  const std::size_t first = mantissa.find_first_of("123456789");
  if (first == std::string_view::npos) return 0;
  const auto place = static_cast<std::int64_t>(point == std::string_view::npos ? mantissa.size() : point) -
                     static_cast<std::int64_t>(first);
  std::int64_t exponent = 0;
  if (e != std::string_view::npos) {
    std::string_view digits = number.substr(e + 1);
    const bool negative = digits.starts_with('-');
    if (negative || digits.starts_with('+')) digits.remove_prefix(1);
    const bool read = std::from_chars(digits.data(), digits.data() + digits.size(), exponent).ec == std::errc();
    if (!read || exponent > kMaxExponent) exponent = kMaxExponent;
    if (negative) exponent = -exponent;
  }
  if (place + exponent < 0) return 0;
  const double infinity = std::numeric_limits<double>::infinity();
  return number.starts_with('-') ? -infinity : infinity;
}

void append_number(std::string& out, std::string_view number) {
  const char* const begin = number.data();
  const char* const end = begin + number.size();
  if (const auto positive = json::parse_unsigned(number)) return append_unsigned(out, *positive);
  std::int64_t negative = 0;
  if (const auto [stop, error] = std::from_chars(begin, end, negative); error == std::errc() && stop == end) {
    return append_integer(out, negative);
  }
  double real = 0;
  if (const auto [stop, error] = std::from_chars(begin, end, real); error != std::errc()) real = out_of_range(number);
  if (std::abs(real) <= kMaxSafeInteger && std::trunc(real) == real) {
    return append_integer(out, static_cast<std::int64_t>(real));
  }
  append_byte(out, 0xCB);
  append_big_endian(out, std::bit_cast<std::uint64_t>(real), 8);
}

void append_text(std::string& out, std::string_view quoted) {
  const std::string text = json::unescape_lossy(quoted);
  append_head(out, kString, text.size());
  out += text;
}

}  // namespace

Status append_msgpack(std::string& out, std::string_view json, std::span<const std::string> attachments,
                      const ClusterLimits& limits) {
  if (json.size() > limits.max_bytes) return limits.too_large();
  ShapeReader reader(attachments.size());
  if (Status status = reader.read(json); !status.ok()) return status;

  std::size_t next_shape = 0;
  json::TokenReader tokens(json, json::TokenReader::kDepthCeiling);
  for (Token token = tokens.next(); token != Token::end; token = tokens.next()) {
    switch (token) {
      case Token::begin_object: {
        const Shape& shape = reader.shapes()[next_shape++];
        if (!shape.attachment) {
          append_head(out, kMap, shape.count);
          break;
        }
        const std::string& attachment = attachments[*shape.attachment];
        if (out.size() + attachment.size() > limits.max_bytes) return limits.too_large();
        append_head(out, kBinary, attachment.size());
        out += attachment;
        while (token != Token::end_object) token = tokens.next();
        break;
      }
      case Token::begin_array:
        append_head(out, kArray, reader.shapes()[next_shape++].count);
        break;
      case Token::name:
      case Token::string:
        append_text(out, tokens.token());
        break;
      case Token::number:
        append_number(out, tokens.token());
        break;
      case Token::true_literal:
        append_byte(out, 0xC3);
        break;
      case Token::false_literal:
        append_byte(out, 0xC2);
        break;
      case Token::null_literal:
        append_byte(out, 0xC0);
        break;
      default:
        break;
    }
    if (out.size() > limits.max_bytes) return limits.too_large();
  }
  return {};
}

}  // namespace chat::wire
