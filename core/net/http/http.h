// HTTP responses as plain values, and rules that need no socket: response heads, Origin (RFC 6454), credentials,
// lengths.
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

// A response. It does not close `file` itself.
struct HttpResponse {
  int status = 200;
  Pairs headers;
  std::string body;
  std::string_view constant_body;  // sent without a copy instead of `body`; must outlive every response
  int file = -1;                   // a descriptor to send instead of `body`; owned by the writer
  std::uint64_t file_bytes = 0;
  bool close = false;  // close the connection after the response
  // `body` is only the beginning; EndpointContext::write() adds the rest. The response has no Content-Length.
  bool streams = false;

  // A response with Content-Type text/plain.
  static HttpResponse text(int status, std::string body);
};

// The reason phrase of a status code.
std::string_view status_text(int status);

// Whether the connection stays open after a response, and the timeout that the response announces (0: none).
struct KeepAlive {
  bool on = false;
  std::int64_t timeout_s = 0;
};

// Returns the status line and headers, up to the body. minor_version: of the request. A streaming body is sent in
// chunks (RFC 9112 section 7.1) to HTTP/1.1 clients, and until the connection closes to HTTP/1.0 clients. A response
// with an Upgrade header also lists it in Connection (RFC 9110 section 7.8).
std::string response_head(const HttpResponse& response, KeepAlive keep_alive, int minor_version = 1);

// True for "https" and "wss", in any case. Some programs and proxies use the WebSocket scheme in an origin.
bool is_secure_scheme(std::string_view scheme);

// True when an entry of allowed_origins names this origin. "wss://host" is equivalent to "https://host", "ws://host" to
// "http://host".
bool same_origin(std::string_view entry, std::string_view origin);

// True when the request may be served: it has no Origin; or its Origin has the host and port of Host, and the scheme
// https when TLS is used; or `allowed` contains the Origin or "*".
bool origin_allowed(std::string_view origin, std::string_view host, bool secure,
                    const std::vector<std::string>& allowed);

// The credentials of a request: "Authorization: Bearer ..." or "?token=", and "Authorization: Basic ...".
struct Credentials {
  std::string token;
  std::string user_name;
  std::string password;
};
Credentials credentials(const HttpRequest& request);

// Parses Content-Length (RFC 9110 section 8.6), which consists of digits only. Returns nullopt for other text.
std::optional<std::uint64_t> parse_content_length(std::string_view value);

}  // namespace chat::net
