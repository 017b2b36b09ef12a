// A map with string keys that accepts a string_view for look-ups without a copy.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace chat {

struct StringHash : std::hash<std::string_view> {
  using is_transparent = void;
};

template <class Value>
using StringMap = std::unordered_map<std::string, Value, StringHash, std::equal_to<>>;

}  // namespace chat
