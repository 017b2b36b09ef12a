// The authority of a URL as Host carries it: host[:port] (RFC 9110 section 7.2, RFC 3986 section 3.2). Pure functions.
#pragma once

#include <string_view>

namespace chat::wire {

// A name, an IPv4 address or an IPv6 address in brackets, and optionally a port. Not empty, and without a user's name.
// Stricter than the RFC in one point: a comma is refused, because proxies join repeated headers with it.
bool is_authority(std::string_view text);

}  // namespace chat::wire
