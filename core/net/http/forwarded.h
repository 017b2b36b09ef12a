// What proxies say about the client of a request: X-Forwarded-For, -Proto and -Host, and Forwarded (RFC 7239). Each proxy
// appends to the right, so the lists are read from the right, and each trusted proxy is believed about the hop before it.
// Pure functions, without I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/base/trusted_proxies.h"
#include "net/http/http.h"

namespace chat::net {

struct ForwardedClient {
  // Of the client, as far as trusted proxies tell; of the socket's other end when that is no trusted proxy.
  std::string address;
  // As the outermost trusted proxy that says so has it; empty when none does.
  std::string proto;
  std::string host;
};

// `remote_address`: of the socket's other end, empty on a UNIX socket. When any X-Forwarded-For, -Proto or -Host is there,
// Forwarded is ignored: proxies that set the former pass the latter on as the client wrote it.
ForwardedClient forwarded_client(const HttpRequest& request, std::string_view remote_address,
                                 const TrustedProxies& trusted);

// The address in one entry of X-Forwarded-For, or in the value of Forwarded's "for": IPv4 or IPv6, which may have a port,
// brackets, a zone or quotes. Returns "" for a UNIX socket as nginx writes it ("unix:"), and nullopt for names that hide an
// address ("unknown", "_x") and for anything else.
std::optional<std::string> forwarded_address(std::string_view entry);

}  // namespace chat::net
