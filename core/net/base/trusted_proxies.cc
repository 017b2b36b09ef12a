// See trusted_proxies.h.
#include "net/base/trusted_proxies.h"

#include <algorithm>
#include <optional>

namespace chat::net {

bool TrustedProxies::add(std::string_view entry) {
  if (entry == "unix") {
    unix_sockets_ = true;
    return true;
  }
  const std::optional<IpBlock> block = IpBlock::parse(entry);
  if (block) blocks_.push_back(*block);
  return block.has_value();
}

bool TrustedProxies::contains(std::string_view address) const {
  if (address.empty()) return unix_sockets_;
  if (blocks_.empty()) return false;
  const std::optional<IpAddress> ip = IpAddress::parse(address);
  return ip && std::any_of(blocks_.begin(), blocks_.end(), [&](const IpBlock& block) { return block.contains(*ip); });
}

}  // namespace chat::net
