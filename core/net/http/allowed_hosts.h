// The names under which a server may be addressed. A web page whose own name is made to lead to this server (DNS rebinding) has that
// name in its Host and in its Origin, so the Origin check passes: only a list of the server's own names tells. No socket.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chat::net {

class AllowedHosts {
 public:
  // What is wrong with an entry; empty: nothing.
  static std::string check(std::string_view entry);

  // Entries that check() accepts. None: every host is allowed.
  explicit AllowedHosts(const std::vector<std::string>& entries);

  bool any_host() const { return entries_.empty(); }
  // host: the value of a Host header. secure: whether its default port is 443 rather than 80.
  bool allows(std::string_view host, bool secure) const;

 private:
  struct Entry {
    std::string name;  // of a pattern what follows "*": ".example.org"
    std::string port;  // empty: any
    bool is_pattern;
  };
  std::vector<Entry> entries_;
};

}  // namespace chat::net
