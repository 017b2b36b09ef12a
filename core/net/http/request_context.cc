// See request_context.h.
#include "net/http/request_context.h"

#include <utility>

#include "net/http/forwarded.h"

namespace chat::net {

RequestContext describe(const HttpRequest& request, const std::string& remote_address, const HttpRules& rules) {
  const ServerOptions& options = rules.options;
  ForwardedClient client = forwarded_client(request, remote_address, rules.trusted_proxies);

  RequestContext context;
  context.address = std::move(client.address);
  context.host = client.host.empty() ? std::string(request.header("host")) : std::move(client.host);
  context.secure = !options.tls_certificate_file.empty() || is_secure_scheme(client.proto);
  context.origin_allowed =
      origin_allowed(request.header("origin"), context.host, context.secure, options.allowed_origins);
  return context;
}

}  // namespace chat::net
