// A request after its proxies' reports are evaluated: the client's address, the host, and whether the client used TLS.
#pragma once

#include <string>

#include "net/base/server_options.h"
#include "net/base/trusted_proxies.h"
#include "net/http/allowed_hosts.h"
#include "net/http/http.h"

namespace chat::net {

// The server's rules for requests: trusted proxies and allowed hosts. They must outlive every request.
struct HttpRules {
  const ServerOptions& options;
  TrustedProxies trusted_proxies;
  AllowedHosts allowed_hosts;
};

struct RequestContext {
  std::string address;  // the client's; empty on a UNIX socket unless a trusted proxy reports one
  std::string host;     // as the client sent it
  bool secure = false;
  bool origin_allowed = false;
  bool forwarded = false;  // by another server of the cluster, which has checked and counted it
};

// remote_address: the socket's.
RequestContext describe(const HttpRequest& request, const std::string& remote_address, const HttpRules& rules);

}  // namespace chat::net
