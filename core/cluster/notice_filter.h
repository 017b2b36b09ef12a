// Which notices of other servers have come already. In a Redis Cluster each node passes a notice on, and a server publishes it again
// when it does not know whether a node has. A notice is let through once, or not at all if it is far older than the newest one.
#pragma once

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/string_map.h"

namespace chat::cluster {

class NoticeFilter {
 public:
  // So many numbers before the newest one are told apart; an older one is not new.
  static constexpr std::size_t kWindow = 1'024;

  // The first time that this number of the server comes. Numbers begin at 1. Throws std::bad_alloc; then nothing has changed.
  bool is_new(std::string_view server, std::uint64_t number) {
    Seen& seen = servers_.try_emplace(std::string(server)).first->second;
    if (number > seen.newest) {
      const std::uint64_t step = number - seen.newest;
      seen.before = step < kWindow ? seen.before << static_cast<std::size_t>(step) : std::bitset<kWindow>();
      seen.newest = number;
      seen.before.set(0);
      return true;
    }
    const std::uint64_t age = seen.newest - number;
    if (age >= kWindow || seen.before.test(static_cast<std::size_t>(age))) return false;
    seen.before.set(static_cast<std::size_t>(age));
    return true;
  }

  // Forgets the servers that are not among these.
  void keep(const std::vector<std::string>& servers) {
    std::erase_if(servers_, [&](const auto& one) { return std::ranges::find(servers, one.first) == servers.end(); });
  }

 private:
  struct Seen {
    std::uint64_t newest = 0;
    std::bitset<kWindow> before;  // by their distance to the newest
  };

  StringMap<Seen> servers_;
};

}  // namespace chat::cluster
