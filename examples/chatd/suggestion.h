// Finds the known name that an unknown one probably stands for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chatd {

// Returns an empty string when no name is similar. Ignores case and treats '_' as '-'.
std::string nearest_name(std::string_view unknown, const std::vector<std::string>& known);

}  // namespace chatd
