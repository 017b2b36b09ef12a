// The host names under which a server may be addressed. A DNS rebinding attack makes the name of a hostile web page
// resolve to this server. Host and Origin then both contain that name, so the Origin check passes; only a list of the
// server's own names detects the attack. No I/O.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chat::net {

class AllowedHosts {
 public:
  // Returns the fault of an entry; empty when it is valid.
  static std::string check(std::string_view entry);

  // Every entry must have passed check(). Without entries every host is allowed.
  explicit AllowedHosts(const std::vector<std::string>& entries);

  bool any_host() const { return entries_.empty(); }
  // host: the value of a Host header. secure: true when the default port is 443, not 80.
  bool allows(std::string_view host, bool secure) const;

 private:
  struct Entry {
    std::string name;  // for a pattern, the text after "*": ".example.org"
    std::string port;  // empty: any
    bool is_pattern;
  };
  std::vector<Entry> entries_;
};

}  // namespace chat::net
