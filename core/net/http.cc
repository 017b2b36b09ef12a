// See http.h.
#include "net/http.h"

#include <algorithm>
#include <charconv>

#include "wire/base64.h"

namespace chat::net {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view find_value(const Pairs& pairs, std::string_view name) {
  auto found = std::find_if(pairs.begin(), pairs.end(), [&](const Pair& p) { return p.name == name; });
  return found == pairs.end() ? std::string_view() : found->value;
}

// "host:port" without the port that its scheme has anyway.
std::string_view without_default_port(std::string_view authority, bool secure) {
  const std::string_view port = secure ? ":443" : ":80";
  if (authority.size() > port.size() && authority.ends_with(port)) authority.remove_suffix(port.size());
  return authority;
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const { return find_value(headers, name); }
std::string_view HttpRequest::argument(std::string_view name) const { return find_value(query, name); }

Pairs HttpRequest::cookies() const {
  Pairs cookies;
  std::string_view rest = header("cookie");
  while (!rest.empty()) {
    const std::size_t end = rest.find(';');
    const std::string_view cookie = trim(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const std::size_t equals = cookie.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    cookies.push_back({std::string(trim(cookie.substr(0, equals))), std::string(trim(cookie.substr(equals + 1)))});
  }
  return cookies;
}

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
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 426:
      return "Upgrade Required";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "";
  }
}

std::string response_head(const HttpResponse& response, bool keep_alive) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head += status_text(response.status);
  head += "\r\n";
  for (const Pair& header : response.headers) head += header.name + ": " + header.value + "\r\n";
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless) {
    const std::size_t body_bytes =
        response.constant_body.empty() ? response.body.size() : response.constant_body.size();
    const std::uint64_t size = response.file >= 0 ? response.file_bytes : body_bytes;
    head += "Content-Length: " + std::to_string(size) + "\r\n";
  }
  head += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return head;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

bool origin_allowed(std::string_view origin, std::string_view host, bool secure,
                    const std::vector<std::string>& allowed) {
  if (origin.empty()) return true;
  for (const std::string& entry : allowed) {
    if (entry == "*" || equals_ignoring_case(entry, origin)) return true;
  }
  const std::size_t scheme_end = origin.find("://");
  if (scheme_end == std::string_view::npos || host.empty()) return false;
  const bool origin_secure = equals_ignoring_case(origin.substr(0, scheme_end), "https");
  // A page that came without TLS is another origin, and may have been written by anybody on its way.
  if (secure && !origin_secure) return false;
  return equals_ignoring_case(without_default_port(origin.substr(scheme_end + 3), origin_secure),
                              without_default_port(host, origin_secure));
}

Credentials credentials(const HttpRequest& request) {
  Credentials result;
  const std::string_view authorization = request.header("authorization");
  const std::size_t space = authorization.find(' ');
  if (space != std::string_view::npos) {
    const std::string_view scheme = authorization.substr(0, space);
    const std::string_view value = trim(authorization.substr(space + 1));
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

std::vector<std::string> list_elements(std::string_view header) {
  std::vector<std::string> elements;
  while (!header.empty()) {
    const std::size_t comma = header.find(',');
    const std::string_view element = trim(header.substr(0, comma));
    if (!element.empty()) elements.emplace_back(element);
    header = comma == std::string_view::npos ? std::string_view() : header.substr(comma + 1);
  }
  return elements;
}

bool contains_token(std::string_view header, std::string_view token) {
  const std::vector<std::string> elements = list_elements(header);
  return std::any_of(elements.begin(), elements.end(), [&](const auto& e) { return equals_ignoring_case(e, token); });
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
