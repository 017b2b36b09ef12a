// See sockjs_responses.h.
#include "net/endpoint/sockjs/sockjs_responses.h"

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <span>

#include "net/base/random_id.h"
#include "wire/http/syntax.h"

namespace chat::net {
namespace {

constexpr std::int64_t kYearS = 365 * 24 * 60 * 60;
constexpr std::size_t kMaxAllowedHeadersBytes = 1'024;
constexpr std::size_t kMaxCookieBytes = 256;

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > ' ' && c < 0x7F; });
}

bool is_listed(std::string_view origin, const std::vector<std::string>& allowed_origins) {
  return std::any_of(allowed_origins.begin(), allowed_origins.end(),
                     [&](const std::string& entry) { return same_origin(entry, origin); });
}

// RFC 9110 section 5.6.7, whatever the locale of the process is.
std::string http_date(std::time_t time) {
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm parts{};
  gmtime_r(&time, &parts);
  const auto two = [](int number) {
    return std::string(1, static_cast<char>('0' + number / 10)) + static_cast<char>('0' + number % 10);
  };
  return std::string(kDays[parts.tm_wday]) + ", " + two(parts.tm_mday) + " " + kMonths[parts.tm_mon] + " " +
         std::to_string(parts.tm_year + 1900) + " " + two(parts.tm_hour) + ":" + two(parts.tm_min) + ":" +
         two(parts.tm_sec) + " GMT";
}

void add_long_cache(Pairs& headers) {
  headers.push_back({"Cache-Control", "public, max-age=" + std::to_string(kYearS)});
  headers.push_back({"Expires", http_date(std::time(nullptr) + kYearS)});
}

// The valid names of the request, joined again, so that the request's header is not echoed unchecked.
std::string requested_headers(const HttpRequest& request) {
  std::string headers;
  for (const std::string& name : list_elements(request.header("access-control-request-headers"))) {
    if (!wire::is_token(name)) continue;
    if (headers.size() + 2 + name.size() > kMaxAllowedHeadersBytes) break;
    if (!headers.empty()) headers += ", ";
    headers += name;
  }
  return headers;
}

bool is_cookie_value(std::string_view value) {
  return !value.empty() && value.size() <= kMaxCookieBytes && is_visible(value) &&
         value.find_first_of("\",;\\") == std::string_view::npos;
}

}  // namespace

// The protocol wants both headers without an Origin too, where no browser looks at them.
void add_sockjs_cors(Pairs& headers, const HttpRequest& request, const std::vector<std::string>& allowed_origins) {
  const std::string_view origin = request.header("origin");
  const bool named = !origin.empty() && is_visible(origin) && (origin != "null" || is_listed(origin, allowed_origins));
  headers.push_back({"Access-Control-Allow-Origin", named ? std::string(origin) : "*"});
  headers.push_back({"Access-Control-Allow-Credentials", "true"});
  headers.push_back({"Vary", "Origin"});
  if (std::string names = requested_headers(request); !names.empty()) {
    headers.push_back({"Access-Control-Allow-Headers", std::move(names)});
  }
}

void add_no_cache(Pairs& headers) {
  headers.push_back({"Cache-Control", "no-store, no-cache, no-transform, must-revalidate, max-age=0"});
}

void add_sockjs_cookie(Pairs& headers, const HttpRequest& request) {
  std::string value = "dummy";
  for (const Pair& cookie : request.cookies()) {
    if (cookie.name == "JSESSIONID" && is_cookie_value(cookie.value)) value = cookie.value;
  }
  headers.push_back({"Set-Cookie", "JSESSIONID=" + value + "; path=/"});
}

HttpResponse sockjs_preflight(const HttpRequest& request, wire::SockJsResource resource,
                              const std::vector<std::string>& allowed_origins) {
  HttpResponse response;
  response.status = 204;
  add_sockjs_cors(response.headers, request, allowed_origins);
  add_long_cache(response.headers);
  response.headers.push_back({"Access-Control-Allow-Methods", std::string(wire::allowed_methods(resource))});
  response.headers.push_back({"Access-Control-Max-Age", std::to_string(kYearS)});
  return response;
}

HttpResponse sockjs_info(bool websocket, bool cookie_needed) {
  wire::SockJsInfo info{websocket, cookie_needed, 0};
  fill_random(std::as_writable_bytes(std::span(&info.entropy, 1)));
  HttpResponse response;
  response.headers.push_back({"Content-Type", "application/json; charset=UTF-8"});
  response.body = wire::sockjs_info_json(info);
  return response;
}

HttpResponse sockjs_iframe(const wire::SockJsPage& page, const HttpRequest& request,
                           const std::vector<std::string>& allowed_origins) {
  HttpResponse response;
  response.headers.push_back({"ETag", page.etag});
  add_long_cache(response.headers);
  std::string ancestors = "frame-ancestors 'self'";
  for (const std::string& origin : allowed_origins) {
    if (origin == "*") {
      ancestors.clear();
      break;
    }
    if (origin != "null" && is_visible(origin) && origin.find(';') == std::string::npos) ancestors += " " + origin;
  }
  if (!ancestors.empty()) response.headers.push_back({"Content-Security-Policy", std::move(ancestors)});
  if (const std::string known = request.joined_header("if-none-match");
      !known.empty() && wire::matches_etag(known, page.etag)) {
    response.status = 304;
    return response;
  }
  response.headers.push_back({"Content-Type", "text/html; charset=UTF-8"});
  response.body = page.body;
  return response;
}

HttpResponse sockjs_text(int status, std::string_view text) {
  HttpResponse response;
  response.status = status;
  response.headers.push_back({"Content-Type", "text/plain; charset=UTF-8"});
  response.body = text;
  return response;
}

HttpResponse sockjs_wrong_method(wire::SockJsResource resource) {
  HttpResponse response;
  response.status = 405;
  response.headers.push_back({"Allow", std::string(wire::allowed_methods(resource))});
  return response;
}

}  // namespace chat::net
