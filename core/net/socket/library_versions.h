// The versions of the libraries below this one, as they are loaded and not as they were when this was compiled.
#pragma once

#include <string>

namespace chat::net {

// "libwebsockets 4.1.6, libuv 1.44.2, OpenSSL 3.0.15, cJSON 1.7.15, zlib 1.2.13"
std::string library_versions();

}  // namespace chat::net
