// gzip (RFC 1952) as a content coding of responses (RFC 9110 section 8.4). Pure functions.
#pragma once

#include <cstddef>
#include <string_view>

#include "net/http/http.h"

namespace chat::net {

// A smaller body is sent as it is, as the reference server of Socket.IO does.
inline constexpr std::size_t kMinCompressedBytes = 1'024;

// True when an Accept-Encoding header allows gzip (RFC 9110 section 12.5.3).
bool accepts_gzip(std::string_view accept_encoding);

// Compresses the body of a whole response, if it is large enough and becomes smaller. The caller has checked that the
// client accepts gzip.
void compress(HttpResponse& response);

}  // namespace chat::net
