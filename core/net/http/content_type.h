// The media type of a file, by its extension.
#pragma once

#include <string_view>

namespace chat::net {

// "application/octet-stream" if the extension is unknown.
std::string_view content_type_of(std::string_view path);

}  // namespace chat::net
