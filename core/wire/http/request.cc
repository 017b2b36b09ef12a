// See request.h.
#include "wire/http/request.h"

#include <algorithm>
#include <cstddef>

#include "wire/http/syntax.h"

namespace chat::wire {
namespace {

std::string_view find_value(const Pairs& pairs, std::string_view name) {
  auto found = std::find_if(pairs.begin(), pairs.end(), [&](const Pair& p) { return p.name == name; });
  return found == pairs.end() ? std::string_view() : found->value;
}

void add_cookies(Pairs& cookies, std::string_view line) {
  while (!line.empty()) {
    const std::size_t end = line.find(';');
    const std::string_view cookie = trim_blanks(line.substr(0, end));
    line = end == std::string_view::npos ? std::string_view() : line.substr(end + 1);
    const std::size_t equals = cookie.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    cookies.push_back(
        {std::string(trim_blanks(cookie.substr(0, equals))), std::string(trim_blanks(cookie.substr(equals + 1)))});
  }
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const { return find_value(headers, name); }
std::string_view HttpRequest::argument(std::string_view name) const { return find_value(query, name); }

std::string HttpRequest::joined_header(std::string_view name) const {
  std::string joined;
  bool first = true;
  for (const Pair& header : headers) {
    if (header.name != name) continue;
    if (!first) joined += ", ";
    joined += header.value;
    first = false;
  }
  return joined;
}

Pairs HttpRequest::cookies() const {
  Pairs cookies;
  for (const Pair& header : headers) {
    if (header.name == "cookie") add_cookies(cookies, header.value);
  }
  return cookies;
}

}  // namespace chat::wire
