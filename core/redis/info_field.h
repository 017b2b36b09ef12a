// The answer to INFO.
#pragma once

#include <algorithm>
#include <string_view>

namespace chat::redis {

// The value of its line "name:value"; empty: there is none. Valid as long as `info`.
inline std::string_view info_field(std::string_view info, std::string_view name) {
  while (!info.empty()) {
    const std::size_t end = std::min(info.find("\r\n"), info.size());
    const std::string_view line = info.substr(0, end);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':')
      return line.substr(name.size() + 1);
    info.remove_prefix(std::min(end + 2, info.size()));
  }
  return {};
}

}  // namespace chat::redis
