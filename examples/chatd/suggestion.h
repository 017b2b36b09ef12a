// The known name that was probably meant by an unknown one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chatd {

// Empty when none is near enough. Ignores case, and takes '_' for '-'.
std::string nearest_name(std::string_view unknown, const std::vector<std::string>& known);

}  // namespace chatd
