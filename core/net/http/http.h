// HTTP messages as plain values, and the rules that need no socket: routing helpers, Origin (RFC 6454), header checks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/types.h"
#include "wire/http/request.h"
#include "wire/http/syntax.h"

namespace chat::net {

using wire::contains_token;
using wire::equals_ignoring_case;
using wire::HttpRequest;
using wire::list_elements;

struct HttpResponse {
  int status = 200;
  Pairs headers;
  std::string body;
  std::string_view constant_body;  // sent instead of the body, without a copy; outlives every response
  int file = -1;                   // a descriptor that is sent instead of the body, owned by the response's writer
  std::uint64_t file_bytes = 0;
  bool close = false;  // end the connection after it
  // The body is the beginning of one that goes on: see EndpointContext::write(). It has no length.
  bool streams = false;

  static HttpResponse text(int status, std::string body);
};

std::string_view status_text(int status);

// Whether the connection stays open after a response, and the time that the response announces for it (0: none).
struct KeepAlive {
  bool on = false;
  std::int64_t timeout_s = 0;
};

// The status line and headers, ready to be followed by the body. minor_version: of the request; the body of a response that
// streams comes in chunks (RFC 9112 section 7.1) from HTTP/1.1 on, and before that until the connection ends. A response that names a protocol to upgrade to says so in
// Connection too (RFC 9110 section 7.8).
std::string response_head(const HttpResponse& response, KeepAlive keep_alive, int minor_version = 1);

// Whether it is "https" or "wss", in upper or lower case. Some programs and proxies use the WebSocket scheme in an origin.
bool is_secure_scheme(std::string_view scheme);

// Whether an entry of allowed_origins names this Origin. In both, "wss://host" counts as "https://host", and "ws://host" as
// "http://host".
bool same_origin(std::string_view entry, std::string_view origin);

// Whether a request may be served: it has no Origin, or its Origin has the host and port of Host (and over TLS the scheme
// https), or `allowed` has the Origin or "*".
bool origin_allowed(std::string_view origin, std::string_view host, bool secure,
                    const std::vector<std::string>& allowed);

// The credentials in a request: "Authorization: Bearer ..." or "?token=", and "Authorization: Basic ...".
struct Credentials {
  std::string token;
  std::string user_name;
  std::string password;
};
Credentials credentials(const HttpRequest& request);

// Content-Length (RFC 9110 section 8.6): digits only. nullopt for anything else.
std::optional<std::uint64_t> parse_content_length(std::string_view value);

}  // namespace chat::net
