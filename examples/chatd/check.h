// Implements --check: tests everything that a start would, but does not listen where a client could connect.
#pragma once

#include <vector>

#include "options.h"

namespace chatd {

struct Findings {
  std::vector<Fault> faults;    // all of them, those of the file included
  std::vector<Fault> warnings;  // a start would fail now, but perhaps only because the service itself runs
};

// Resets the options that are wrong.
Findings check(Options& options);

}  // namespace chatd
