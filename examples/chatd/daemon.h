// Runs the daemon: starts the server, notifies the service manager, and handles signals.
#pragma once

#include "options.h"

namespace chatd {

// Returns the exit code. Call it before the process has other threads.
int run(Options& options);

}  // namespace chatd
