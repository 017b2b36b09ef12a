// HTTP messages as plain values, and the rules that need no socket: routing helpers, Origin (RFC 6454), header checks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/types.h"

namespace chat::net {

struct HttpRequest {
  std::string method;
  std::string path;  // decoded, without the query
  Pairs query;       // decoded
  Pairs headers;     // names in lower case, without the colon; those that libwebsockets can be asked for
  bool keep_alive = true;
  bool has_body = false;

  // The first with this name; empty without.
  std::string_view header(std::string_view name) const;
  std::string_view argument(std::string_view name) const;
  Pairs cookies() const;
};

struct HttpResponse {
  int status = 200;
  Pairs headers;
  std::string body;
  std::string_view constant_body;  // sent instead of the body, without a copy; outlives every response
  int file = -1;                   // a descriptor that is sent instead of the body, owned by the response's writer
  std::uint64_t file_bytes = 0;
  bool close = false;  // end the connection after it

  static HttpResponse text(int status, std::string body);
};

std::string_view status_text(int status);

// The status line and headers, ready to be followed by the body.
std::string response_head(const HttpResponse& response, bool keep_alive);

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

// The elements of a comma-separated header, trimmed, empty ones left out.
std::vector<std::string> list_elements(std::string_view header);
bool contains_token(std::string_view header, std::string_view token);
bool equals_ignoring_case(std::string_view a, std::string_view b);

// Content-Length (RFC 9110 section 8.6): digits only. nullopt when it is anything else.
std::optional<std::uint64_t> parse_content_length(std::string_view value);

}  // namespace chat::net
