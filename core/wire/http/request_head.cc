// See request_head.h.
#include "wire/http/request_head.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "wire/http/authority.h"
#include "wire/http/syntax.h"

namespace chat::wire {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

// Some clients send empty lines after the body of a POST (RFC 9112 section 2.2).
constexpr std::size_t kMaxEmptyLinesBefore = 4;

// The request line is checked before the head is complete only up to this size. Searching for its end on each call
// would take quadratic time when a long line arrives byte by byte.
constexpr std::size_t kMaxEarlyBytes = 1024;

struct Problem {
  int status = 0;
  const char* reason = "";
};
using Check = std::optional<Problem>;  // nullopt: no problem

RequestHead malformed(const Problem& problem) {
  RequestHead head;
  head.outcome = RequestHead::Outcome::malformed;
  head.status = problem.status;
  head.reason = problem.reason;
  return head;
}

struct RequestLine {
  std::string_view method;
  std::string_view target;
  std::string_view version;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

Check read_version(std::string_view version, int& minor_version) {
  constexpr std::string_view kName = "HTTP/";
  if (!version.starts_with(kName)) return Problem{400, "The request line does not end with an HTTP version."};
  version.remove_prefix(kName.size());
  const bool one_digit = version.size() == 1 && is_digit(version[0]);  // "HTTP/2", as people type it
  if (!one_digit && !(version.size() == 3 && is_digit(version[0]) && version[1] == '.' && is_digit(version[2]))) {
    return Problem{400, "The HTTP version is malformed."};
  }
  if (one_digit || version[0] != '1') return Problem{505, "This server speaks HTTP/1.1 and HTTP/1.0."};
  // A later 1.x version is treated as 1.1 (RFC 9110 section 2.5).
  minor_version = version[2] == '0' ? 0 : 1;
  return std::nullopt;
}

Check split_request_line(std::string_view line, RequestLine& parts, HttpRequest& request) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return Problem{400, "The request line is not a method, a target and a version."};
  }
  parts = {line.substr(0, first), line.substr(first + 1, last - first - 1), line.substr(last + 1)};
  if (!is_token(parts.method)) return Problem{400, "The method is malformed."};
  if (Check problem = read_version(parts.version, request.minor_version)) return problem;
  if (parts.target.empty()) return Problem{400, "The request target is missing."};
  const bool plain = std::all_of(parts.target.begin(), parts.target.end(),
                                 [](unsigned char c) { return c > ' ' && c < 0x7F && c != '#'; });
  if (!plain) return Problem{400, "The request target contains a character that must be escaped."};
  request.method = parts.method;
  return std::nullopt;
}

Check read_query(std::string_view text, HttpRequest& request) {
  request.raw_query = text;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view argument = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (argument.empty()) continue;
    const std::size_t equals = argument.find('=');
    const std::string_view value = equals == std::string_view::npos ? std::string_view() : argument.substr(equals + 1);
    request.query.push_back({form_decoded(argument.substr(0, equals)), form_decoded(value)});
    // The C API passes names and values as C strings, so text after a NUL would be visible to only some readers.
    const Pair& pair = request.query.back();
    if (pair.name.find('\0') != std::string::npos || pair.value.find('\0') != std::string::npos) {
      return Problem{400, "The query contains a NUL."};
    }
  }
  return std::nullopt;
}

Check read_path_and_query(std::string_view target, HttpRequest& request) {
  const std::size_t question_mark = target.find('?');
  std::optional<std::string> path = percent_decoded(target.substr(0, question_mark));
  if (!path) return Problem{400, "The path contains a % that is not an escape."};
  if (path->find('\0') != std::string::npos) return Problem{400, "The path contains a NUL."};
  request.path = path->empty() ? "/" : std::move(*path);
  if (question_mark == std::string_view::npos) return std::nullopt;
  return read_query(target.substr(question_mark + 1), request);
}

// Removes the scheme and authority of "http://authority/path" from `target`. Returns the authority; empty for other
// forms.
std::string_view take_absolute_form(std::string_view& target) {
  const std::size_t scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) return {};
  const std::string_view scheme = target.substr(0, scheme_end);
  constexpr std::array kSchemes = {"http", "https", "ws", "wss"};
  if (std::none_of(kSchemes.begin(), kSchemes.end(), [&](auto s) { return equals_ignoring_case(s, scheme); })) {
    return {};
  }
  const std::string_view rest = target.substr(scheme_end + 3);
  const std::size_t authority_size = std::min(rest.find_first_of("/?"), rest.size());
  target = rest.substr(authority_size);
  return rest.substr(0, authority_size);
}

// RFC 9112 section 3.2. `authority`: from the absolute form, where it replaces Host.
Check read_target(std::string_view target, HttpRequest& request, std::string_view& authority) {
  if (request.method == "CONNECT") {
    if (!is_authority(target) || target.find(':') == std::string_view::npos) {
      return Problem{400, "The target of CONNECT is not a host and a port."};
    }
    return Problem{405, "This server is not a proxy: CONNECT is not supported."};
  }
  if (target == "*" && request.method == "OPTIONS") {
    request.path = "*";
    return std::nullopt;
  }
  if (target.front() == '/') return read_path_and_query(target, request);
  authority = take_absolute_form(target);
  if (authority.empty()) return Problem{400, "The request target is neither a path nor an absolute URL."};
  if (!is_authority(authority)) return Problem{400, "The URL's host is malformed."};
  return read_path_and_query(target, request);
}

Check read_request_line(std::string_view line, HttpRequest& request, std::string_view& authority) {
  RequestLine parts;
  if (Check problem = split_request_line(line, parts, request)) return problem;
  return read_target(parts.target, request, authority);
}

// The caller has already rejected control characters.
Check read_header_line(std::string_view line, HttpRequest& request) {
  if (line.front() == ' ' || line.front() == '\t') return Problem{400, "A header line is folded."};
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return Problem{400, "A header line has no colon."};
  const std::string_view name = line.substr(0, colon);
  if (!is_token(name)) return Problem{400, "A header's name is malformed."};
  Pair header{std::string(name), std::string(trim_blanks(line.substr(colon + 1)))};
  std::transform(header.name.begin(), header.name.end(), header.name.begin(), to_lower);
  // Cookie readers expect a single line (RFC 6265 section 5.4) and would miss the cookies of a second one.
  if (header.name == "cookie") {
    auto earlier = std::find_if(request.headers.begin(), request.headers.end(),
                                [](const Pair& other) { return other.name == "cookie"; });
    if (earlier != request.headers.end()) {
      if (!earlier->value.empty() && !header.value.empty()) earlier->value.append("; ");
      earlier->value.append(header.value);
      return std::nullopt;
    }
  }
  request.headers.push_back(std::move(header));
  return std::nullopt;
}

Check read_header_lines(std::string_view lines, const HeadLimits& limits, HttpRequest& request) {
  const auto count = static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n'));
  if (count > limits.max_lines) return Problem{431, "The request has too many header lines."};
  request.headers.reserve(count);
  while (!lines.empty()) {
    const std::size_t end = lines.find(kLineEnd);
    if (Check problem = read_header_line(lines.substr(0, end), request)) return problem;
    lines.remove_prefix(end + kLineEnd.size());
  }
  return std::nullopt;
}

// RFC 9112 section 3.2. Host may be empty, because some URLs have no host.
Check check_host(std::string_view authority, HttpRequest& request) {
  Pair* host = nullptr;
  for (Pair& header : request.headers) {
    if (header.name != "host") continue;
    if (std::exchange(host, &header)) return Problem{400, "The request has more than one Host header."};
  }
  if (!host && request.minor_version >= 1) return Problem{400, "The request has no Host header."};
  if (host && !host->value.empty() && !is_authority(host->value)) return Problem{400, "The Host header is malformed."};
  if (authority.empty()) return std::nullopt;
  if (host) {
    host->value = authority;
  } else {
    request.headers.push_back({"host", std::string(authority)});
  }
  return std::nullopt;
}

void derive(HttpRequest& request) {
  const std::string connection = request.joined_header("connection");
  const bool close = contains_token(connection, "close");
  request.keep_alive = !close && (request.minor_version >= 1 || contains_token(connection, "keep-alive"));
  const std::string_view length = request.header("content-length");
  const std::string& method = request.method;
  request.has_body = !request.header("transfer-encoding").empty() || (!length.empty() && length != "0") ||
                     (length.empty() && (method == "POST" || method == "PUT" || method == "PATCH"));
}

RequestHead read_head(std::string_view lines, std::size_t consumed_bytes, const HeadLimits& limits) {
  RequestHead head;
  std::string_view authority;
  const std::size_t line_size = lines.find(kLineEnd);
  if (Check problem = read_request_line(lines.substr(0, line_size), head.request, authority)) {
    return malformed(*problem);
  }
  lines.remove_prefix(line_size + kLineEnd.size());
  if (Check problem = read_header_lines(lines, limits, head.request)) return malformed(*problem);
  if (Check problem = check_host(authority, head.request)) return malformed(*problem);
  derive(head.request);
  head.outcome = RequestHead::Outcome::complete;
  head.consumed_bytes = consumed_bytes;
  return head;
}

// Finds faults of bytes[at] that do not depend on the line that contains it.
Check check_byte(std::string_view bytes, std::size_t at) {
  const auto c = static_cast<unsigned char>(bytes[at]);
  const bool after_cr = at > 0 && bytes[at - 1] == '\r';
  if (c == '\n' && !after_cr) return Problem{400, "A line ends with a bare LF."};
  if (c != '\n' && after_cr) return Problem{400, "A CR is not followed by an LF."};
  if ((c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7F) {
    return Problem{400, "The request's head contains a control character."};
  }
  return std::nullopt;
}

bool is_plain(char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7F; }

bool has_line_end(std::string_view text) { return text.find('\n') != std::string_view::npos; }

}  // namespace

RequestHead parse_request_head(std::string_view bytes, const HeadLimits& limits, std::size_t& scanned_bytes) {
  const bool full = bytes.size() >= limits.max_bytes;
  bytes = bytes.substr(0, limits.max_bytes);
  std::size_t start = 0;
  while (bytes.substr(start).starts_with(kLineEnd)) {
    start += kLineEnd.size();
    if (start > kMaxEmptyLinesBefore * kLineEnd.size()) {
      return malformed({400, "There are empty lines where a request should be."});
    }
  }
  const std::size_t earlier = std::exchange(scanned_bytes, bytes.size());
  for (std::size_t i = earlier; i < bytes.size(); ++i) {
    if (is_plain(bytes[i]) && (i == 0 || bytes[i - 1] != '\r')) continue;
    if (Check problem = check_byte(bytes, i)) return malformed(*problem);
    const bool empty_line = bytes[i] == '\n' && i >= start + 3 && bytes[i - 2] == '\n';
    if (empty_line) return read_head(bytes.substr(start, i - 1 - start), i + 1, limits);
  }
  // Errors in the request line are reported before the rest of the head arrives.
  if (earlier <= kMaxEarlyBytes && !has_line_end(bytes.substr(start, earlier > start ? earlier - start : 0))) {
    const std::size_t line_size = bytes.substr(start).find(kLineEnd);
    if (line_size != std::string_view::npos) {
      HttpRequest request;
      std::string_view authority;
      const Check problem = read_request_line(bytes.substr(start, line_size), request, authority);
      if (problem) return malformed(*problem);
    }
  }
  if (!full) return {};
  if (!has_line_end(bytes.substr(start))) return malformed({414, "The request line is too long."});
  return malformed({431, "The request's head is too large."});
}

}  // namespace chat::wire
