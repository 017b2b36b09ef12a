// See http.h.
#include "net/http/http.h"

#include <algorithm>
#include <charconv>

#include "wire/base64.h"

namespace chat::net {
namespace {

// Removes the scheme's default port from "host:port".
std::string_view without_default_port(std::string_view authority, bool secure) {
  const std::string_view port = secure ? ":443" : ":80";
  if (authority.size() > port.size() && authority.ends_with(port)) authority.remove_suffix(port.size());
  return authority;
}

struct OriginParts {
  std::string_view scheme;  // "http" for "ws", "https" for "wss"
  std::string_view host;    // with its port; the whole origin when that is not a URL ("null")
};

OriginParts split_origin(std::string_view origin) {
  const std::size_t scheme_end = origin.find("://");
  if (scheme_end == std::string_view::npos || scheme_end == 0) return {{}, origin};
  std::string_view scheme = origin.substr(0, scheme_end);
  if (equals_ignoring_case(scheme, "ws")) scheme = "http";
  if (equals_ignoring_case(scheme, "wss")) scheme = "https";
  return {scheme, origin.substr(scheme_end + 3)};
}

}  // namespace

HttpResponse HttpResponse::text(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.push_back({"Content-Type", "text/plain; charset=utf-8"});
  response.body = std::move(body);
  return response;
}

std::string_view status_text(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 421:
      return "Misdirected Request";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

std::string response_head(const HttpResponse& response, KeepAlive keep_alive, int minor_version) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head += status_text(response.status);
  head += "\r\n";
  for (const Pair& header : response.headers) head += header.name + ": " + header.value + "\r\n";
  const bool bodiless = response.status == 204 || response.status == 304;
  if (response.streams) {
    if (minor_version >= 1) head += "Transfer-Encoding: chunked\r\n";
  } else if (!bodiless) {
    const std::size_t body_bytes =
        response.constant_body.empty() ? response.body.size() : response.constant_body.size();
    const std::uint64_t size = response.file >= 0 ? response.file_bytes : body_bytes;
    head += "Content-Length: " + std::to_string(size) + "\r\n";
  }
  const bool upgrade = std::any_of(response.headers.begin(), response.headers.end(),
                                   [](const Pair& header) { return header.name == "Upgrade"; });
  head += upgrade ? "Connection: upgrade, " : "Connection: ";
  head += keep_alive.on ? "keep-alive\r\n" : "close\r\n";
  if (keep_alive.on && keep_alive.timeout_s > 0) {
    head += "Keep-Alive: timeout=" + std::to_string(keep_alive.timeout_s) + "\r\n";
  }
  return head += "\r\n";
}

bool is_secure_scheme(std::string_view scheme) {
  return equals_ignoring_case(scheme, "https") || equals_ignoring_case(scheme, "wss");
}

bool same_origin(std::string_view entry, std::string_view origin) {
  const auto [entry_scheme, entry_host] = split_origin(entry);
  const auto [scheme, host] = split_origin(origin);
  return equals_ignoring_case(entry_scheme, scheme) && equals_ignoring_case(entry_host, host);
}

bool origin_allowed(std::string_view origin, std::string_view host, bool secure,
                    const std::vector<std::string>& allowed) {
  if (origin.empty()) return true;
  for (const std::string& entry : allowed) {
    if (entry == "*" || same_origin(entry, origin)) return true;
  }
  const auto [scheme, origin_host] = split_origin(origin);
  if (scheme.empty() || host.empty()) return false;
  const bool origin_secure = is_secure_scheme(scheme);
  // A page loaded without TLS has another origin and may have been modified in transit.
  if (secure && !origin_secure) return false;
  return equals_ignoring_case(without_default_port(origin_host, origin_secure),
                              without_default_port(host, origin_secure));
}

Credentials credentials(const HttpRequest& request) {
  Credentials result;
  const std::string_view authorization = request.header("authorization");
  const std::size_t space = authorization.find(' ');
  if (space != std::string_view::npos) {
    const std::string_view scheme = authorization.substr(0, space);
    const std::string_view value = wire::trim_blanks(authorization.substr(space + 1));
    if (equals_ignoring_case(scheme, "bearer")) {
      result.token = value;
    } else if (equals_ignoring_case(scheme, "basic")) {
      const std::string decoded = wire::base64_decode(value).value_or(std::string());
      const std::size_t colon = decoded.find(':');
      if (colon != std::string::npos) {
        result.user_name = decoded.substr(0, colon);
        result.password = decoded.substr(colon + 1);
      }
    }
  }
  if (result.token.empty()) result.token = request.argument("token");
  return result;
}

std::optional<std::uint64_t> parse_content_length(std::string_view value) {
  std::uint64_t length = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
  if (value.empty() || value[0] < '0' || value[0] > '9' || error != std::errc() || end != value.data() + value.size()) {
    return std::nullopt;
  }
  return length;
}

}  // namespace chat::net
