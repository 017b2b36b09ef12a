// Whether this process was forked from the one that made a thing. The library's threads do not exist in the child, and its
// locks may be held there for ever, so nothing of a server may be touched.
#pragma once

#include <cstdint>

namespace pychat {

// How many forks lie between the process that loaded the extension and this one. Forks of C code are counted too.
std::uint64_t forks();

}  // namespace pychat
