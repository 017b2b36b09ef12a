// The versions of the underlying libraries as loaded at run time, not as compiled against.
#pragma once

#include <string>

namespace chat::net {

// For example "libwebsockets 4.1.6, libuv 1.44.2, OpenSSL 3.0.15, cJSON 1.7.15, zlib 1.2.13".
std::string library_versions();

}  // namespace chat::net
