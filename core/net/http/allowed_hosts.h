// The names under which a server may be addressed. In DNS rebinding, the name of a hostile web page is made to resolve to this
// server. Host and Origin then both have that name, so the Origin check passes. Only a list of the server's own names detects
// this. No I/O.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chat::net {

class AllowedHosts {
 public:
  // Says what is wrong with an entry. Empty: it is valid.
  static std::string check(std::string_view entry);

  // Takes entries that check() accepts. Without entries every host is allowed.
  explicit AllowedHosts(const std::vector<std::string>& entries);

  bool any_host() const { return entries_.empty(); }
  // host: the value of a Host header. secure: whether its default port is 443 rather than 80.
  bool allows(std::string_view host, bool secure) const;

 private:
  struct Entry {
    std::string name;  // for a pattern, what follows "*": ".example.org"
    std::string port;  // empty: any
    bool is_pattern;
  };
  std::vector<Entry> entries_;
};

}  // namespace chat::net
