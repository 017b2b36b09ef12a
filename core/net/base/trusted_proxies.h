// The option trusted_proxies: the proxies whose headers about a request's client are believed. No I/O.
#pragma once

#include <string_view>
#include <vector>

#include "net/base/address.h"

namespace chat::net {

class TrustedProxies {
 public:
  // An address, a block, or "unix" for whoever connects to a UNIX socket. False when it is none of them.
  bool add(std::string_view entry);

  // `address`: in the form of IpAddress::text(); empty for a UNIX socket.
  bool contains(std::string_view address) const;

 private:
  std::vector<IpBlock> blocks_;
  bool unix_sockets_ = false;
};

}  // namespace chat::net
