// The option trusted_proxies: the proxies whose headers about a client are accepted. No I/O.
#pragma once

#include <string_view>
#include <vector>

#include "model/address.h"

namespace chat::net {

class TrustedProxies {
 public:
  // Adds an address, a CIDR block, or "unix" for peers on a UNIX socket. Returns false for other text.
  bool add(std::string_view entry);

  // `address`: in the form of IpAddress::text(); empty on a UNIX socket.
  bool contains(std::string_view address) const;

 private:
  std::vector<IpBlock> blocks_;
  bool unix_sockets_ = false;
};

}  // namespace chat::net
