// A map from strings that is asked with a string_view, without making a string of it first.
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
