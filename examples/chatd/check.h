// Implements --check: tests everything that a start would test, without listening where a client could connect.
#pragma once

#include <vector>

#include "options.h"

namespace chatd {

struct Findings {
  std::vector<Fault> faults;    // all faults, including those of the file
  std::vector<Fault> warnings;  // a start would fail now, perhaps only because the service is already running
};

// Resets the invalid options.
Findings check(Options& options);

}  // namespace chatd
