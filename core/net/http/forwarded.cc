// See forwarded.h.
#include "net/http/forwarded.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "model/address.h"

namespace chat::net {
namespace {

// The element of Forwarded that one proxy wrote. Missing parameters are empty.
struct Element {
  std::string node;  // "for"
  std::string proto;
  std::string host;
};
using Elements = std::vector<Element>;

std::string_view take_last(std::string_view& list) {
  const std::size_t comma = list.rfind(',');
  const std::string_view last = comma == std::string_view::npos ? list : list.substr(comma + 1);
  list = comma == std::string_view::npos ? std::string_view() : list.substr(0, comma);
  return wire::trim_blanks(last);
}

// Returns the element that the outermost of `proxies` trusted proxies wrote. For a shorter list it is the first
// element, because most proxies replace the value instead of appending.
std::string outermost(std::string_view list, std::size_t proxies) {
  std::string_view element = take_last(list);
  while (proxies > 1 && !list.empty()) {
    element = take_last(list);
    --proxies;
  }
  return std::string(element);
}

ForwardedClient from_x_forwarded(const HttpRequest& request, std::string_view remote_address,
                                 const TrustedProxies& trusted) {
  ForwardedClient client{std::string(remote_address), {}, {}};
  const std::string addresses = request.joined_header("x-forwarded-for");
  std::string_view rest = addresses;
  std::size_t proxies = 0;
  while (!rest.empty() && trusted.contains(client.address)) {
    ++proxies;
    std::optional<std::string> address = forwarded_address(take_last(rest));
    if (!address) break;
    client.address = std::move(*address);
  }
  // Without an address the number of trusted proxies is unknown, so the first elements are used.
  if (proxies == 0) proxies = SIZE_MAX;
  client.proto = outermost(request.joined_header("x-forwarded-proto"), proxies);
  client.host = outermost(request.joined_header("x-forwarded-host"), proxies);
  return client;
}

// Parses one line from the left, since quotes can only be matched in that direction. After an error it stays failed.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool failed() const { return failed_; }
  bool at_end() const { return rest_.empty(); }
  void skip_blanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view token() {
    const std::size_t size = std::min(rest_.find_first_of(" \t,;=\""), rest_.size());
    const std::string_view token = rest_.substr(0, size);
    rest_.remove_prefix(size);
    failed_ |= !wire::is_token(token);
    return token;
  }
  // Reads a token or a quoted string. Addresses with ports often lack the quotes that RFC 7239 requires.
  std::string value() {
    if (take('"')) return quoted();
    const std::size_t size = std::min(rest_.find_first_of(" \t,;\""), rest_.size());
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    failed_ |= value.empty();
    return value;
  }
  void fail() { failed_ = true; }

 private:
  std::string quoted() {
    std::string value;
    while (!take('"')) {
      take('\\');
      if (rest_.empty()) {
        failed_ = true;
        return {};
      }
      value += rest_.front();
      rest_.remove_prefix(1);
    }
    return value;
  }

  std::string_view rest_;
  bool failed_ = false;
};

// A repeated parameter makes the element malformed (RFC 7239 section 4).
void set_once(std::string& target, std::string value, Cursor& cursor) {
  if (!target.empty()) cursor.fail();
  target = std::move(value);
}

Element read_element(Cursor& cursor) {
  Element element;
  do {
    cursor.skip_blanks();
    const std::string_view name = cursor.token();
    if (!cursor.take('=')) cursor.fail();
    if (cursor.failed()) return {};
    std::string value = cursor.value();
    cursor.skip_blanks();
    if (equals_ignoring_case(name, "for")) {
      set_once(element.node, std::move(value), cursor);
    } else if (equals_ignoring_case(name, "proto")) {
      set_once(element.proto, std::move(value), cursor);
    } else if (equals_ignoring_case(name, "host")) {
      set_once(element.host, std::move(value), cursor);
    }
  } while (cursor.take(';') && !cursor.failed());
  return element;
}

// Returns nullopt for a malformed line. Otherwise an open quote written by a client could hide what a proxy appended.
std::optional<Elements> read_forwarded(std::string_view line) {
  Elements elements;
  Cursor cursor(line);
  for (;;) {
    cursor.skip_blanks();
    if (cursor.at_end()) return elements;
    if (cursor.take(',')) continue;  // an empty element
    elements.push_back(read_element(cursor));
    if (cursor.failed() || (!cursor.at_end() && !cursor.take(','))) return std::nullopt;
  }
}

// Returns all elements, the nearest proxy's first.
Elements all_elements(const HttpRequest& request) {
  Elements result;
  // Clang 14 cannot compile std::views::reverse of libstdc++ 12. NOLINTNEXTLINE(modernize-loop-convert)
  for (auto header = request.headers.rbegin(); header != request.headers.rend(); ++header) {
    if (header->name != "forwarded") continue;
    std::optional<Elements> elements = read_forwarded(header->value);
    if (!elements) break;  // earlier lines come from more distant proxies and are ignored
    std::move(elements->rbegin(), elements->rend(), std::back_inserter(result));
  }
  return result;
}

ForwardedClient from_forwarded(const HttpRequest& request, std::string_view remote_address,
                               const TrustedProxies& trusted) {
  ForwardedClient client{std::string(remote_address), {}, {}};
  for (Element& element : all_elements(request)) {
    if (!trusted.contains(client.address)) break;
    if (!element.proto.empty()) client.proto = std::move(element.proto);
    if (!element.host.empty()) client.host = std::move(element.host);
    std::optional<std::string> address = forwarded_address(element.node);
    if (!address) break;
    client.address = std::move(*address);
  }
  return client;
}

bool is_letter_or_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; });
}

// RFC 7239 section 6: digits, or an obfuscated port.
bool is_port(std::string_view text) {
  if (text.starts_with('_')) return is_name(text.substr(1));
  std::uint16_t port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

std::optional<std::string> canonical(std::string_view address, bool only_ipv6) {
  const std::size_t zone = address.find('%');
  const bool ipv6 = address.find(':') != std::string_view::npos;
  if ((only_ipv6 || zone != std::string_view::npos) && !ipv6) return std::nullopt;
  if (zone != std::string_view::npos && !is_name(address.substr(zone + 1))) return std::nullopt;
  const std::optional<IpAddress> ip = IpAddress::parse(address.substr(0, zone));
  return ip ? std::optional(ip->text()) : std::nullopt;
}

}  // namespace

std::optional<std::string> forwarded_address(std::string_view entry) {
  if (entry.size() >= 2 && entry.front() == '"' && entry.back() == '"') {
    entry = entry.substr(1, entry.size() - 2);
  }
  if (entry == "unix:") return "";
  if (entry.starts_with('[')) {
    const std::size_t bracket = entry.find(']');
    if (bracket == std::string_view::npos) return std::nullopt;
    const std::string_view rest = entry.substr(bracket + 1);
    if (!rest.empty() && (rest.front() != ':' || !is_port(rest.substr(1)))) return std::nullopt;
    return canonical(entry.substr(1, bracket - 1), true);
  }
  const std::size_t colon = entry.find(':');
  if (colon != std::string_view::npos && entry.find(':', colon + 1) == std::string_view::npos) {
    if (!is_port(entry.substr(colon + 1))) return std::nullopt;
    entry = entry.substr(0, colon);
  }
  return canonical(entry, false);
}

ForwardedClient forwarded_client(const HttpRequest& request, std::string_view remote_address,
                                 const TrustedProxies& trusted) {
  if (!trusted.contains(remote_address)) return {std::string(remote_address), {}, {}};
  const bool x_forwarded = std::any_of(request.headers.begin(), request.headers.end(), [](const Pair& header) {
    return header.name == "x-forwarded-for" || header.name == "x-forwarded-proto" || header.name == "x-forwarded-host";
  });
  return x_forwarded ? from_x_forwarded(request, remote_address, trusted)
                     : from_forwarded(request, remote_address, trusted);
}

}  // namespace chat::net
