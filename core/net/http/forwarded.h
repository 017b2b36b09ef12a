// Evaluates what proxies report about a client: X-Forwarded-For, -Proto and -Host, and Forwarded (RFC 7239). Each proxy
// appends at the right, so lists are read from the right. A trusted proxy's report about the previous hop is accepted.
// Pure functions without I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/base/trusted_proxies.h"
#include "net/http/http.h"

namespace chat::net {

struct ForwardedClient {
  // The client's address according to the trusted proxies; the socket's remote address when that is not a trusted
  // proxy.
  std::string address;
  // As reported by the outermost trusted proxy that reports it; empty when none does.
  std::string proto;
  std::string host;
};

// remote_address: of the socket; empty on a UNIX socket. Forwarded is ignored when X-Forwarded-For, -Proto or -Host is
// present, because proxies that set those pass Forwarded through unchanged.
ForwardedClient forwarded_client(const HttpRequest& request, std::string_view remote_address,
                                 const TrustedProxies& trusted);

// Parses an entry of X-Forwarded-For or the "for" value of Forwarded: an IPv4 or IPv6 address, optionally with port,
// brackets, zone or quotes. Returns "" for a UNIX socket as nginx writes it ("unix:"). Returns nullopt for obfuscated
// names ("unknown", "_x") and other text.
std::optional<std::string> forwarded_address(std::string_view entry);

}  // namespace chat::net
