// What --check does: tries everything that a start would come upon, but listens nowhere that a client could connect to.
#pragma once

#include <string>

#include "options.h"

namespace chatd {

// Empty, or a sentence that names the option, and its line when it stands in a file. Changes the options' listener. Whether a
// port is free is not tried: a daemon that runs already may have it.
std::string find_fault(Options& options);

}  // namespace chatd
