// See allowed_hosts.h.
#include "net/http/allowed_hosts.h"

#include <algorithm>

#include "wire/http/authority.h"
#include "wire/http/syntax.h"

namespace chat::net {
namespace {

struct NameAndPort {
  std::string_view name;
  std::string_view port;
};

// "host", "host:", "host:1234" or "[::1]:1234". A trailing dot does not change the host (RFC 3986 section 3.2.2).
NameAndPort split(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  const bool has_port = colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
  NameAndPort parts{host.substr(0, has_port ? colon : host.size()), has_port ? host.substr(colon + 1) : ""};
  if (parts.name.size() > 1 && parts.name.ends_with('.')) parts.name.remove_suffix(1);
  return parts;
}

}  // namespace

std::string AllowedHosts::check(std::string_view entry) {
  constexpr const char* kWrong = "is not like \"example.org\", \"example.org:8443\", \"*.example.org\" or \"[::1]\"";
  const bool is_pattern = entry.starts_with("*.");
  if (is_pattern) entry.remove_prefix(2);
  const bool is_host = wire::is_authority(entry) && entry.find('*') == std::string_view::npos &&
                       !entry.starts_with('.') && !entry.ends_with(':');
  return !is_host || (is_pattern && entry.starts_with('[')) ? kWrong : "";
}

AllowedHosts::AllowedHosts(const std::vector<std::string>& entries) {
  for (const std::string& entry : entries) {
    const auto [name, port] = split(entry);
    const bool is_pattern = name.starts_with("*.");
    entries_.push_back({std::string(is_pattern ? name.substr(1) : name), std::string(port), is_pattern});
  }
}

bool AllowedHosts::allows(std::string_view host, bool secure) const {
  if (any_host()) return true;
  NameAndPort asked = split(host);
  if (asked.port.empty()) asked.port = secure ? "443" : "80";
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    if (!entry.port.empty() && entry.port != asked.port) return false;
    if (!entry.is_pattern) return wire::equals_ignoring_case(asked.name, entry.name);
    return asked.name.size() > entry.name.size() &&
           wire::equals_ignoring_case(asked.name.substr(asked.name.size() - entry.name.size()), entry.name);
  });
}

}  // namespace chat::net
