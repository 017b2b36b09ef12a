// IP addresses and CIDR blocks: parsing, formatting, membership. Pure functions without sockets.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;

namespace chat {

// An IPv4 or IPv6 address. An IPv4-mapped IPv6 address (::ffff:192.0.2.1) is equal to the IPv4 address.
class IpAddress {
 public:
  // Returns nullopt when the text is not an address.
  static std::optional<IpAddress> parse(std::string_view text);
  // Returns nullopt for other address families.
  static std::optional<IpAddress> from(const sockaddr* address);

  // The canonical form: "192.0.2.1", "2001:db8::1".
  std::string text() const;
  bool operator==(const IpAddress&) const = default;

 private:
  friend class IpBlock;
  std::array<std::uint8_t, 16> bytes_{};  // IPv4 as ::ffff:a.b.c.d
};

// A CIDR block, "192.0.2.0/24" or "2001:db8::/32", or a single address.
class IpBlock {
 public:
  // Returns nullopt when the text is neither a block nor an address, or when the prefix is too long.
  static std::optional<IpBlock> parse(std::string_view text);
  // The same, but a single IPv6 address stands for its /64, which usually belongs to one subscriber.
  static std::optional<IpBlock> parse_subscriber(std::string_view text);
  bool contains(const IpAddress& address) const;

  // The canonical form, with bits outside of the prefix as 0: "192.0.2.0/24", "2001:db8::/32".
  std::string text() const;
  bool operator==(const IpBlock&) const = default;  // of blocks from parse()

 private:
  void cut(int prefix_bits);
  bool is_v4() const;

  IpAddress address_;
  int prefix_bits_ = 128;
};

}  // namespace chat
