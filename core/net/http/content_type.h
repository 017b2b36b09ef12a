// Maps file extensions to media types.
#pragma once

#include <string_view>

namespace chat::net {

// Returns "application/octet-stream" for an unknown extension.
std::string_view content_type_of(std::string_view path);

}  // namespace chat::net
