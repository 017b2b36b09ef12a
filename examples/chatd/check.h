// Implements --check: tests everything that a start would, but does not listen where a client could connect.
#pragma once

#include <string>

#include "options.h"

namespace chatd {

// Returns an empty string, or a sentence that names the option and, if it comes from a file, its line. Changes the
// options' listener. Does not test whether the port is free, because a running daemon may use it.
std::string find_fault(Options& options);

}  // namespace chatd
