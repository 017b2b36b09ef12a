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

// Whether the connection stays open after a response, and for how long the client may count on that (0: not said).
struct KeepAlive {
  bool on = false;
  std::int64_t timeout_s = 0;
};

// The status line and headers, ready to be followed by the body. minor_version: of the request; the body of a response that
// streams comes in chunks (RFC 9112 section 7.1) from HTTP/1.1 on, and before that until the connection ends. A response that names a protocol to upgrade to says so in
// Connection too (RFC 9110 section 7.8).
std::string response_head(const HttpResponse& response, KeepAlive keep_alive, int minor_version = 1);

// "https" and "wss" in any case. Some programs and proxies name the WebSocket scheme where a page's origin has HTTP's.
bool is_secure_scheme(std::string_view scheme);

// Whether an Origin is the one that an entry of allowed_origins names. "wss://host" is "https://host", and "ws://host" is
// "http://host", in both.
bool same_origin(std::string_view entry, std::string_view origin);

// Accepted without an Origin, when its host and port are those of Host (and over TLS its scheme is https), or when it is
// allowed: exactly, or by "*".
bool origin_allowed(std::string_view origin, std::string_view host, bool secure,
                    const std::vector<std::string>& allowed);

// The parts of a request that can carry a log-in: "Authorization: Bearer ..." or "?token=", "Authorization: Basic ...".
struct Credentials {
  std::string token;
  std::string user_name;
  std::string password;
};
Credentials credentials(const HttpRequest& request);

// Content-Length (RFC 9110 section 8.6): digits only. nullopt when it is anything else.
std::optional<std::uint64_t> parse_content_length(std::string_view value);

}  // namespace chat::net
