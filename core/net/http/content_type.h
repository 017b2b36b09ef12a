// The media type of a file, by the ending of its name.
#pragma once

#include <string_view>

namespace chat::net {

// "application/octet-stream" when the ending is unknown.
std::string_view content_type_of(std::string_view path);

}  // namespace chat::net
