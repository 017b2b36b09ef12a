// IP addresses and blocks of them (CIDR), to and from text. Pure functions, without sockets.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;

namespace chat::net {

// An IPv4 or IPv6 address. An IPv4 address mapped into IPv6 (::ffff:192.0.2.1) counts as IPv4.
class IpAddress {
 public:
  static std::optional<IpAddress> parse(std::string_view text);
  static std::optional<IpAddress> from(const sockaddr* address);

  std::string text() const;

 private:
  friend class IpBlock;
  std::array<std::uint8_t, 16> bytes_{};  // IPv4 as ::ffff:a.b.c.d
};

// "192.0.2.0/24", "2001:db8::/32", or a single address.
class IpBlock {
 public:
  static std::optional<IpBlock> parse(std::string_view text);
  bool contains(const IpAddress& address) const;

 private:
  IpAddress address_;
  int prefix_bits_ = 128;
};

}  // namespace chat::net
