// See cors.h.
#include "net/http/cors.h"

#include <algorithm>

namespace chat::net {
namespace {

constexpr std::size_t kMaxAllowedHeadersBytes = 1'024;

// Accepts what browsers send as Origin: a scheme and an authority, or "null". Other text must not be copied into a
// header.
bool is_origin(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > ' ' && c < 0x7F; });
}

bool is_listed(std::string_view origin, const std::vector<std::string>& allowed_origins) {
  return origin != "*" && is_origin(origin) &&
         std::any_of(allowed_origins.begin(), allowed_origins.end(),
                     [&](const std::string& entry) { return same_origin(entry, origin); });
}

void add_vary(HttpResponse& response, std::string_view name) {
  for (Pair& header : response.headers) {
    if (header.name != "Vary") continue;
    if (!contains_token(header.value, name)) header.value.append(", ").append(name);
    return;
  }
  response.headers.push_back({"Vary", std::string(name)});
}

// The valid names of the request, joined again, so the request's header is not echoed unchecked.
std::string requested_headers(const HttpRequest& request) {
  std::string headers;
  for (const std::string& name : list_elements(request.header("access-control-request-headers"))) {
    if (!wire::is_token(name)) continue;
    if (headers.size() + 1 + name.size() > kMaxAllowedHeadersBytes) break;
    if (!headers.empty()) headers += ',';
    headers += name;
  }
  return headers;
}

}  // namespace

void add_cors_headers(HttpResponse& response, const HttpRequest& request,
                      const std::vector<std::string>& allowed_origins) {
  const std::string_view origin = request.header("origin");
  if (origin.empty()) return;
  const bool any = std::find(allowed_origins.begin(), allowed_origins.end(), "*") != allowed_origins.end();
  if (is_listed(origin, allowed_origins)) {
    response.headers.push_back({"Access-Control-Allow-Origin", std::string(origin)});
    response.headers.push_back({"Access-Control-Allow-Credentials", "true"});
  } else if (any) {
    response.headers.push_back({"Access-Control-Allow-Origin", "*"});
    if (allowed_origins.size() == 1) return;  // the header is the same for all origins
  }
  add_vary(response, "Origin");
}

HttpResponse preflight_response(const HttpRequest& request, const std::vector<std::string>& allowed_origins) {
  HttpResponse response;
  response.status = 204;
  add_cors_headers(response, request, allowed_origins);
  response.headers.push_back({"Access-Control-Allow-Methods", "GET,HEAD,POST"});
  add_vary(response, "Access-Control-Request-Headers");
  std::string headers = requested_headers(request);
  if (!headers.empty()) response.headers.push_back({"Access-Control-Allow-Headers", std::move(headers)});
  response.headers.push_back({"Access-Control-Max-Age", "600"});
  return response;
}

}  // namespace chat::net
