// What a request means once the proxies that it came through are known: where from, to which host, and whether by TLS.
#pragma once

#include <string>

#include "net/base/server_options.h"
#include "net/base/trusted_proxies.h"
#include "net/http/allowed_hosts.h"
#include "net/http/http.h"

namespace chat::net {

// What tells who is meant by a request, and who may ask. Of the server: outlives every request.
struct HttpRules {
  const ServerOptions& options;
  TrustedProxies trusted_proxies;
  AllowedHosts allowed_hosts;
};

struct RequestContext {
  std::string address;  // of the client; empty on a UNIX socket, unless a trusted proxy says more
  std::string host;     // as the client has written it
  bool secure = false;
  bool origin_allowed = false;
};

// remote_address: of the socket.
RequestContext describe(const HttpRequest& request, const std::string& remote_address, const HttpRules& rules);

}  // namespace chat::net
