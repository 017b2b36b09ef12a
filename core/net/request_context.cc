// See request_context.h.
#include "net/request_context.h"

#include <algorithm>

#include "net/server.h"

namespace chat::net {

RequestContext describe(const HttpRequest& request, const std::string& peer_address, const Server& server) {
  const ServerOptions& options = server.options();
  const std::optional<IpAddress> peer = IpAddress::parse(peer_address);
  const auto& trusted = server.trusted_proxies();
  const bool proxied =
      peer && std::any_of(trusted.begin(), trusted.end(), [&](const IpBlock& block) { return block.contains(*peer); });

  RequestContext context;
  context.address = client_address(peer_address, request.header("x-forwarded-for"), trusted);
  const std::string_view forwarded_host = request.header("x-forwarded-host");
  context.host = proxied && !forwarded_host.empty() ? forwarded_host : request.header("host");
  context.secure = !options.tls_certificate_file.empty() ||
                   (proxied && equals_ignoring_case(request.header("x-forwarded-proto"), "https"));
  context.origin_allowed =
      origin_allowed(request.header("origin"), context.host, context.secure, options.allowed_origins);
  return context;
}

}  // namespace chat::net
