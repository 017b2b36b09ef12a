// Detects whether this process was forked from the one that created an object. The library's threads do not exist in
// the child, and its locks may be held forever, so the child must not touch a server.
#pragma once

#include <cstdint>

namespace pychat {

// The number of forks since the process that loaded the extension, including forks by C code.
std::uint64_t forks();

}  // namespace pychat
