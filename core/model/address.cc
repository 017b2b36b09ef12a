// See address.h.
#include "model/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace chat {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;  // inet_pton() would stop at a NUL
  const std::string copy(text);
  IpAddress result;
  in_addr v4;
  if (inet_pton(AF_INET, copy.c_str(), &v4) == 1) {
    std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), result.bytes_.begin());
    std::memcpy(result.bytes_.data() + 12, &v4, 4);
    return result;
  }
  if (inet_pton(AF_INET6, copy.c_str(), result.bytes_.data()) == 1) return result;
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::from(const sockaddr* address) {
  IpAddress result;
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), result.bytes_.begin());
    std::memcpy(result.bytes_.data() + 12, &v4->sin_addr, 4);
    return result;
  }
  if (address->sa_family == AF_INET6) {
    std::memcpy(result.bytes_.data(), &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, 16);
    return result;
  }
  return std::nullopt;
}

std::string IpAddress::text() const {
  char buffer[INET6_ADDRSTRLEN] = "";
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes_.begin())) {
    inet_ntop(AF_INET, bytes_.data() + 12, buffer, sizeof buffer);
  } else {
    inet_ntop(AF_INET6, bytes_.data(), buffer, sizeof buffer);
  }
  return buffer;
}

std::optional<IpBlock> IpBlock::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  std::optional<IpAddress> address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  IpBlock block;
  block.address_ = *address;
  if (slash == std::string_view::npos) return block;
  const std::string_view digits = text.substr(slash + 1);
  const bool v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  unsigned bits = 0;  // unsigned, so that "-0" is rejected
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (error != std::errc() || end != digits.data() + digits.size() || bits > (v4 ? 32U : 128U)) return std::nullopt;
  block.cut(static_cast<int>(v4 ? bits + 96 : bits));
  return block;
}

std::optional<IpBlock> IpBlock::parse_subscriber(std::string_view text) {
  constexpr int kSubscriberBits = 64;
  std::optional<IpBlock> block = parse(text);
  if (block && text.find('/') == std::string_view::npos && !block->is_v4()) block->cut(kSubscriberBits);
  return block;
}

void IpBlock::cut(int prefix_bits) {
  prefix_bits_ = prefix_bits;
  for (int bit = prefix_bits; bit < 128; ++bit) {
    address_.bytes_[static_cast<std::size_t>(bit / 8)] &= static_cast<std::uint8_t>(~(0x80 >> (bit % 8)));
  }
}

bool IpBlock::is_v4() const {
  return prefix_bits_ >= 96 && std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), address_.bytes_.begin());
}

std::string IpBlock::text() const {
  return address_.text() + '/' + std::to_string(is_v4() ? prefix_bits_ - 96 : prefix_bits_);
}

bool IpBlock::contains(const IpAddress& address) const {
  const auto whole = static_cast<std::size_t>(prefix_bits_ / 8);
  if (!std::equal(address_.bytes_.begin(), address_.bytes_.begin() + static_cast<std::ptrdiff_t>(whole),
                  address.bytes_.begin())) {
    return false;
  }
  const int rest = prefix_bits_ % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return (address_.bytes_[whole] & mask) == (address.bytes_[whole] & mask);
}

}  // namespace chat
