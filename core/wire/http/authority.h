// The authority of a URL as in the Host header: host[:port] (RFC 9110 section 7.2, RFC 3986 section 3.2). Pure
// functions.
#pragma once

#include <string_view>

namespace chat::wire {

// Accepts a name, an IPv4 address or a bracketed IPv6 address, optionally with a port. It must not be empty or contain
// user information. Stricter than the RFC in one point: commas are rejected, because proxies join repeated headers with
// them.
bool is_authority(std::string_view text);

}  // namespace chat::wire
