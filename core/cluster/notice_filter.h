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
  // So many numbers before the newest one are told apart.
  static constexpr std::size_t kWindow = 16'384;

  enum class News : std::uint8_t {
    fresh,
    repeated,
    too_old,  // nobody knows whether it has come before; it is not taken
  };
  // Notes that this number of the server has come. Numbers begin at 1. Throws std::bad_alloc; then nothing has changed.
  News take(std::string_view server, std::uint64_t number) {
    Seen& seen = servers_.try_emplace(std::string(server)).first->second;
    if (number > seen.newest) {
      const std::uint64_t step = number - seen.newest;
      if (step >= kWindow) {
        seen.come.reset();
      } else {
        for (std::uint64_t i = 1; i < step; ++i) seen.come.reset(place_of(seen.newest + i));
      }
      seen.newest = number;
    } else if (seen.newest - number >= kWindow) {
      return News::too_old;
    } else if (seen.come.test(place_of(number))) {
      return News::repeated;
    }
    seen.come.set(place_of(number));
    return News::fresh;
  }

  // Forgets the servers that are not among these.
  void keep(const std::vector<std::string>& servers) {
    std::erase_if(servers_, [&](const auto& one) { return std::ranges::find(servers, one.first) == servers.end(); });
  }

 private:
  struct Seen {
    std::uint64_t newest = 0;
    std::bitset<kWindow> come;  // the newest numbers, each at its place_of()
  };
  static std::size_t place_of(std::uint64_t number) { return static_cast<std::size_t>(number % kWindow); }

  StringMap<Seen> servers_;
};

}  // namespace chat::cluster
